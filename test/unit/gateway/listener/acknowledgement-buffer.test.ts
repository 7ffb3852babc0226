import { expect, test } from 'vitest';
import { AcknowledgementBuffer } from '../../../../gateway/listener/acknowledgement-buffer.ts';
import { AckKind } from '../../../../storage/record-source.ts';

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

test('grows for a whole window of acknowledgements', () => {
  const buffer = new AcknowledgementBuffer();
  for (let id = 1; id <= 65535; id++) buffer.add(AckKind.puback, id, 0);
  const bytes = buffer.take()!;
  expect(bytes).toHaveLength(4 * 65535);
  for (let id = 1; id <= 65535; id++) expect(bytes.readUInt16BE(4 * id - 2)).toBe(id);
});
