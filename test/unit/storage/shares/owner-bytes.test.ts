import { describe, expect, test } from 'vitest';
import { OwnerBytes } from '../../../../storage/shares/owner-bytes.ts';
import { StoredShares } from '../../../../storage/shares/stored-shares.ts';
import { seededRun } from '../../../support/seeded-run.ts';

describe('OwnerBytes', () => {
  test('has what a plain map has, however many come and go', () =>
    seededRun(async (random) => {
      const table = new OwnerBytes(10_000);
      const model = new Map<number, number>();
      // Keys that fall on few places, so that they stand in each other's way.
      const keys = Array.from({ length: 3000 }, () => random.int(64) + 1 + 2 ** 20 * random.int(2 ** 20));
      for (let step = 0; step < 30_000; step++) {
        const key = random.pick(keys);
        const had = model.get(key) ?? 0;
        const bytes = random.chance(45) && had > 0 ? -random.between(1, had) : random.between(1, 100);
        table.add(key, bytes);
        if (had + bytes === 0) model.delete(key);
        else model.set(key, had + bytes);
      }
      for (const key of keys) expect(table.of(key)).toBe(model.get(key) ?? 0);
      expect([table.owners, table.uncountedBytes]).toEqual([model.size, 0]);
      for (const [key, bytes] of model) table.add(key, -bytes);
      expect(table.owners).toBe(0);
    }));

  test('has no place for more than its bound: their bytes are told apart from nobody else’s', () => {
    const table = new OwnerBytes(2);
    table.add(1, 10);
    table.add(2, 20);
    table.add(3, 30);
    expect([table.of(3), table.owners, table.uncountedBytes]).toEqual([0, 2, 30]);
    table.add(1, -10);
    table.add(3, 5);
    expect([table.of(3), table.uncountedBytes]).toEqual([5, 30]);
    table.add(3, -35);
    expect([table.of(3), table.owners, table.uncountedBytes]).toEqual([0, 1, 0]);
  });
});

describe('StoredShares', () => {
  test('tells of every change, and has no keys before the store is open', () => {
    const shares = new StoredShares(10);
    expect(() => shares.deviceKey('a')).toThrow(/not started/);
    shares.opened('secret');
    const told: number[][] = [];
    shares.onChange = (changes) => told.push([...changes, shares.bytesOf(changes[0])]);
    const key = shares.deviceKey('a');
    shares.changed(Float64Array.of(key, 5, key, -2));
    expect([shares.bytesOf(key), shares.owners]).toEqual([3, 1]);
    expect(told).toEqual([[key, 5, key, -2, 3]]);
    expect(shares.isCounting).toBe(true);
    shares.counted();
    expect(shares.isCounting).toBe(false);
  });
});
