import { describe, expect, test } from 'vitest';
import { days } from '../../../../../config/limits.ts';
import { DeviceQuota } from '../../../../../gateway/admission/quota/device-quota.ts';
import { quotaBounds } from '../../../../../gateway/admission/quota/quota-bounds.ts';
import { UtcDay } from '../../../../../gateway/admission/quota/utc-day.ts';
import { quotaReason, verdict } from '../../../../../gateway/admission/quota/verdict.ts';
import { deviceLimits } from './quota-settings.ts';

const noonMs = 20_000 * days + days / 2;

function rig(entry: object | null) {
  const today = new UtcDay(noonMs);
  const quota = new DeviceQuota(today);
  quota.set(entry === null ? null : deviceLimits(entry), 0);
  /** Sends until something other than accept comes; returns how many were accepted, and that. */
  const send = (bytes: number, nowMs: number, max = 1000) => {
    for (let count = 0; count < max; count++) {
      const outcome = quota.decide(bytes, 1, nowMs);
      if (outcome !== verdict.accept) return { count, outcome };
      quota.charge(1, bytes, nowMs);
    }
    return { count: max, outcome: verdict.accept };
  };
  return { today, quota, send };
}

test('without an entry that matches nothing is limited', () => {
  const { send } = rig(null);
  expect(send(1e9, 0)).toEqual({ count: 1000, outcome: verdict.accept });
});

describe('above a rate', () => {
  test('a message waits until it fits', () => {
    const { quota, send } = rig({ messagesPerS: '10/s' });
    expect(send(100, 0)).toEqual({ count: 10, outcome: verdict.delay });
    expect(quota.reason).toBe(quotaReason.messageRate);
    expect(quota.wakeMs).toBeCloseTo(100, 6);
    expect(quota.decide(100, 1, quota.wakeMs)).toBe(verdict.accept);
  });

  test('the slower of both rates counts', () => {
    const { quota, send } = rig({ messagesPerS: '10/s', bytesPerS: 1000 });
    expect(send(250, 0)).toEqual({ count: 4, outcome: verdict.delay });
    expect(quota.reason).toBe(quotaReason.byteRate);
    expect(quota.wakeMs).toBeCloseTo(250, 6);
  });

  test.each([
    ['refuse', verdict.refuse, verdict.refuse],
    ['drop-qos0', verdict.drop, verdict.delay],
    ['delay', verdict.delay, verdict.delay],
  ])('%s is done as it says', (over, qos0, qos1) => {
    const { quota, send } = rig({ messagesPerS: '1/s', over });
    send(100, 0);
    expect(quota.decide(100, 0, 0)).toBe(qos0);
    expect(quota.decide(100, 1, 0)).toBe(qos1);
    expect(quota.decide(100, 2, 0)).toBe(qos1);
  });

  test('sample one-in keeps the first and then every N-th, without touching the rate', () => {
    const { quota, send } = rig({ messagesPerS: '1/s', over: 'sample', sampleOneIn: 4 });
    send(100, 0, 1);
    const outcomes: number[] = [];
    for (let i = 0; i < 9; i++) {
      const outcome = quota.decide(100, 1, 0);
      outcomes.push(outcome);
      if (outcome === verdict.keep) quota.chargeSample(100);
      quota.stepSample();
    }
    const [k, t] = [verdict.keep, verdict.thin];
    expect(outcomes).toEqual([k, t, t, t, k, t, t, t, k]);
    expect(quota.accepted).toBe(4);
    expect(quota.decide(100, 1, 1000)).toBe(verdict.accept);
  });

  test('sample latest holds', () => {
    const { quota, send } = rig({ messagesPerS: '1/s', over: 'sample', sample: 'latest' });
    send(100, 0, 1);
    expect(quota.decide(100, 1, 0)).toBe(verdict.hold);
  });
});

test('deciding charges nothing: only what was appended counts', () => {
  const { quota, send } = rig({ messagesPerS: '5/s', dailyBytesMax: 1_000_000 });
  for (let i = 0; i < 100; i++) expect(quota.decide(100, 1, 0)).toBe(verdict.accept);
  expect(quota.dayBytes).toBe(0);
  expect(send(100, 0).count).toBe(5);
  expect([quota.dayBytes, quota.accepted, quota.acceptedBytes]).toEqual([500, 5, 500]);
});

