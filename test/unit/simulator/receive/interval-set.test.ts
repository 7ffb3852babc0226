import { describe, expect, test } from 'vitest';
import { IntervalSet } from '../../../../simulator/receive/interval-set.ts';
import { buffersOf, packSets, unpackSets } from '../../../../simulator/receive/packed-sets.ts';
import { seededRandom } from '../../../../simulator/seeded-random.ts';

function setOf(numbers: Iterable<number>): IntervalSet {
  const set = new IntervalSet();
  for (const number of numbers) set.add(number);
  return set;
}

function numbersOf(set: IntervalSet): number[] {
  const numbers: number[] = [];
  set.forEach((from, to) => {
    for (let number = from; number < to; number++) numbers.push(number);
  });
  return numbers;
}

function sorted(numbers: Iterable<number>): number[] {
  return [...numbers].sort((a, b) => a - b);
}

function without(some: Set<number>, others: Set<number>): number[] {
  return sorted(some).filter((number) => !others.has(number));
}

function randomNumbers(random: () => number, below: number): number[] {
  return Array.from({ length: Math.floor(random() * 80) }, () => Math.floor(random() * below));
}

describe('interval set', () => {
  test('is empty at first', () => {
    const set = new IntervalSet();
    expect([set.size, set.intervals, set.end, set.has(0)]).toEqual([0, 0, 0, false]);
    expect(numbersOf(set)).toEqual([]);
  });

  test('keeps what comes in order as one interval, and a gap as another', () => {
    const set = setOf([0, 1, 2, 3, 7, 8]);
    expect([...set.toBounds()]).toEqual([0, 4, 7, 9]);
    expect([set.size, set.intervals, set.end]).toEqual([6, 2, 9]);
  });

  test('tells what is new from what was there, and joins neighbours', () => {
    const set = new IntervalSet();
    const added = [5, 5, 3, 4, 0, 1, 2, 4, 9].map((number) => set.add(number));
    expect(added).toEqual([true, false, true, true, true, true, true, false, true]);
    expect([...set.toBounds()]).toEqual([0, 6, 9, 10]);
  });

  test('holds offsets beyond 32 bits', () => {
    const set = setOf([2 ** 40, 2 ** 40 + 1, 2 ** 52]);
    expect(set.has(2 ** 40 + 1)).toBe(true);
    expect(set.has(2 ** 40 + 2)).toBe(false);
    expect(set.intervals).toBe(2);
  });

  test('is as a Set is, whatever the order, for numbers dense and sparse', () => {
    for (let seed = 1; seed <= 120; seed++) {
      const random = seededRandom(seed);
      const numbers = randomNumbers(random, 10 + seed);
      const model = new Set<number>();
      const set = new IntervalSet();
      for (const number of numbers) {
        const grows = ![number - 1, number, number + 1].some((near) => model.has(near));
        expect(set.wouldGrow(number), `seed ${seed}, ${number}`).toBe(grows);
        expect(set.add(number), `seed ${seed}, ${number}`).toBe(!model.has(number));
        model.add(number);
      }
      expect(numbersOf(set), `seed ${seed}`).toEqual(sorted(model));
      expect(set.size).toBe(model.size);
      expect(set.intervals).toBe(sorted(model).filter((number) => !model.has(number - 1)).length);
      for (let number = 0; number < 12 + seed; number++) expect(set.has(number)).toBe(model.has(number));
    }
  });

  test('tells difference, intersection and gaps as sets do', () => {
    for (let seed = 1; seed <= 120; seed++) {
      const random = seededRandom(seed);
      const [some, others] = [new Set(randomNumbers(random, 60)), new Set(randomNumbers(random, 60))];
      const [set, other] = [setOf(some), setOf(others)];
      expect(numbersOf(set.difference(other)), `seed ${seed}`).toEqual(without(some, others));
      expect(numbersOf(set.intersection(other)), `seed ${seed}`).toEqual(
        sorted(some).filter((number) => others.has(number)),
      );
      const below = Array.from({ length: 40 }, (_, number) => number);
      expect(numbersOf(set.gapsBelow(40)), `seed ${seed}`).toEqual(
        below.filter((number) => !some.has(number)),
      );
      expect(set.difference(other).size).toBe(without(some, others).length);
    }
  });

  test('made of its bounds is the same, and independent of the first', () => {
    const set = setOf([1, 2, 5]);
    const copy = IntervalSet.fromBounds(set.toBounds());
    copy.add(3);
    copy.add(9);
    expect([numbersOf(copy), copy.size]).toEqual([[1, 2, 3, 5, 9], 5]);
    expect(numbersOf(set)).toEqual([1, 2, 5]);
  });

  test('made of no bounds can still grow', () => {
    const set = IntervalSet.fromBounds(new IntervalSet().toBounds());
    expect(set.add(4)).toBe(true);
    expect(numbersOf(set)).toEqual([4]);
  });
});

describe('packed sets', () => {
  test('come out of a transfer as they went in, empty ones too', () => {
    const sets = [setOf([1, 2, 9]), new IntervalSet(), setOf([0]), new IntervalSet()];
    const packed = packSets(sets);
    const there = structuredClone(packed, { transfer: buffersOf(packed) });
    expect(unpackSets(there).map(numbersOf)).toEqual([[1, 2, 9], [], [0], []]);
    expect(packed.bounds.length).toBe(0);
  });
});
