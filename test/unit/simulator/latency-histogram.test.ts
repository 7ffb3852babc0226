import { describe, expect, test } from 'vitest';
import { LatencyHistogram } from '../../../simulator/latency-histogram.ts';
import { seededRandom } from '../../../simulator/seeded-random.ts';

function histogramOf(latenciesMs: number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const latencyMs of latenciesMs) histogram.record(latencyMs);
  return histogram;
}

describe('latency histogram', () => {
  test('is zero when nothing was recorded', () => {
    const empty = new LatencyHistogram();
    expect([empty.count, empty.percentileMs(0.5), empty.percentileMs(1), empty.maxMs]).toEqual([0, 0, 0, 0]);
  });

  test('is exact for a single value', () => {
    for (const value of [0, 0.001, 0.063, 0.064, 1, 12.345, 99_999]) {
      const histogram = histogramOf([value]);
      expect(histogram.percentileMs(0.5)).toBe(value);
      expect(histogram.maxMs).toBe(value);
    }
  });

  test('tells percentiles within 3.2 %, never too low, for latencies of every size', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = seededRandom(seed);
      const values = Array.from({ length: 1000 }, () => Math.round(10 ** (random() * 9)) / 1000);
      const histogram = histogramOf(values);
      values.sort((a, b) => a - b);
      for (const share of [0.001, 0.01, 0.5, 0.9, 0.99, 0.999, 1]) {
        const truth = values[Math.ceil(share * values.length) - 1];
        const told = histogram.percentileMs(share);
        expect(told, `seed ${seed}, ${share}`).toBeGreaterThanOrEqual(truth);
        expect(told, `seed ${seed}, ${share}`).toBeLessThanOrEqual(truth * (1 + 1 / 31) + 0.001);
      }
    }
  });

  test('counts what is out of range at its ends', () => {
    const histogram = histogramOf([-5, 1e12]);
    expect(histogram.count).toBe(2);
    expect(histogram.percentileMs(0.5)).toBe(0);
    expect(histogram.maxMs).toBe((2 ** 32 - 1) / 1000);
    expect(histogram.percentileMs(1)).toBe(histogram.maxMs);
  });

  test('merged with another is as if all had been recorded in one', () => {
    const one = histogramOf([1, 2, 3]);
    one.merge(histogramOf([100, 200]));
    const all = histogramOf([1, 2, 3, 100, 200]);
    for (const share of [0.2, 0.4, 0.6, 0.8, 1])
      expect(one.percentileMs(share)).toBe(all.percentileMs(share));
    expect([one.count, one.maxMs]).toEqual([5, 200]);
  });

  test('sums up in percentiles, and forgets when it is told to', () => {
    const histogram = histogramOf(Array.from({ length: 1000 }, (_, i) => (i + 1) / 1000));
    const { count, p50, p90, p99, p999, max } = histogram.summary();
    expect([count, max]).toEqual([1000, 1]);
    for (const [told, truth] of [
      [p50, 0.5],
      [p90, 0.9],
      [p99, 0.99],
      [p999, 0.999],
    ]) {
      expect(told).toBeGreaterThanOrEqual(truth);
      expect(told).toBeLessThanOrEqual(truth * (1 + 1 / 31));
    }
    histogram.clear();
    expect(histogram.summary()).toEqual({ count: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 });
    histogram.record(2);
    expect(histogram.percentileMs(0.5)).toBe(2);
  });
});