describe('the daily budget', () => {
  test('is used up to the byte, and there again on another day', () => {
    const { quota, send, today } = rig({ dailyBytesMax: 1000 });
    expect(send(100, 0)).toEqual({ count: 10, outcome: verdict.delay });
    expect(quota.reason).toBe(quotaReason.dailyBytes);
    today.look(noonMs + days / 2 - 1);
    expect(quota.decide(100, 1, 0)).toBe(verdict.delay);
    today.look(noonMs + days / 2);
    expect(quota.dayBytes).toBe(0);
    expect(send(100, 0).count).toBe(10);
  });

  test('wakes at midnight, or looks again before in case the clock is put right', () => {
    const { quota, send, today } = rig({ dailyBytesMax: 1000 });
    send(100, 0);
    expect(quota.wakeMs).toBe(quotaBounds.midnightPollMsMax);
    today.look(noonMs + days / 2 - 5000);
    quota.decide(100, 1, 0);
    expect(quota.wakeMs).toBe(5000 + quotaBounds.dayCheckMs);
  });

  test('a message larger than the whole of it passes on a day without any other', () => {
    const { quota, send, today } = rig({ dailyBytesMax: 1000 });
    expect(send(5000, 0).count).toBe(1);
    expect(quota.decide(1, 1, 0)).toBe(verdict.delay);
    today.look(noonMs + days);
    expect(send(5000, 0).count).toBe(1);
  });

  test('counts what came before a restart', () => {
    const { quota, send } = rig({ dailyBytesMax: 1000 });
    quota.addDayBytes(700);
    expect(send(100, 0).count).toBe(3);
  });

  test('a clock that goes back to another day begins that one anew, and does not block until the later one', () => {
    const { send, today } = rig({ dailyBytesMax: 1000 });
    today.look(noonMs + 365 * days);
    send(100, 0);
    today.look(noonMs);
    expect(send(100, 0).count).toBe(10);
  });
});

describe('stored bytes', () => {
  test('are what was said last and what has come since', () => {
    const { quota, send } = rig({ storedBytesMax: 1000 });
    quota.storedBytes = 600;
    expect(send(100, 0)).toEqual({ count: 4, outcome: verdict.delay });
    expect(quota.reason).toBe(quotaReason.storedBytes);
    expect(quota.wakeMs).toBe(quotaBounds.pollMs);
    quota.storedBytes = 0;
    expect(send(100, 0).count).toBe(10);
  });

  test.each([
    ['refuse', verdict.refuse],
    ['drop-qos0', verdict.delay],
    ['sample', verdict.thin],
  ])('%s holds for budgets too; a sample of what is used up is nothing', (over, outcome) => {
    const { quota } = rig({ storedBytesMax: 1000, over });
    quota.storedBytes = 1000;
    expect(quota.decide(1, 1, 0)).toBe(outcome);
  });
});

test('other limits at run time leave what was used', () => {
  const { quota, send } = rig({ messagesPerS: '10/s', dailyBytesMax: 10_000 });
  send(100, 0);
  quota.set(deviceLimits({ messagesPerS: '10/s', messagesBurst: 15, dailyBytesMax: 1500 }), 0);
  expect(send(100, 0)).toEqual({ count: 5, outcome: verdict.delay });
  expect(quota.reason).toBe(quotaReason.dailyBytes);
});

test('is at rest when its buckets are full and nothing of a daily budget is used', () => {
  const { quota, send, today } = rig({ messagesPerS: '10/s', dailyBytesMax: 1000 });
  expect(quota.isAtRest(0)).toBe(true);
  send(100, 0, 1);
  today.look(noonMs + days);
  expect(quota.isAtRest(50)).toBe(false);
  expect(quota.isAtRest(101)).toBe(true);
  today.look(noonMs);
  send(100, 200, 1);
  expect(quota.isAtRest(10_000)).toBe(false);
  quota.set(deviceLimits({ messagesPerS: '10/s' }), 10_000);
  expect(quota.isAtRest(10_000)).toBe(true); // without a daily budget its use means nothing
});

test('refusals are counted by their reason', () => {
  const { quota } = rig({});
  expect([quota.refusedTotal, quota.refused(quotaReason.byteRate)]).toEqual([0, 0]);
  quota.refuse(quotaReason.byteRate);
  quota.refuse(quotaReason.byteRate);
  quota.refuse(quotaReason.topics);
  expect([quota.refusedTotal, quota.refused(quotaReason.byteRate)]).toEqual([3, 2]);
});
