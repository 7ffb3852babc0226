import * as zlib from 'node:zlib';
import { Encoder } from 'cbor-x';
import { describe, expect, test } from 'vitest';
import { BODY_BYTES_MAX } from '../../../../storage/record-batch/batch-shape.ts';
import {
  type Compression,
  decodeBatch,
  decodeHeader,
  encodeBatch,
} from '../../../../storage/record-batch/codec.ts';
import { type RecordBatch, recordsOf } from '../../../../storage/record-batch/record-batch.ts';
import { randomBatch, sampleBatch, withDeadLetters } from '../../../support/batch-samples.ts';

const COMPRESSIONS: Compression[] = ['none', 'gzip', 'zstd'];
const encoder = new Encoder({ tagUint8Array: false, useRecords: false, variableMapSize: true });
const small = sampleBatch({}, [{ payload: 'on' }, { payload: 'off', qos: 2 }]);

/** What a batch says, whatever kind of view its bytes are. */
function content(batch: RecordBatch): unknown {
  const plain = Object.entries(batch).map(([name, value]) => [
    name,
    ArrayBuffer.isView(value) ? Array.from(value as Uint8Array) : value,
  ]);
  return Object.fromEntries(plain);
}

/** An envelope around these items with a right checksum, as a wrong or hostile writer could make it. */
function envelope(items: unknown[]): Buffer {
  const head = Buffer.concat([Buffer.from([0xd9, 0xd9, 0xf7]), encoder.encode([...items, 0xffffffff])]);
  head.writeUInt32BE(zlib.crc32(head.subarray(0, head.length - 5)), head.length - 4);
  return head;
}

function itemsOf(changes: { [index: number]: unknown } = {}, body: unknown = bodyOf()): unknown[] {
  const bytes = encoder.encode(body);
  const items: unknown[] = [1, 'gw-1', 'main', 0, 1, 1000, 'boot', 5, 'none', bytes.length, bytes];
  for (const [index, value] of Object.entries(changes)) items[Number(index)] = value;
  return items;
}

function bodyOf(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    devices: ['d'],
    topics: ['t'],
    device: Uint16Array.of(0),
    topic: Uint16Array.of(0),
    timeMs: Uint32Array.of(0),
    flags: Buffer.from([1]),
    payloadBytes: Uint32Array.of(2),
    data: Buffer.from('hi'),
    ...changes,
  };
}

