import { describe, expect, test } from 'vitest';
import { mergeBatches, sharesTimeBase, sliceBatch } from '../../../bridge/merge.ts';
import { decodeHeader, encodeBatch } from '../../../storage/record-batch/codec.ts';
import { type RecordBatch, recordsOf } from '../../../storage/record-batch/record-batch.ts';
import { numberedBatch, recordBatch } from '../../support/record-batches.ts';

function headerOf(batch: RecordBatch) {
  return decodeHeader(encodeBatch(batch, { compression: 'none', level: 0 }));
}

describe('mergeBatches', () => {
  test('keeps every record as it is, with its offset and absolute time', () => {
    const first = recordBatch(
      [
        { device: 'a', topic: 'x', payload: 'one', timeMs: 5 },
        { device: 'b', topic: 'y', payload: 'two', qos: 2, retain: true, timeMs: 7 },
      ],
      { firstOffset: 10, baseTimeMs: 1000, baseMonotonicMs: 50 },
    );
    const second = recordBatch(
      [
        { device: 'b', topic: 'z', payload: '', properties: Uint8Array.of(1, 1), timeMs: 1 },
        { device: 'c', topic: 'x', payload: 'four', properties: new Uint8Array(), timeMs: 3 },
      ],
      { firstOffset: 12, baseTimeMs: 3000, baseMonotonicMs: 2050 },
    );
    const merged = mergeBatches([first, second]);
    expect([...recordsOf(merged)].map(plain)).toEqual([...recordsOf(first), ...recordsOf(second)].map(plain));
    expect(merged).toMatchObject({ firstOffset: 10, count: 4, baseTimeMs: 1000, baseMonotonicMs: 50 });
    expect(merged.devices).toEqual(['a', 'b', 'c']);
    expect(merged.topics).toEqual(['x', 'y', 'z']);
  });

  test('tells of names left out before its first record, and no part of it that begins later does', () => {
    const first = { ...numberedBatch(50, 4), leftOutFrom: 10 };
    const merged = mergeBatches([first, numberedBatch(54, 4)]);
    expect(merged.leftOutFrom).toBe(10);
    expect(sliceBatch(merged, 0, 2).leftOutFrom).toBe(10);
    expect(sliceBatch(merged, 2, 2)).not.toHaveProperty('leftOutFrom');
    expect(mergeBatches([sliceBatch(merged, 2, 2)])).not.toHaveProperty('leftOutFrom');
  });

  test('has no property column when no record has properties, and never packet ids', () => {
    const batch = recordBatch([{ packetId: 7 }, { packetId: 8 }]);
    const merged = mergeBatches([batch, recordBatch([{}], { firstOffset: 2 })]);
    expect(merged.propertiesBytes).toBeNull();
    expect(merged.packetId).toBeNull();
  });

  test('leaves out table entries that no record uses', () => {
    const batch = recordBatch([
      { device: 'a', topic: 'x' },
      { device: 'b', topic: 'y' },
      { device: 'a', topic: 'x' },
    ]);
    const merged = mergeBatches([sliceBatch(batch, 2, 1)]);
    expect(merged).toMatchObject({ devices: ['a'], topics: ['x'], firstOffset: 2, count: 1 });
  });

  test('stops before the string tables overflow', () => {
    const parts = [0, 40_000].map((from) => {
      const devices = Array.from({ length: 40_000 }, (_, i) => `dev-${from + i}`);
      const batch = recordBatch([{}], { firstOffset: from / 40_000 });
      return { ...batch, devices, device: Uint16Array.of(39_999) };
    });
    const merged = mergeBatches(parts);
    expect(merged.count).toBe(1);
    expect([...recordsOf(merged)][0].device).toBe('dev-39999');
  });

  test('owns its memory', () => {
    const batch = recordBatch([{ payload: 'abc' }]);
    const merged = mergeBatches([batch]);
    batch.data.fill(0);
    expect(Buffer.from(merged.data).toString()).toBe('abc');
  });
});

describe('sliceBatch', () => {
  test('gives just the asked-for records', () => {
    const batch = numberedBatch(100, 10);
    const slice = sliceBatch(batch, 3, 4);
    expect([...recordsOf(slice)].map(plain)).toEqual([...recordsOf(batch)].slice(3, 7).map(plain));
    expect(slice.firstOffset).toBe(103);
  });

  test('finds the data of records with properties', () => {
    const batch = recordBatch([
      { payload: 'aa', properties: Uint8Array.of(1, 0) },
      { payload: 'bbb', properties: new Uint8Array() },
      { payload: 'c', properties: Uint8Array.of(1, 1) },
    ]);
    expect([...recordsOf(sliceBatch(batch, 1, 2))].map(plain)).toEqual(
      [...recordsOf(batch)].slice(1).map(plain),
    );
  });
});

describe('sharesTimeBase', () => {
  const base = { baseTimeMs: 10_000, baseMonotonicMs: 500 };
  const first = headerOf(numberedBatch(0, 1, base));
  const cases: [string, Partial<RecordBatch>, boolean][] = [
    ['later by both clocks', { baseTimeMs: 12_000, baseMonotonicMs: 2500 }, true],
    ['another boot', { baseTimeMs: 12_000, baseMonotonicMs: 2500, bootId: 'boot-2' }, false],
    ['another gateway', { baseTimeMs: 12_000, baseMonotonicMs: 2500, gateway: 'other' }, false],
    ['a wall clock that went back', { baseTimeMs: 9_999, baseMonotonicMs: 2500 }, false],
    ['a wall clock that jumped ahead', { baseTimeMs: 60_000, baseMonotonicMs: 2500 }, false],
    ['more time than the column holds', { baseTimeMs: 2 ** 32, baseMonotonicMs: 2 ** 32 - 9500 }, false],
  ];
  test.each(cases)('%s', (_name, envelope, expected) => {
    expect(sharesTimeBase(first, headerOf({ ...numberedBatch(1, 1), ...envelope }))).toBe(expected);
  });
});

/** A record without views into a batch's memory. */
function plain({
  payload,
  properties,
  ...rest
}: ReturnType<typeof recordsOf> extends Generator<infer R> ? R : never) {
  return {
    ...rest,
    payload: Buffer.from(payload).toString(),
    properties: Buffer.from(properties).toString('hex'),
  };
}
