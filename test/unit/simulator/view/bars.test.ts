import { describe, expect, test } from 'vitest';
import { phaseNames, progressBar, sparkline } from '../../../../simulator/view/bars.ts';

describe('a sparkline', () => {
  test('scales to the highest value shown and lets a little be more than nothing', () => {
    expect(sparkline([0, 1, 500, 1000], 10)).toBe('▁▂▅█');
    expect(sparkline([0, 0], 10)).toBe('▁▁');
  });

  test('shows the latest when there is not room for all', () => {
    expect(sparkline([1000, 0, 5, 10], 2)).toBe('▅█');
    expect(sparkline([1, 2], 0)).toBe('');
  });
});

describe('a progress bar', () => {
  test('is as wide as asked for, with marks where phases begin', () => {
    expect(progressBar(0.5, [{ share: 0 }, { share: 0.2 }, { share: 0.8 }], 10)).toEqual({
      done: '━━╋━━',
      rest: '───┼─',
    });
  });

  test('stays full when the run takes longer than planned', () => {
    expect(progressBar(1.7, [], 4)).toEqual({ done: '━━━━', rest: '' });
  });

  test('has its phases named below, each in its own room', () => {
    const phases = [
      { name: 'warm-up', fromMs: 0, toMs: 50 },
      { name: 'cut', fromMs: 50, toMs: 55 },
      { name: 'a very long recovery', fromMs: 55, toMs: 100 },
    ];
    const cells = phaseNames(phases, 100, 20);
    expect(cells.join('')).toBe('warm-up    a very … ');
    expect(cells.join('').length).toBeLessThanOrEqual(20);
  });
});
