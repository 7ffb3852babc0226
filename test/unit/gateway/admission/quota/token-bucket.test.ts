import { describe, expect, test } from 'vitest';
import { TokenBucket } from '../../../../../gateway/admission/quota/token-bucket.ts';
import { Random } from '../../../../support/mqtt-frame-random.ts';
import { seededRun } from '../../../../support/seeded-run.ts';

const MINUTE_MS = 60_000;

function bucket(ratePerS: number, burst = 0, nowMs = 0): TokenBucket {
  const made = new TokenBucket();
  made.set(ratePerS, burst, nowMs);
  return made;
}

/** Takes `tokens` until it would have to wait; returns how often. */
function drain(from: TokenBucket, nowMs: number, tokens = 1): number {
  let count = 0;
  for (; from.waitMs(tokens, nowMs) === 0; count++) from.take(tokens, nowMs);
  return count;
}

/**
 * Who always wants more, woken by a timer of 10 ms that is late by up to `latenessMs`: what it gets in a
 * minute.
 */
function inAMinute(from: TokenBucket, tokens: number, latenessMs: number, random = new Random(1)): number {
  drain(from, 0, tokens);
  let got = 0;
  // The last one may be as late as any other.
  for (let nowMs = 0; nowMs <= MINUTE_MS + latenessMs; ) {
    got += drain(from, nowMs, tokens);
    const wakeMs = Math.ceil((nowMs + from.waitMs(tokens, nowMs)) / 10) * 10;
    nowMs = wakeMs + random.int(latenessMs + 1);
  }
  return got * tokens;
}

describe('the rate over a minute is exact within 2 %', () => {
  const rates = [0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 33, 50, 100, 250, 333, 500, 1000];
  for (const burst of [0, 1, 7]) {
    for (const latenessMs of [0, 30]) {
      test(`with a burst of ${burst || 'a second'} and timers late by ${latenessMs} ms`, () => {
        for (const rate of rates) {
          const got = inAMinute(bucket(rate, burst), 1, latenessMs);
          expect(Math.abs(got - rate * 60), `${rate}/s: ${got}`).toBeLessThanOrEqual(rate * 60 * 0.02);
        }
      });
    }
  }

  test('for bytes, of messages smaller and larger than the bucket', () => {
    for (const messageBytes of [100, 1000, 9_999, 10_000, 20_000, 50_000]) {
      const got = inAMinute(bucket(10_000, 10_000), messageBytes, 30);
      // A whole number of messages, so one of them may be missing or too much.
      expect(Math.abs(got - 600_000), `${messageBytes}: ${got}`).toBeLessThanOrEqual(
        Math.max(12_000, messageBytes),
      );
    }
  });
});

test('a burst is taken at once, and not one more', () => {
  expect(drain(bucket(10, 25), 0)).toBe(25);
  expect(drain(bucket(10), 0)).toBe(10); // a second of the rate
  expect(drain(bucket(0.1), 0)).toBe(1); // at least one
  expect(drain(bucket(0.3, 3), 1e9)).toBe(3);
});

test('a bucket holds at least 50 ms of its rate, so that a timer can be late', () => {
  expect(drain(bucket(1000, 1), 0)).toBeGreaterThanOrEqual(50);
  expect(drain(bucket(1000, 1), 0)).toBeLessThanOrEqual(52);
});

test('what is not used is there later, up to the burst', () => {
  const some = bucket(10, 20);
  drain(some, 0);
  expect(drain(some, 500)).toBe(5);
  expect(drain(some, 100_000)).toBe(20);
  expect(some.isFull(100_000)).toBe(false);
  expect(some.isFull(102_000)).toBe(true);
});

test('the wait is told to the moment', () => {
  const some = bucket(10, 10);
  drain(some, 0);
  const waitMs = some.waitMs(1, 0);
  expect(waitMs).toBeCloseTo(100, 6);
  expect(some.waitMs(1, waitMs - 0.01)).toBeGreaterThan(0);
  expect(some.waitMs(1, waitMs)).toBe(0);
});

test('a request larger than the bucket passes when it is full, and is paid for afterwards', () => {
  const some = bucket(10, 10);
  some.take(1, 0);
  expect(some.waitMs(100, 0)).toBeGreaterThan(0);
  expect(some.waitMs(100, 100)).toBe(0);
  some.take(100, 100);
  expect(some.waitMs(1, 100)).toBeGreaterThan(9000 - 50);
  expect(drain(some, 20_000)).toBe(10);
});

test('rate 0 is no limit', () => {
  const some = bucket(0);
  for (let i = 0; i < 1000; i++) some.take(1e9, 0);
  expect(some.waitMs(1e12, 0)).toBe(0);
});

test('what is given back can be taken again', () => {
  const some = bucket(1, 5);
  drain(some, 0);
  some.giveBack(2);
  expect(drain(some, 0)).toBe(2);
});

describe('changed at run time', () => {
  test('what was taken stays taken', () => {
    const some = bucket(10, 10);
    some.take(6, 0);
    some.set(10, 20, 0);
    expect(drain(some, 0)).toBe(14);
    some.set(100, 20, 0);
    expect(drain(some, 0)).toBe(0);
    expect(drain(some, 100)).toBe(10);
  });

  test('a full bucket stays full, and one without a limit begins full', () => {
    const some = bucket(10, 10);
    some.set(5, 30, 0);
    expect(drain(some, 0)).toBe(30);
    const other = bucket(0);
    other.take(1000, 0);
    other.set(10, 10, 0);
    expect(drain(other, 0)).toBe(10);
  });

  test('a lowered rate makes nobody wait for longer than a whole bucket', () => {
    const some = bucket(1000);
    drain(some, 0);
    some.set(1, 10, 0);
    expect(some.waitMs(1, 0)).toBeLessThanOrEqual(1000);
    expect(some.waitMs(10, 0)).toBeLessThanOrEqual(10_000);
  });

  test('a whole token stays taken, however slowly it comes back', () => {
    const some = bucket(0.1);
    some.take(1, 0);
    some.set(0.1, 0, 0);
    expect(some.waitMs(1, 0)).toBeCloseTo(10_000 - 50, 6);
  });

  test('the same settings again change nothing', () => {
    const some = bucket(10, 10, 5);
    some.take(7, 5);
    const before = some.waitMs(5, 5);
    some.set(10, 10, 5);
    expect(some.waitMs(5, 5)).toBeCloseTo(before, 9);
  });
});

test('does what a bucket does that is refilled all the time', () =>
  seededRun(async (random) => {
    for (let round = 0; round < 50; round++) {
      const rate = random.pick([0.1, 1, 7, 100, 1000]);
      const burst = random.between(1, 200);
      const slack = rate * 0.05;
      const some = bucket(rate, burst);
      let level = burst;
      let nowMs = 0;
      for (let step = 0; step < 200; step++) {
        const elapsedMs = random.int(2000 / rate) + random.int(1000) / 1000;
        nowMs += elapsedMs;
        level = Math.min(burst, level + (elapsedMs * rate) / 1000);
        const tokens = random.between(1, Math.ceil(burst * 1.5));
        // Enough is there, or the bucket is full but for what lateness may have cost.
        const spare = Math.max(burst - tokens, slack) - (burst - level);
        if (Math.abs(spare) < 1e-6) continue; // rounding
        const isFree = spare > 0;
        expect(some.waitMs(tokens, nowMs) === 0, `${rate}/s ${burst} ${level} ${tokens}`).toBe(isFree);
        if (!isFree) continue;
        some.take(tokens, nowMs);
        level -= tokens;
      }
    }
  }));
