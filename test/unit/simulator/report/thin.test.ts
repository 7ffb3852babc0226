import { describe, expect, test } from 'vitest';
import { type Point, thin } from '../../../../simulator/report/thin.ts';
import { seededRandom } from '../../../../simulator/seeded-random.ts';

function noisy(count: number): Point[] {
  const random = seededRandom(3);
  return Array.from({ length: count }, (_, i) => ({ atMs: i * 100, value: 100 + random() }));
}

describe('thinning', () => {
  test('few points stay as they are', () => {
    const points = noisy(50);
    expect(thin(points, 50)).toEqual(points);
  });

  test('a spike and a dip of one sample stay, wherever they are', () => {
    for (const at of [1, 4999, 9998]) {
      const points = noisy(10_000);
      points[at] = { atMs: at * 100, value: 5000 };
      points[7000] = { atMs: 700_000, value: 1 };
      const kept = thin(points, 1000);
      expect(kept.length).toBeLessThanOrEqual(1000);
      expect(kept).toContainEqual({ atMs: at * 100, value: 5000 });
      expect(kept).toContainEqual({ atMs: 700_000, value: 1 });
    }
  });

  test('order, the first and the last point stay, and every point is one of the given', () => {
    const points = noisy(3333);
    const kept = thin(points, 100);
    expect(kept[0]).toBe(points[0]);
    expect(kept.at(-1)).toBe(points.at(-1));
    expect(kept.every((point) => points.includes(point))).toBe(true);
    expect(kept.map(({ atMs }) => atMs)).toEqual(kept.map(({ atMs }) => atMs).toSorted((a, b) => a - b));
  });

  test('a long gap stays a gap', () => {
    const points = noisy(10_000).map((point, i) =>
      i > 4000 && i < 5000 ? { ...point, value: null } : point,
    );
    const gap = thin(points, 400).filter(({ atMs }) => atMs > 405_000 && atMs < 495_000);
    expect(gap.length).toBeGreaterThan(0);
    expect(gap.every(({ value }) => value === null)).toBe(true);
  });
});