describe('record batch codec', () => {
  test('takes names left out only before the first record', () => {
    const leaving = (leftOutFrom: unknown) =>
      decodeBatch(envelope(itemsOf({ 3: 50 }, bodyOf({ leftOutFrom }))));
    expect(leaving(10).leftOutFrom).toBe(10);
    expect(leaving(50).leftOutFrom).toBe(50);
    for (const wrong of [51, -1, 1.5, 'x']) expect(() => leaving(wrong)).toThrow(/leftOutFrom/);
  });

  test.each(COMPRESSIONS)('gives back what was encoded with %s', (compression) => {
    for (let seed = 1; seed <= 150; seed++) {
      const batch = randomBatch(seed);
      const bytes = encodeBatch(batch, { compression, level: 1 });
      expect(content(decodeBatch(bytes)), `seed ${seed}`).toEqual(content(batch));
      expect(decodeHeader(bytes)).toMatchObject({
        compression,
        firstOffset: batch.firstOffset,
        count: batch.count,
      });
    }
  });

  test('decodes bytes that begin at an odd place in a larger buffer', () => {
    const bytes = encodeBatch(small, { compression: 'none', level: 1 });
    for (let shift = 0; shift < 8; shift++) {
      const shifted = Buffer.concat([Buffer.alloc(shift), bytes]).subarray(shift);
      expect(content(decodeBatch(shifted))).toEqual(content(small));
    }
  });

  test('keeps clocks that are before 1970 or before the monotonic origin', () => {
    const batch = sampleBatch({ baseTimeMs: -5_000_000_000, baseMonotonicMs: -3_000_000_000 }, [{}]);
    expect(content(decodeBatch(encodeBatch(batch, { compression: 'none', level: 1 })))).toEqual(
      content(batch),
    );
  });

  test('encodes into memory of its own, which can be transferred', () => {
    const bytes = encodeBatch(small, { compression: 'none', level: 1 });
    expect(bytes.byteLength).toBe(bytes.buffer.byteLength);
    expect(
      structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] }).byteLength,
    ).toBeGreaterThan(0);
  });

  test.each(COMPRESSIONS)('detects every single flipped bit of a small batch (%s)', (compression) => {
    const bytes = encodeBatch(small, { compression, level: 1 });
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      bytes[bit >> 3] ^= 1 << (bit & 7);
      expect(() => decodeHeader(bytes), `bit ${bit}`).toThrow(
        expect.objectContaining({ code: 'BATCH_DAMAGED' }),
      );
      bytes[bit >> 3] ^= 1 << (bit & 7);
    }
    expect(content(decodeBatch(bytes))).toEqual(content(small));
  });

  test('detects a batch of which the end is missing, at every length', () => {
    const bytes = encodeBatch(small, { compression: 'none', level: 1 });
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeBatch(bytes.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'BATCH_DAMAGED' }),
      );
    }
  });

  test('refuses bytes after the batch', () => {
    const bytes = encodeBatch(small, { compression: 'none', level: 1 });
    expect(() => decodeBatch(Buffer.concat([bytes, Buffer.alloc(1)]))).toThrow(/checksum/);
  });

  test('knows by the envelope whether there are dead letters, and by the record why', () => {
    for (const compression of ['none', 'gzip', 'zstd'] as const) {
      const plain = encodeBatch(randomBatch(3), { compression, level: 1 });
      expect([plain[4], decodeHeader(plain).hasDeadLetters]).toEqual([1, false]);
      const batch = withDeadLetters(randomBatch(3));
      const bytes = encodeBatch(batch, { compression, level: 1 });
      expect([bytes[4], decodeHeader(bytes).hasDeadLetters]).toEqual([2, true]);
      const decoded = decodeBatch(bytes);
      expect(Array.from(decoded.flags)).toEqual(Array.from(batch.flags));
      const reasons = [...recordsOf(decoded)].map(({ deadLetter }) => deadLetter);
      expect(reasons).toEqual(reasons.map((_, i) => (i % 3 === 0 ? 'payload-format' : undefined)));
    }
  });

  test('names the version of a batch that it does not know, and what to do', () => {
    expect(() => decodeHeader(envelope([3, 'whatever', 'a later version holds', 7, 8]))).toThrow(
      expect.objectContaining({
        code: 'BATCH_VERSION',
        message: expect.stringContaining('version 3'),
        hint: expect.stringContaining('newer'),
      }),
    );
  });

  test('reads what the test itself builds: the refusals below are not for another reason', () => {
    expect(decodeBatch(envelope(itemsOf()))).toMatchObject({ gateway: 'gw-1', count: 1, topics: ['t'] });
    expect(decodeBatch(envelope(itemsOf({}, bodyOf({ later: 'column' }))))).toMatchObject({ count: 1 });
  });

  test.each<[string, { [index: number]: unknown }]>([
    ['a gateway that is no text', { 1: 7 }],
    ['an offset below 0', { 3: -1 }],
    ['an offset with a fraction', { 3: 0.5 }],
    ['an offset that is no number', { 3: 'x' }],
    ['an offset of 2^53', { 3: 2n ** 53n }],
    ['offsets that pass 2^53 within the batch', { 3: 2n ** 53n - 1n }],
    ['a time that no date can hold', { 5: 9n * 10n ** 15n }],
    ['a count that is not that of the columns', { 4: 2 }],
    ['a count that is not a number', { 4: Number.NaN }],
    ['an unknown compression', { 8: 'lz4' }],
    ['a body that is text', { 10: 'body' }],
    ['another body length than the body has', { 9: 1 }],
    ['one item too many', { 11: 0 }],
  ])('refuses %s, though the checksum is right', (_, changes) => {
    const bytes = envelope(itemsOf(changes));
    expect(() => decodeBatch(bytes)).toThrow(expect.objectContaining({ code: 'BATCH_DAMAGED' }));
  });

  test.each<[string, unknown]>([
    ['a body that is no map', 7],
    ['a missing column', bodyOf({ topic: undefined })],
    ['a list in the place of a typed array', bodyOf({ device: [0] })],
    ['a text in the place of the flags', bodyOf({ flags: 'x' })],
    ['numbers of another width', bodyOf({ payloadBytes: Uint16Array.of(2) })],
    ['a device that is not in the table', bodyOf({ device: Uint16Array.of(1) })],
    ['a topic that is not in the table', bodyOf({ topic: Uint16Array.of(1) })],
    ['a name that is no text', bodyOf({ devices: [['d']] })],
    ['QoS 3', bodyOf({ flags: Buffer.from([3]) })],
    ['lengths that do not add up', bodyOf({ payloadBytes: Uint32Array.of(3) })],
    ['data that is no byte string', bodyOf({ data: 'hi' })],
    ['properties for half of the records', bodyOf({ propertiesBytes: new Uint32Array(0) })],
  ])('refuses %s, though the checksum is right', (_, body) => {
    const bytes = envelope(itemsOf({}, body));
    expect(() => decodeBatch(bytes)).toThrow(expect.objectContaining({ code: 'BATCH_DAMAGED' }));
  });

  test('refuses a body deeper than the stack', () => {
    const deep = Buffer.alloc(200_000, 0x81);
    const bytes = envelope(itemsOf({ 9: deep.length, 10: deep }));
    expect(() => decodeBatch(bytes)).toThrow(expect.objectContaining({ code: 'BATCH_DAMAGED' }));
  });
});

describe('a compressed body that grows without measure', () => {
  const zeros = Buffer.alloc(BODY_BYTES_MAX + 1);
  const bombs: [Compression, Buffer][] = [
    ['gzip', zlib.gzipSync(zeros)],
    ['zstd', zlib.zstdCompressSync(zeros)],
  ];

  test.each(bombs)('is not decompressed when it admits to be too large (%s)', (compression, body) => {
    const bytes = envelope(itemsOf({ 8: compression, 9: zeros.length, 10: body }));
    expect(() => decodeHeader(bytes)).toThrow(expect.objectContaining({ code: 'BATCH_DAMAGED' }));
  });

  test.each(bombs)('is stopped at the length that it claims (%s)', (compression, body) => {
    const before = process.memoryUsage().rss;
    const bytes = envelope(itemsOf({ 8: compression, 9: 1000, 10: body }));
    expect(() => decodeBatch(bytes)).toThrow(expect.objectContaining({ code: 'BATCH_DAMAGED' }));
    expect(process.memoryUsage().rss - before).toBeLessThan(BODY_BYTES_MAX / 2);
  });
});
