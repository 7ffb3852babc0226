import { describe, expect, test } from 'vitest';
import { Watchdog } from '../../../bridge/watchdog.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function watched(): { watchdog: Watchdog; clock: FakeClock; seen: { stuck: number; bytes: number } } {
  const clock = new FakeClock();
  const seen = { stuck: 0, bytes: 0 };
  const watchdog = new Watchdog({
    timeoutMs: 1000,
    clock,
    bytesSent: () => seen.bytes,
    onStuck: () => seen.stuck++,
  });
  return { watchdog, clock, seen };
}

describe('watchdog', () => {
  test('bites when nothing moves for the timeout, once', () => {
    const { watchdog, clock, seen } = watched();
    watchdog.watch();
    clock.advance(999);
    expect(seen.stuck).toBe(0);
    clock.advance(1);
    expect(seen.stuck).toBe(1);
    expect(clock.timers).toBe(0);
  });

  test('gives the whole timeout again after every acknowledgement', () => {
    const { watchdog, clock, seen } = watched();
    watchdog.watch();
    for (let i = 0; i < 5; i++) {
      clock.advance(900);
      watchdog.progressed();
    }
    clock.advance(999);
    expect(seen.stuck).toBe(0);
    clock.advance(1);
    expect(seen.stuck).toBe(1);
  });

  test('takes bytes that leave for progress', () => {
    const { watchdog, clock, seen } = watched();
    watchdog.watch();
    for (let i = 0; i < 3; i++) {
      seen.bytes += 10;
      clock.advance(1000);
    }
    expect(seen.stuck).toBe(0);
    clock.advance(1000);
    expect(seen.stuck).toBe(1);
  });

  test('has no timer while nothing is in flight', () => {
    const { watchdog, clock, seen } = watched();
    expect(clock.timers).toBe(0);
    watchdog.watch();
    watchdog.watch();
    expect(clock.timers).toBe(1);
    watchdog.rest();
    expect(clock.timers).toBe(0);
    clock.advance(10_000);
    watchdog.watch();
    clock.advance(999);
    expect(seen.stuck).toBe(0);
  });
});
