import { expect, test } from 'vitest';
import { ShareSums } from '../../../../storage/shares/share-sums.ts';
import { seededRun } from '../../../support/seeded-run.ts';

test('sums are handed on once, without what has come to nothing', () => {
  const sums = new ShareSums();
  sums.add(Float64Array.of(1, 10, 2, 20));
  sums.subtract(Float64Array.of(1, 10, 2, 5));
  sums.add(Float64Array.of(3, 1, 3, 1));
  expect([...sums.take()]).toEqual([2, 15, 3, 2]);
  expect([sums.isEmpty, sums.take().length]).toEqual([true, 0]);
});

test('sums are those of a plain map, however many owners there are and however often they are taken', () =>
  seededRun(async (random) => {
    const sums = new ShareSums();
    for (const owners of [10, 3000, 100_000, 50]) {
      const model = new Map<number, number>();
      for (let i = 0; i < 4 * owners; i++) {
        const owner = 1 + ((random.int(owners) * 0x9e3779b1) % 2 ** 40);
        const bytes = random.between(1, 100);
        const isMore = random.chance(60);
        sums[isMore ? 'add' : 'subtract'](Float64Array.of(owner, bytes));
        model.set(owner, (model.get(owner) ?? 0) + (isMore ? bytes : -bytes));
      }
      const taken = sums.take();
      const left = [...model].filter(([, bytes]) => bytes !== 0);
      expect(taken).toHaveLength(2 * left.length);
      const found = new Map<number, number>();
      for (let i = 0; i < taken.length; i += 2) found.set(taken[i], taken[i + 1]);
      expect(left.every(([owner, bytes]) => found.get(owner) === bytes)).toBe(true);
    }
  }));
