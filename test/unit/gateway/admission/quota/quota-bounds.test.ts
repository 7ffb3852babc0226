import { expect, test } from 'vitest';
import { limits } from '../../../../../config/limits.ts';
import { quotaBounds } from '../../../../../gateway/admission/quota/quota-bounds.ts';

test('a timer may be late by some ticks and cost nobody his rate', () => {
  expect(quotaBounds.timerSlackMs).toBeGreaterThanOrEqual(4 * quotaBounds.tickMs);
  expect(quotaBounds.roundingMs).toBeLessThan(quotaBounds.tickMs / 1000);
});

test('those who only look again now and then look often enough', () => {
  expect(quotaBounds.pollMs).toBeGreaterThan(quotaBounds.tickMs);
  expect(quotaBounds.dayCheckMs).toBeLessThan(quotaBounds.midnightPollMsMax);
});

test('there is a place for newcomers in the smallest table', () => {
  const protectedMax = Math.floor(limits.devices.min * quotaBounds.protectedShare);
  expect(limits.devices.min - protectedMax).toBeGreaterThanOrEqual(10);
});

test('one device alone cannot use up what all may hold of their latest messages', () => {
  expect(quotaBounds.latestBytesMax * 10).toBeLessThanOrEqual(quotaBounds.latestTotalBytesMax);
});
