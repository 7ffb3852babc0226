import { describe, expect, test } from 'vitest';
import { linearAxis, logAxis, timeAxis } from '../../../../simulator/report/axis.ts';

/** 1, 2 or 5 times a power of ten, as the step from tick to tick. */
function isRound(value: number): boolean {
  const lead = Number((value / 10 ** Math.floor(Math.log10(value) + 1e-9)).toPrecision(6));
  return [1, 2, 5].includes(lead);
}

describe('a linear axis', () => {
  test('has round ticks from 0 to at least the highest value, and not many', () => {
    for (const max of [0.013, 0.7, 1, 3, 9.99, 10, 10.01, 847, 1000, 24_988, 1e6, 7.3e8]) {
      const { ticks } = linearAxis(max);
      expect(ticks[0]).toBe(0);
      expect(ticks.at(-1)).toBeGreaterThanOrEqual(max);
      expect(isRound(ticks[1])).toBe(true);
      expect(ticks.length).toBeGreaterThanOrEqual(2);
      expect(ticks.length).toBeLessThanOrEqual(6);
    }
  });

  test('of counts has no ticks between whole numbers', () => {
    expect(linearAxis(0, 1).ticks).toEqual([0, 1]);
    expect(linearAxis(2, 1).ticks).toEqual([0, 1, 2]);
  });

  test('maps its ends to 0 and 1 and keeps what lies outside on the edge', () => {
    const { share } = linearAxis(1000);
    expect([share(0), share(500), share(1000), share(2000), share(-1)]).toEqual([0, 0.5, 1, 1, 0]);
  });
});

describe('a logarithmic axis', () => {
  test('has round ticks within its ends, decades when there are many', () => {
    expect(logAxis(1.1, 9).ticks).toEqual([1, 2, 5, 10]);
    expect(logAxis(0.6, 57_000).ticks).toEqual([1, 10, 100, 1000, 10_000, 100_000]);
    for (const tick of logAxis(0.0012, 8e9).ticks) expect(isRound(tick)).toBe(true);
  });

  test('gives every decade the same length', () => {
    const { share } = logAxis(1, 1000);
    expect(share(10)).toBeCloseTo(1 / 3);
    expect(share(100)).toBeCloseTo(2 / 3);
    expect([share(1), share(1000), share(0)]).toEqual([0, 1, 0]);
  });

  test('holds a single value', () => {
    expect(logAxis(10, 10).share(10)).toBe(0);
  });
});

describe('a time axis', () => {
  test.each([
    [800, 100],
    [10_000, 2000],
    [120_000, 15_000],
    [3_600_000, 600_000],
    [86_400_000, 10_800_000],
    [12 * 86_400_000, 2 * 86_400_000],
  ])('of %d ms has a tick every %d ms', (durationMs, stepMs) => {
    const { ticks } = timeAxis(durationMs);
    expect(ticks[1]).toBe(stepMs);
    expect(ticks.at(-1)).toBeLessThanOrEqual(durationMs);
    expect(ticks.length).toBeLessThanOrEqual(10);
  });
});
