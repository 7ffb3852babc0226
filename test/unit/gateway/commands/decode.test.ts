import { describe, expect, test } from 'vitest';
import { decodeStream } from '../../../../gateway/commands/decode.ts';
import { encodeBatch } from '../../../../storage/record-batch/codec.ts';
import { randomBatch, sampleBatch } from '../../../support/batch-samples.ts';

const encode = (seed: number): Buffer => encodeBatch(randomBatch(seed), { compression: 'gzip', level: 1 });

async function* chunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function decode(bytes: Buffer, size = 100): Promise<{ lines: string[]; result: unknown }> {
  const lines: string[] = [];
  const result = await decodeStream(chunks(bytes, size), (line) => void lines.push(line)).catch(
    (error) => error,
  );
  return { lines, result };
}

describe('decoding a stream of batches', () => {
  test('prints every record of every batch in order and counts them', async () => {
    const batches = [1, 2, 3].map(randomBatch);
    const { lines, result } = await decode(Buffer.concat([1, 2, 3].map(encode)));
    const records = batches.reduce((sum, batch) => sum + batch.count, 0);
    expect(result).toEqual({ records, batches: 3 });
    expect(lines.map((line) => JSON.parse(line).offset)).toEqual(
      batches.flatMap((batch) => Array.from({ length: batch.count }, (_, i) => batch.firstOffset + i)),
    );
  });

  test('prints nothing for nothing', async () => {
    expect(await decode(Buffer.alloc(0))).toEqual({ lines: [], result: { records: 0, batches: 0 } });
  });

  test('prints what is before a damaged batch, and names the place', async () => {
    const good = encode(1);
    const damaged = Buffer.from(encode(2));
    damaged[damaged.length >> 1] ^= 1;
    const { lines, result } = await decode(Buffer.concat([good, damaged, encode(3)]));
    expect(lines).toHaveLength(randomBatch(1).count);
    expect(result).toMatchObject({
      code: 'BATCH_DAMAGED',
      message: expect.stringContaining(`batch 2 at byte ${good.length}:`),
    });
  });

  test('prints what is before the end of a stream that was cut off', async () => {
    const good = encode(1);
    const { lines, result } = await decode(Buffer.concat([good, encode(2).subarray(0, 50)]));
    expect(lines).toHaveLength(randomBatch(1).count);
    expect(result).toMatchObject({
      code: 'BATCH_DAMAGED',
      message: expect.stringMatching(
        new RegExp(`batch 2 at byte ${good.length}: .*the input ends after 50 of`),
      ),
    });
  });

  test('prints no record of a batch in which one has malformed properties', async () => {
    const batch = sampleBatch({}, [{ payload: 'a' }, { properties: { contentType: 'xy' } }]);
    Buffer.from(batch.data.buffer, batch.data.byteOffset).writeUInt8(0x7f, 1);
    const { lines, result } = await decode(encodeBatch(batch, { compression: 'none', level: 1 }));
    expect(lines).toEqual([]);
    expect(result).toMatchObject({
      code: 'PROPERTIES_MALFORMED',
      message: expect.stringContaining('batch 1 at byte 0'),
    });
  });

  test('refuses what is no batch at all', async () => {
    expect((await decode(Buffer.from('{"json": true}'))).result).toMatchObject({
      code: 'BATCH_DAMAGED',
      message: expect.stringContaining('batch 1 at byte 0'),
    });
  });

  test('waits for the writer before it goes on', async () => {
    let open: () => void = () => {};
    const written: string[] = [];
    const decoding = decodeStream(chunks(encode(1), 1 << 20), (line) => {
      written.push(line);
      return new Promise<void>((resolve) => {
        open = resolve;
      });
    });
    const { count } = randomBatch(1);
    for (let line = 1; line <= count; line++) {
      while (written.length < line) await Promise.resolve();
      expect(written).toHaveLength(line);
      open();
    }
    expect((await decoding).records).toBe(count);
  });
});
