import { describe, expect, test } from 'vitest';
import { encodeBatch } from '../../../../storage/record-batch/codec.ts';
import { ENVELOPE_BYTES_MAX, EnvelopeCutter } from '../../../../storage/record-batch/envelope-cutter.ts';
import { randomBatch } from '../../../support/batch-samples.ts';

const envelopes = [1, 2, 3, 4, 5].map((seed) =>
  encodeBatch(randomBatch(seed), { compression: (['none', 'gzip', 'zstd'] as const)[seed % 3], level: 1 }),
);
const stream = Buffer.concat(envelopes);
const DAMAGED = expect.objectContaining({ code: 'BATCH_DAMAGED' });

function cut(bytes: Buffer, chunkBytes: number): Buffer[] {
  const cutter = new EnvelopeCutter();
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    cutter.push(bytes.subarray(at, at + chunkBytes));
    for (let next = cutter.next(); next !== undefined; next = cutter.next()) found.push(Buffer.from(next));
  }
  cutter.end();
  return found;
}

describe('envelope cutter', () => {
  test('finds the batches of a stream, whatever pieces it comes in', () => {
    for (const chunkBytes of [1, 2, 3, 7, 64, 1000, stream.length]) {
      expect(cut(stream, chunkBytes), `pieces of ${chunkBytes} bytes`).toEqual(envelopes);
    }
  });

  test('knows where the next batch begins', () => {
    const cutter = new EnvelopeCutter();
    cutter.push(stream);
    cutter.next();
    cutter.next();
    expect(cutter.position).toBe(envelopes[0].length + envelopes[1].length);
  });

  test('finds nothing in an empty stream, and that is no damage', () => {
    expect(cut(Buffer.alloc(0), 1)).toEqual([]);
  });

  test('tells that a stream ended inside a batch, wherever it ended', () => {
    for (let length = 1; length < envelopes[0].length; length++) {
      expect(() => cut(envelopes[0].subarray(0, length), 16), `after ${length} bytes`).toThrow(DAMAGED);
    }
  });

  test('refuses bytes between two batches', () => {
    expect(() => cut(Buffer.concat([envelopes[0], Buffer.from('\n'), envelopes[1]]), 16)).toThrow(DAMAGED);
  });

  test.each<[string, number[]]>([
    ['a length beyond what a batch can have', [0x5a, 0xff, 0xff, 0xff, 0xff]],
    ['a length of 2^63', [0x5b, 0x80, 0, 0, 0, 0, 0, 0, 0]],
    ['an array of 2^32 items', [0x9a, 0xff, 0xff, 0xff, 0xff]],
    ['an array inside an array inside an array without end', new Array(1000).fill(0x81)],
    ['a byte string of indefinite length', [0x5f, 0x41, 0, 0xff]],
    ['a reserved length', [0x1c]],
  ])('refuses %s at once instead of waiting for it', (_, bytes) => {
    const cutter = new EnvelopeCutter();
    cutter.push(Buffer.from([0xd9, 0xd9, 0xf7, ...bytes]));
    expect(() => cutter.next()).toThrow(DAMAGED);
  });

  test('never wants more bytes than a batch can have', () => {
    const cutter = new EnvelopeCutter();
    const head = Buffer.from([0xd9, 0xd9, 0xf7, 0x5a, 0, 0, 0, 0]);
    head.writeUInt32BE(ENVELOPE_BYTES_MAX - head.length, 4);
    cutter.push(head);
    expect(cutter.next()).toBeUndefined();
    head.writeUInt32BE(ENVELOPE_BYTES_MAX - head.length + 1, 4);
    const other = new EnvelopeCutter();
    other.push(head);
    expect(() => other.next()).toThrow(DAMAGED);
  });
});
