import { describe, expect, test } from 'vitest';
import { quotaBounds } from '../../../../../gateway/admission/quota/quota-bounds.ts';
import { WakePlace, type WakeWaiter, WakeWheel } from '../../../../../gateway/admission/quota/wake-wheel.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';
import { seededRun } from '../../../../support/seeded-run.ts';

const { tickMs } = quotaBounds;

class Sleeper implements WakeWaiter {
  readonly wakePlace = new WakePlace(this);
  readonly name: string;
  readonly woken: number[] = [];
  readonly #clock: FakeClock;
  onWake: () => void = () => {};

  constructor(clock: FakeClock, name = '') {
    this.#clock = clock;
    this.name = name;
  }

  wake(): void {
    this.woken.push(this.#clock.monotonicMs());
    this.onWake();
  }
}

function rig() {
  const clock = new FakeClock();
  return { clock, wheel: new WakeWheel(clock), sleeper: (name?: string) => new Sleeper(clock, name) };
}

test('wakes once, not early, and at most a tick late', () => {
  const { clock, wheel, sleeper } = rig();
  const startMs = clock.monotonicMs();
  const all = [0.5, 3, 10, 14.2, 99, 1000, 5119, 5120, 5121, 60_000].map((afterMs) => {
    const one = sleeper();
    wheel.at(startMs + afterMs, one);
    return { one, dueMs: startMs + afterMs };
  });
  clock.advance(70_000);
  for (const { one, dueMs } of all) {
    expect(one.woken).toHaveLength(1);
    expect(one.woken[0]).toBeGreaterThanOrEqual(dueMs);
    expect(one.woken[0]).toBeLessThanOrEqual(dueMs + tickMs);
  }
  expect(wheel.size).toBe(0);
});

test('a time that is over wakes with the next tick, never from within', () => {
  const { clock, wheel, sleeper } = rig();
  const one = sleeper();
  wheel.at(clock.monotonicMs() - 500, one);
  expect(one.woken).toEqual([]);
  clock.advance(tickMs);
  expect(one.woken).toHaveLength(1);
});

test('thousands wait with one timer, and nobody with none', () => {
  const { clock, wheel, sleeper } = rig();
  const all = Array.from({ length: 5000 }, () => sleeper());
  for (const [i, one] of all.entries()) wheel.at(clock.monotonicMs() + (i % 700) * 13, one);
  expect(clock.timers).toBe(1);
  clock.advance(20_000);
  expect(all.every(({ woken }) => woken.length === 1)).toBe(true);
  expect(clock.timers).toBe(0);
});

test('one who waits already waits for the new time instead', () => {
  const { clock, wheel, sleeper } = rig();
  const one = sleeper();
  const startMs = clock.monotonicMs();
  wheel.at(startMs + 50, one);
  wheel.at(startMs + 200, one);
  clock.advance(100);
  expect(one.woken).toEqual([]);
  wheel.at(startMs + 120, one);
  clock.advance(20);
  expect(one.woken).toEqual([startMs + 120]);
});

test('who is cancelled is not woken, also by another one that is woken at the same time', () => {
  const { clock, wheel, sleeper } = rig();
  const [first, second] = [sleeper(), sleeper()];
  first.onWake = () => wheel.cancel(second);
  wheel.at(clock.monotonicMs() + 30, first);
  wheel.at(clock.monotonicMs() + 30, second);
  clock.advance(1000);
  expect([first.woken.length, second.woken.length]).toEqual([1, 0]);
  wheel.cancel(second); // again: nothing happens
  expect(wheel.size).toBe(0);
});

test('one who waits again from within is woken later, not in the same breath', () => {
  const { clock, wheel, sleeper } = rig();
  const one = sleeper();
  one.onWake = () => {
    if (one.woken.length < 3) wheel.at(clock.monotonicMs(), one);
  };
  wheel.at(clock.monotonicMs(), one);
  clock.advance(100);
  expect(one.woken).toHaveLength(3);
  expect(one.woken[1] - one.woken[0]).toBe(tickMs);
});

test('those of one tick are woken in the order in which they came', () => {
  const { clock, wheel, sleeper } = rig();
  const order: string[] = [];
  for (const name of ['a', 'b', 'c', 'd']) {
    const one = sleeper(name);
    one.onWake = () => order.push(name);
    wheel.at(clock.monotonicMs() + 25, one);
  }
  clock.advance(30);
  expect(order).toEqual(['a', 'b', 'c', 'd']);
});

test('a time beyond what a timer takes is waited for in parts', () => {
  const clock = new FakeClock();
  const delaysMs: number[] = [];
  const watched = {
    nowMs: () => 0,
    monotonicMs: () => clock.monotonicMs(),
    after: (delayMs: number, fn: () => void) => {
      delaysMs.push(delayMs);
      return clock.after(delayMs, fn);
    },
  };
  const wheel = new WakeWheel(watched);
  const one = new Sleeper(clock);
  wheel.at(1e13, one);
  clock.advance(60_000);
  expect(one.woken).toEqual([]);
  expect(delaysMs.length).toBeGreaterThan(5);
  expect(Math.max(...delaysMs)).toBeLessThan(2 ** 31);
});

test('a standstill of the process for many turns wakes everybody who is due, and nobody else', () => {
  let nowMs = 0;
  let fire: (() => void) | null = null;
  const clock = new FakeClock();
  const jumping = {
    nowMs: () => 0,
    monotonicMs: () => nowMs,
    after: (_delayMs: number, fn: () => void) => {
      fire = fn;
      return { clear: () => (fire = null) };
    },
  };
  const wheel = new WakeWheel(jumping);
  const [soon, late, later] = [new Sleeper(clock), new Sleeper(clock), new Sleeper(clock)];
  wheel.at(100, soon);
  wheel.at(20_000, late);
  wheel.at(90_000, later);
  nowMs = 60_000;
  fire!();
  expect([soon.woken.length, late.woken.length, later.woken.length]).toEqual([1, 1, 0]);
  expect(wheel.size).toBe(1);
});

describe('one that throws', () => {
  test('keeps nobody else from being woken', () => {
    const { clock, wheel, sleeper } = rig();
    const [bad, good] = [sleeper(), sleeper()];
    bad.onWake = () => {
      throw new Error('of the waiter');
    };
    wheel.at(clock.monotonicMs() + 10, bad);
    wheel.at(clock.monotonicMs() + 10, good);
    expect(() => clock.advance(100)).toThrow('of the waiter');
    clock.advance(100);
    expect(good.woken).toHaveLength(1);
  });
});

test('after stop nobody is woken and no timer is left', () => {
  const { clock, wheel, sleeper } = rig();
  const all = Array.from({ length: 10 }, () => sleeper());
  for (const one of all) wheel.at(clock.monotonicMs() + 30, one);
  wheel.stop();
  expect([clock.timers, wheel.size]).toEqual([0, 0]);
  clock.advance(1000);
  expect(all.every(({ woken }) => woken.length === 0)).toBe(true);
});

test('does what a list of times does, whatever is asked of it', () =>
  seededRun(async (random) => {
    const { clock, wheel, sleeper } = rig();
    const all = Array.from({ length: 40 }, () => sleeper());
    const dueMs = new Map<Sleeper, number>();
    const expected = new Map<Sleeper, number>(all.map((one) => [one, 0]));
    for (let step = 0; step < 3000; step++) {
      const one = random.pick(all);
      if (random.chance(60)) {
        const wakeMs = clock.monotonicMs() + random.pick([0, 5, 40, 700, 6000, 30_000]) + random.int(20);
        wheel.at(wakeMs, one);
        dueMs.set(one, wakeMs);
      } else if (random.chance(30)) {
        wheel.cancel(one);
        dueMs.delete(one);
      } else {
        clock.advance(random.pick([1, 9, 35, 800, 9000]));
        const nowMs = clock.monotonicMs();
        for (const [sleeping, wakeMs] of dueMs) {
          const isWoken = sleeping.woken.length > expected.get(sleeping)!;
          // Within its last tick it may be either.
          if (isWoken ? wakeMs <= nowMs : wakeMs + tickMs > nowMs) {
            if (isWoken) dueMs.delete(sleeping);
          } else expect.fail(`due at ${wakeMs}, now ${nowMs}, woken: ${isWoken}`);
          expected.set(sleeping, sleeping.woken.length);
        }
      }
      expect(wheel.size).toBe(dueMs.size);
      expect(clock.timers).toBe(dueMs.size === 0 ? 0 : 1);
    }
  }));
