import { describe, expect, test } from 'vitest';
import { CopyFault, copyProperties, NameProperty } from '../../../../../bridge/sinks/mqtt/properties.ts';
import { encodeProperties } from '../../../../../storage/record-batch/mqtt-properties.ts';

function copied(raw: Uint8Array, spentS = 0): string | number {
  const out = Buffer.alloc(raw.length + 3, 0xee);
  const end = copyProperties(raw, out, 3, spentS);
  return end < 0 ? end : out.subarray(3, end).toString('hex');
}

const hex = (properties: Parameters<typeof encodeProperties>[0]) =>
  Buffer.from(encodeProperties(properties)).toString('hex');

describe('properties on their way upstream', () => {
  test('all that travel with a publish are copied as they are', () => {
    const properties = {
      payloadFormatIndicator: true,
      contentType: 'text/plain',
      responseTopic: 'reply/to',
      correlationData: Buffer.from([0, 1, 2]),
      userProperties: { a: ['1', '2'], b: '', slu: 'x', 'sluice-x': 'y' },
    };
    expect(copied(encodeProperties(properties))).toBe(hex(properties));
  });

  test('the order of user properties of different names is kept', () => {
    const pairs = ['b', 'a', 'b'].map((key) => encodeProperties({ userProperties: { [key]: 'v' } }));
    expect(copied(Buffer.concat(pairs))).toBe(Buffer.concat(pairs).toString('hex'));
  });

  test('what belongs to the connection is left out', () => {
    const kept = { contentType: 'x' };
    const raw = encodeProperties({
      topicAlias: 7,
      subscriptionIdentifier: 300,
      willDelayInterval: 9,
      ...kept,
    });
    expect(copied(raw)).toBe(hex(kept));
  });

  test('a device cannot name its record', () => {
    const raw = encodeProperties({ userProperties: { sluice: ['gw/main/1', 'gw/main/2'], other: 'o' } });
    expect(copied(raw)).toBe(hex({ userProperties: { other: 'o' } }));
  });

  test('message expiry is shortened by the time spent, and a record that is over it is expired', () => {
    const raw = encodeProperties({ messageExpiryInterval: 4_000_000_000, contentType: 'x' });
    expect(copied(raw, 60)).toBe(hex({ messageExpiryInterval: 3_999_999_940, contentType: 'x' }));
    const short = encodeProperties({ messageExpiryInterval: 60 });
    expect(copied(short, 59)).toBe(hex({ messageExpiryInterval: 1 }));
    expect(copied(short, 60)).toBe(CopyFault.expired);
    expect(copied(encodeProperties({ messageExpiryInterval: 0 }))).toBe(CopyFault.expired);
  });

  test('bytes that are no properties are found out, wherever they end', () => {
    const raw = encodeProperties({
      messageExpiryInterval: 9,
      contentType: 'abc',
      userProperties: { key: 'value' },
      subscriptionIdentifier: 300,
    });
    const ends = new Set([0, 5, 11, 24, 27]);
    for (let length = 0; length <= raw.length; length++) {
      const result = copied(raw.subarray(0, length));
      if (ends.has(length)) expect(result, `length ${length}`).not.toBe(CopyFault.malformed);
      else expect(result, `length ${length}`).toBe(CopyFault.malformed);
    }
    expect(copied(Uint8Array.of(0x7f, 0))).toBe(CopyFault.malformed);
  });
});

describe('name property', () => {
  test('is a user property with the prefix and the suffix', () => {
    const name = new NameProperty('gw/main/');
    const out = Buffer.alloc(100);
    const end = name.write(out, 10, '12345');
    expect(out.subarray(10, end).toString('hex')).toBe(hex({ userProperties: { sluice: 'gw/main/12345' } }));
    expect(end - 10).toBe(name.bytes + 5);
  });

  test('can be written again and again', () => {
    const name = new NameProperty('gw/main/');
    const out = Buffer.alloc(100);
    name.write(out, 0, '99999');
    const end = name.write(out, 0, '7');
    expect(out.subarray(0, end).toString('hex')).toBe(hex({ userProperties: { sluice: 'gw/main/7' } }));
  });
});
