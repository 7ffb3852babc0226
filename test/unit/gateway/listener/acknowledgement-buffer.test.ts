import { describe, expect, test } from 'vitest';
import {
  publishRefusal,
  publishRefusalNames,
  publishRefusalOf,
} from '../../../../gateway/admission/publish-refusal.ts';
import {
  AcknowledgementBuffer,
  reasonedBytesMax,
} from '../../../../gateway/listener/acknowledgement-buffer.ts';
import { AckKind } from '../../../../storage/record-source.ts';
import { parseByReference } from '../../../support/mqtt-reference.ts';

test('acknowledgements become one write, in order (MQTT 5.0 3.4, 3.5, 3.7)', () => {
  const buffer = new AcknowledgementBuffer();
  buffer.add(AckKind.puback, 1, 0);
  buffer.add(AckKind.pubrec, 0xabcd, 0);
  buffer.add(AckKind.pubcomp, 3, 0x92);
  expect(buffer.take()?.toString('hex')).toBe('40020001' + '5002abcd' + '7003000392');
  expect(buffer.take()).toBeNull();
});

test('what was taken is not touched by what comes later', () => {
  const buffer = new AcknowledgementBuffer();
  buffer.add(AckKind.puback, 1, 0);
  const taken = buffer.take();
  for (let i = 0; i < 100; i++) buffer.add(AckKind.puback, 0xffff, 0);
  expect(taken?.toString('hex')).toBe('40020001');
  expect(buffer.take()).toHaveLength(400);
});

test('what was given back is written over; what was not stays as it is', () => {
  const buffer = new AcknowledgementBuffer();
  buffer.add(AckKind.puback, 1, 0);
  const first = buffer.take()!;
  buffer.giveBack();
  buffer.add(AckKind.puback, 2, 0);
  const second = buffer.take()!;
  expect(second).toBe(first);
  expect(second.toString('hex')).toBe('40020002');
  buffer.add(AckKind.puback, 3, 0);
  expect(buffer.take()?.toString('hex')).toBe('40020003');
  expect(second.toString('hex')).toBe('40020002');
  buffer.giveBack();
  buffer.add(AckKind.puback, 4, 0);
  buffer.add(AckKind.puback, 5, 0);
  expect(buffer.take()?.toString('hex')).toBe('4002000440020005');
  expect(second.toString('hex')).toBe('40020002');
});

test('what is given back while more has been added takes nothing of that with it', () => {
  const buffer = new AcknowledgementBuffer();
  buffer.add(AckKind.puback, 1, 0);
  buffer.take();
  buffer.add(AckKind.puback, 2, 0);
  buffer.giveBack();
  expect(buffer.take()?.toString('hex')).toBe('40020002');
});

test('a window of acknowledgements is not held for good', () => {
  const buffer = new AcknowledgementBuffer();
  for (let id = 1; id <= 1000; id++) buffer.add(AckKind.puback, id, 0);
  const large = buffer.take()!;
  buffer.giveBack();
  buffer.add(AckKind.puback, 7, 0);
  buffer.take();
  expect(large.readUInt16BE(2)).toBe(1);
  expect(large.readUInt16BE(4 * 1000 - 2)).toBe(1000);
});

test('grows for a whole window of acknowledgements', () => {
  const buffer = new AcknowledgementBuffer();
  for (let id = 1; id <= 65535; id++) buffer.add(AckKind.puback, id, 0);
  const bytes = buffer.take()!;
  expect(bytes).toHaveLength(4 * 65535);
  for (let id = 1; id <= 65535; id++) expect(bytes.readUInt16BE(4 * id - 2)).toBe(id);
});

describe('a refusal of admission', () => {
  const refusals = publishRefusalNames.map((name, i) => [name, publishRefusal.notAuthorized + i] as const);
  const kinds = { puback: AckKind.puback, pubrec: AckKind.pubrec };

  test.each(refusals)(
    'says why to a client that wants to know (MQTT 5.0 3.1.2.11.7): %s',
    (_name, refusal) => {
      const { reasonCode, text } = publishRefusalOf(refusal)!;
      for (const [cmd, kind] of Object.entries(kinds)) {
        const buffer = new AcknowledgementBuffer();
        buffer.saysWhy = true;
        buffer.add(kind, 0x1234, refusal);
        const bytes = buffer.take()!;
        expect(bytes.length).toBeLessThanOrEqual(reasonedBytesMax);
        expect(parseByReference(bytes, 5)).toMatchObject({
          kind: 'packet',
          packet: { cmd, messageId: 0x1234, reasonCode, properties: { reasonString: text } },
        });
      }
    },
  );

  test.each(refusals)('is a reason code alone to one that does not: %s', (_name, refusal) => {
    const { reasonCode } = publishRefusalOf(refusal)!;
    const buffer = new AcknowledgementBuffer();
    buffer.add(AckKind.puback, 0x1234, refusal);
    buffer.add(AckKind.pubrec, 0x1235, refusal);
    expect([...buffer.take()!]).toEqual([0x40, 3, 0x12, 0x34, reasonCode, 0x50, 3, 0x12, 0x35, reasonCode]);
  });

  test('stands among others in the order in which they were decided, however many there are', () => {
    const buffer = new AcknowledgementBuffer();
    buffer.saysWhy = true;
    for (let id = 1; id <= 1000; id++)
      buffer.add(
        AckKind.puback,
        id,
        id % 3 === 0 ? refusals[id % refusals.length][1] : id % 3 === 1 ? 0 : 0x87,
      );
    let bytes = buffer.take()!;
    for (let id = 1; id <= 1000; id++) {
      const frame = bytes.subarray(0, 2 + bytes[1]); // none has 128 bytes
      bytes = bytes.subarray(frame.length);
      const refusal = publishRefusalOf(refusals[id % refusals.length][1])!;
      const expected =
        id % 3 === 0
          ? { reasonCode: refusal.reasonCode, properties: { reasonString: refusal.text } }
          : { reasonCode: id % 3 === 1 ? 0 : 0x87 };
      expect(parseByReference(frame, 5)).toMatchObject({
        packet: { cmd: 'puback', messageId: id, ...expected },
      });
    }
    expect(bytes).toHaveLength(0);
  });
});
