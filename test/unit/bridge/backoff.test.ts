import { describe, expect, test } from 'vitest';
import { Backoff } from '../../../bridge/backoff.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const settings = { minMs: 100, maxMs: 1000, stableAfterMs: 5000 };

describe('backoff', () => {
  test('doubles from minMs and stays at maxMs', () => {
    const backoff = new Backoff(settings, new FakeClock(), () => 1);
    expect(Array.from({ length: 6 }, () => backoff.nextDelayMs())).toEqual([100, 200, 400, 800, 1000, 1000]);
  });

  test('jitters between half and the whole of a step', () => {
    const lowest = new Backoff(settings, new FakeClock(), () => 0);
    expect([lowest.nextDelayMs(), lowest.nextDelayMs()]).toEqual([50, 100]);
    const backoff = new Backoff({ minMs: 100, maxMs: 100, stableAfterMs: 0 }, new FakeClock());
    const delays = Array.from({ length: 200 }, () => backoff.nextDelayMs());
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(50);
    expect(Math.max(...delays)).toBeLessThanOrEqual(100);
    expect(new Set(delays).size).toBeGreaterThan(100);
  });

  test('does not start over after a success that did not hold', () => {
    const clock = new FakeClock();
    const backoff = new Backoff(settings, clock, () => 1);
    backoff.nextDelayMs();
    backoff.succeeded();
    clock.advance(4999);
    backoff.succeeded();
    expect(backoff.nextDelayMs()).toBe(200);
    clock.advance(60_000);
    expect(backoff.nextDelayMs()).toBe(400);
  });

  test('starts over after a success that held', () => {
    const clock = new FakeClock();
    const backoff = new Backoff(settings, clock, () => 1);
    backoff.nextDelayMs();
    backoff.nextDelayMs();
    backoff.succeeded();
    clock.advance(5000);
    expect(backoff.nextDelayMs()).toBe(100);
    expect(backoff.nextDelayMs()).toBe(200);
  });

  test('stays finite after any number of attempts', () => {
    const backoff = new Backoff({ ...settings, maxMs: 3_600_000 }, new FakeClock(), () => 1);
    for (let i = 0; i < 5000; i++) backoff.nextDelayMs();
    expect(backoff.nextDelayMs()).toBe(3_600_000);
  });
});
