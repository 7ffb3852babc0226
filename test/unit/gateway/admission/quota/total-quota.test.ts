import { describe, expect, test } from 'vitest';
import { days } from '../../../../../config/limits.ts';
import {
  noTotalLimits,
  type TotalLimits,
  TotalQuota,
} from '../../../../../gateway/admission/quota/total-quota.ts';
import { UtcDay } from '../../../../../gateway/admission/quota/utc-day.ts';

function rig(limits: Partial<TotalLimits>) {
  const today = new UtcDay(0);
  const quota = new TotalQuota(today);
  quota.set({ ...noTotalLimits, ...limits }, 0);
  const takeAll = (bytes: number, nowMs: number) => {
    let count = 0;
    for (; count < 1000 && quota.waitMs(bytes, nowMs) === 0; count++) quota.take(1, bytes, nowMs);
    return count;
  };
  return { today, quota, takeAll };
}

test('the slower of both rates counts', () => {
  expect(rig({ messagesPerS: 10, bytesPerS: 400 }).takeAll(100, 0)).toBe(4);
  expect(rig({ messagesPerS: 10, bytesPerS: 4000 }).takeAll(100, 0)).toBe(10);
  expect(rig({}).takeAll(100, 0)).toBe(1000);
});

describe('a budget', () => {
  test('of the day is there again on the next one', () => {
    const { today, quota, takeAll } = rig({ dailyBytesMax: 1000 });
    quota.addDayBytes(500);
    expect(takeAll(100, 0)).toBe(5);
    expect(quota.dayBytes).toBe(1000);
    today.look(days);
    expect(quota.dayBytes).toBe(0);
    expect(takeAll(100, 0)).toBe(10);
  });

  test('of stored bytes is there again when they are delivered', () => {
    const { quota, takeAll } = rig({ storedBytesMax: 1000 });
    quota.addStored(901);
    expect(takeAll(100, 0)).toBe(0);
    quota.addStored(-1);
    expect(quota.waitMs(100, 0)).toBe(0);
  });

  test('lets a message pass that is larger than all of it when nothing else counts', () => {
    const { quota } = rig({ storedBytesMax: 1000, dailyBytesMax: 1000 });
    expect(quota.waitMs(5000, 0)).toBe(0);
    quota.take(1, 5000, 0);
    expect(quota.waitMs(1, 0)).toBeGreaterThan(0);
  });
});

test('what is given back is as if it had not been taken', () => {
  const { today, quota, takeAll } = rig({ messagesPerS: 10, bytesPerS: 10_000, dailyBytesMax: 10_000 });
  expect(takeAll(100, 0)).toBe(10);
  quota.giveBack(100);
  expect([quota.messages, quota.bytes, quota.dayBytes]).toEqual([9, 900, 900]);
  expect(takeAll(100, 0)).toBe(1);
  today.look(days);
  quota.take(1, 10, 0);
  quota.giveBack(100); // of yesterday
  expect(quota.dayBytes).toBe(0);
});

test('a message costs what it uses of what is short', () => {
  expect(rig({ messagesPerS: 10 }).quota.cost(5000)).toBe(1);
  expect(rig({ bytesPerS: 10 }).quota.cost(5000)).toBe(5000);
  expect(rig({ storedBytesMax: 10 }).quota.cost(5000)).toBe(5000);
  const { quota } = rig({ messagesPerS: 10, bytesPerS: 1000 });
  expect([quota.cost(10), quota.cost(100), quota.cost(500)]).toEqual([1, 1, 5]);
});
