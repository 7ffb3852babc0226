import mqttPacket, { type IPublishPacket } from 'mqtt-packet';
import { describe, expect, test } from 'vitest';
import {
  decodeProperties,
  encodeProperties,
  type MqttProperties,
} from '../../../../storage/record-batch/mqtt-properties.ts';

const MALFORMED = expect.objectContaining({ code: 'PROPERTIES_MALFORMED' });
const samples: MqttProperties[] = [
  {},
  { payloadFormatIndicator: true },
  { payloadFormatIndicator: false, messageExpiryInterval: 0 },
  { messageExpiryInterval: 0xffffffff, contentType: '', responseTopic: 'a/ü' },
  { correlationData: Buffer.from([0, 255, 10]) },
  { correlationData: Buffer.alloc(0) },
  { userProperties: { k: 'v' } },
  { userProperties: { k: ['one', 'two', 'three'], ключ: '🌡', 'empty value': '' }, contentType: 'x' },
  { topicAlias: 0xffff },
  { subscriptionIdentifier: 1 },
  { subscriptionIdentifier: 268_435_455 },
  { contentType: 'x'.repeat(0xffff) },
];

/** The property bytes of a PUBLISH that mqtt-packet made: after topic and property length. */
function referenceBytes(properties: MqttProperties): Buffer {
  const packet: IPublishPacket = {
    cmd: 'publish',
    topic: 't',
    payload: '',
    qos: 0,
    dup: false,
    retain: false,
  };
  const bytes = mqttPacket.generate(
    { ...packet, properties: properties as IPublishPacket['properties'] },
    { protocolVersion: 5 },
  );
  const remaining = skipVarint(bytes, 1);
  return bytes.subarray(skipVarint(bytes, remaining + 2 + 1));
}

function skipVarint(bytes: Buffer, at: number): number {
  let next = at;
  while (bytes[next] >= 0x80) next++;
  return next + 1;
}

function referenceDecode(properties: Buffer): IPublishPacket['properties'] {
  const rest = Buffer.concat([Buffer.from([0, 1]), Buffer.from('t'), varint(properties.length), properties]);
  let found: IPublishPacket | undefined;
  const parser = mqttPacket.parser({ protocolVersion: 5 });
  parser.on('packet', (packet) => {
    found = packet as IPublishPacket;
  });
  parser.on('error', (error) => {
    throw error;
  });
  parser.parse(Buffer.concat([Buffer.from([0x30]), varint(rest.length), rest]));
  return found?.properties;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    if (rest <= 0x7f) return Buffer.from(bytes);
  }
}

describe('MQTT 5 properties of records', () => {
  test.each(samples)('encodes %j to the bytes that mqtt-packet writes', (sample) => {
    expect(encodeProperties(sample).equals(referenceBytes(sample))).toBe(true);
  });

  test.each(samples)('decodes its own bytes of %j', (sample) => {
    expect(decodeProperties(encodeProperties(sample))).toEqual(sample);
  });

  test.each(samples.slice(1))('decodes %j as mqtt-packet does', (sample) => {
    const bytes = encodeProperties(sample);
    expect(decodeProperties(bytes)).toEqual(referenceDecode(bytes));
  });

  test('collects user properties of one name in their order, empty values too', () => {
    const bytes = Buffer.concat([
      encodeProperties({ userProperties: { a: '' } }),
      encodeProperties({ userProperties: { b: 'x' } }),
      encodeProperties({ userProperties: { a: '2' } }),
    ]);
    expect(decodeProperties(bytes)).toEqual({ userProperties: { a: ['', '2'], b: 'x' } });
  });

  test('takes any text as the name of a user property', () => {
    const properties = decodeProperties(
      encodeProperties({ userProperties: { ['__proto__']: 'x', constructor: 'y' } }),
    );
    expect(Object.entries(properties.userProperties!)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });

  test('keeps several subscription identifiers', () => {
    const bytes = encodeProperties({ subscriptionIdentifier: [1, 200, 3] });
    expect(decodeProperties(bytes)).toEqual({ subscriptionIdentifier: [1, 200, 3] });
  });

  test('leaves out what is undefined', () => {
    expect(encodeProperties({ contentType: undefined })).toHaveLength(0);
  });

  test('finds every property cut short', () => {
    for (const sample of samples.slice(1, -1)) {
      const bytes = encodeProperties(sample);
      const whole = decodeProperties(bytes);
      for (let length = 1; length < bytes.length; length++) {
        let decoded: MqttProperties | undefined;
        try {
          decoded = decodeProperties(bytes.subarray(0, length));
        } catch (error) {
          expect(error).toEqual(MALFORMED);
        }
        // A cut between two properties leaves a shorter list that is well-formed.
        expect(decoded, `${length} bytes of ${JSON.stringify(sample)}`).not.toEqual(whole);
      }
    }
  });

  test.each<[string, number[]]>([
    ['an identifier that is none of a publish', [0x11, 0, 0, 0, 1]],
    ['an unknown identifier', [0x7f, 0]],
    ['a property that may come once, twice', [0x02, 0, 0, 0, 1, 0x02, 0, 0, 0, 1]],
    ['a payload format that is neither 0 nor 1', [0x01, 2]],
    ['text that is not UTF-8', [0x03, 0, 2, 0xc3, 0x28]],
    ['a surrogate in UTF-8', [0x03, 0, 3, 0xed, 0xa0, 0x80]],
    ['an integer of five bytes', [0x0b, 0x80, 0x80, 0x80, 0x80, 0x01]],
  ])('refuses %s', (_, bytes) => {
    expect(() => decodeProperties(Buffer.from(bytes))).toThrow(MALFORMED);
  });

  test('keeps a byte order mark that the device sent', () => {
    const bytes = Buffer.from([0x03, 0, 4, 0xef, 0xbb, 0xbf, 0x61]);
    expect(decodeProperties(bytes)).toEqual({ contentType: '\ufeffa' });
  });

  test.each<MqttProperties>([
    { messageExpiryInterval: -1 },
    { messageExpiryInterval: 2 ** 32 },
    { topicAlias: 65_536 },
    { subscriptionIdentifier: 2 ** 28 },
    { contentType: 'x'.repeat(0x10000) },
  ])('does not encode what has no encoding', (properties) => {
    expect(() => encodeProperties(properties)).toThrow(MALFORMED);
  });
});
