import { describe, expect, test } from 'vitest';
import { derivedSeed, seededRandom } from '../../../simulator/seeded-random.ts';

describe('seeded random numbers', () => {
  test('repeat for the same seed', () => {
    const [one, other] = [seededRandom(42), seededRandom(42)];
    for (let i = 0; i < 100; i++) expect(one()).toBe(other());
  });

  test('are spread evenly between 0 and 1', () => {
    const random = seededRandom(1);
    const tenths = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) tenths[Math.floor(random() * 10)]++;
    for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  test('differ for every device of a fleet', () => {
    const seeds = new Set(Array.from({ length: 10_000 }, (_, index) => derivedSeed(1, index)));
    expect(seeds.size).toBe(10_000);
  });
});
