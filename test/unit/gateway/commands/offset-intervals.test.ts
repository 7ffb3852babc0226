import { describe, expect, test } from 'vitest';
import { OffsetIntervals } from '../../../../gateway/commands/offset-intervals.ts';
import { seededRandom } from '../../../../simulator/seeded-random.ts';

describe('offset intervals', () => {
  test('are one interval for as long as everything comes in order', () => {
    const intervals = new OffsetIntervals();
    for (let offset = 0; offset < 1000; offset += 10) {
      expect(intervals.add(offset, offset + 10)).toEqual([{ from: offset, to: offset + 10 }]);
    }
    expect(intervals.size).toBe(1);
    expect([...intervals.outside(0, 1000)]).toEqual([]);
  });

  test('return only the parts that were not there', () => {
    const intervals = new OffsetIntervals();
    intervals.add(10, 20);
    intervals.add(30, 40);
    expect([...intervals.outside(10, 40)]).toEqual([{ from: 20, to: 30 }]);
    expect(intervals.add(5, 45)).toEqual([
      { from: 5, to: 10 },
      { from: 20, to: 30 },
      { from: 40, to: 45 },
    ]);
    expect(intervals.size).toBe(1);
    expect(intervals.add(5, 45)).toEqual([]);
  });

  test('merge with what they touch on both sides', () => {
    const intervals = new OffsetIntervals();
    intervals.add(0, 1);
    intervals.add(2, 3);
    expect(intervals.size).toBe(2);
    intervals.add(1, 2);
    expect(intervals.size).toBe(1);
  });

  test('list what of a range is outside, at its ends too', () => {
    const intervals = new OffsetIntervals();
    for (const offset of [0, 10, 20]) intervals.add(offset, offset + 5);
    expect([...intervals.outside(3, 23)]).toEqual([
      { from: 5, to: 10 },
      { from: 15, to: 20 },
    ]);
    expect([...intervals.outside(7, 8)]).toEqual([{ from: 7, to: 8 }]);
    expect([...intervals.outside(23, 30)]).toEqual([{ from: 25, to: 30 }]);
    expect([...intervals.outside(10, 15)]).toEqual([]);
  });

  test('work with offsets beyond 32 bits', () => {
    const intervals = new OffsetIntervals();
    const base = 2 ** 45;
    intervals.add(base, base + 5);
    expect(intervals.add(base + 3, base + 8)).toEqual([{ from: base + 5, to: base + 8 }]);
  });

  test('agree with a plain set, whatever is added', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = seededRandom(seed);
      const intervals = new OffsetIntervals();
      const model = new Set<number>();
      for (let step = 0; step < 60; step++) {
        const from = Math.floor(random() * 80);
        const to = from + 1 + Math.floor(random() * 12);
        const expected = Array.from({ length: to - from }, (_, i) => from + i).filter(
          (offset) => !model.has(offset),
        );
        const added = intervals.add(from, to).flatMap((range) => {
          return Array.from({ length: range.to - range.from }, (_, i) => range.from + i);
        });
        expect(added, `seed ${seed}, step ${step}`).toEqual(expected);
        for (const offset of expected) model.add(offset);
        let runs = 0;
        for (const offset of model) if (!model.has(offset - 1)) runs++;
        expect(intervals.size, `seed ${seed}, step ${step}`).toBe(runs);
        expect([...intervals.ranges()], `seed ${seed}, step ${step}`).toHaveLength(runs);
        const outside = [...intervals.outside(5, 70)].reduce((sum, range) => sum + range.to - range.from, 0);
        const inside = [...model].filter((offset) => offset >= 5 && offset < 70).length;
        expect(outside, `seed ${seed}, step ${step}`).toBe(65 - inside);
      }
    }
  });
});
