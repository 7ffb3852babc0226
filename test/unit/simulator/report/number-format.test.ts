import { describe, expect, test } from 'vitest';
import {
  formatBytes,
  formatClock,
  formatCompact,
  formatCount,
  formatLatency,
  formatMs,
  formatRate,
  formatShare,
} from '../../../../simulator/report/number-format.ts';

describe('numbers for people', () => {
  test.each([
    [0, '0 ms'],
    [0.4321, '0.432 ms'],
    [87.26, '87.3 ms'],
    [999.4, '999 ms'],
    [999.7, '1 s'],
    [4832, '4.83 s'],
    [59_960, '1 min'],
    [125_000, '2 min 5 s'],
    [3_599_900, '1 h'],
    [7_500_000, '2 h 5 min'],
    [273_600_000, '3 d 4 h'],
    [Number.NaN, '–'],
  ])('%d ms reads %s', (ms, text) => {
    expect(formatMs(ms)).toBe(text);
  });

  test.each([
    [47_900, false, '0:47'],
    [3_723_000, false, '1:02:03'],
    [183_600_000, false, '2d 03:00:00'],
    [500, true, '0:00.5'],
    [59_960, true, '1:00.0'],
  ])('the clock at %d ms (tenths: %s) reads %s', (ms, withTenths, text) => {
    expect(formatClock(ms, withTenths)).toBe(text);
  });

  test('counts are grouped, on axes shortened', () => {
    expect(formatCount(1_234_567)).toBe('1,234,567');
    expect([950, 2500, 12_540, 3_000_000, 2e9].map(formatCompact)).toEqual([
      '950',
      '2,500',
      '12.5k',
      '3M',
      '2G',
    ]);
  });

  test('small rates keep their figures', () => {
    expect([1234.4, 12.34, 0.25].map(formatRate)).toEqual(['1,234/s', '12.3/s', '0.25/s']);
  });

  test('bytes change their unit at a thousand', () => {
    expect([87, 999.9, 1_214_000, 5e12].map(formatBytes)).toEqual(['87 B', '1 kB', '1.21 MB', '5 TB']);
  });

  test('a share is 100 % only when nothing is missing', () => {
    expect(formatShare(999_999, 1_000_000)).toBe('99.99 %');
    expect(formatShare(1_000_000, 1_000_000)).toBe('100 %');
    expect(formatShare(0, 0)).toBe('–');
  });

  test('a latency that nothing was measured of is a dash', () => {
    const none = { count: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 };
    expect(formatLatency(none, 'p99')).toBe('–');
    expect(formatLatency({ ...none, count: 1, p99: 12 }, 'p99')).toBe('12 ms');
  });
});
