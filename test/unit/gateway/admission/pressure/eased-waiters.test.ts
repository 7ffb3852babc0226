import { expect, test } from 'vitest';
import { EasedWaiters } from '../../../../../gateway/admission/pressure/eased-waiters.ts';

function waitersOf(count: number, waitersMax?: number): { waiters: EasedWaiters; woken: number[] } {
  const waiters = new EasedWaiters(waitersMax);
  const woken: number[] = [];
  for (let i = 0; i < count; i++) waiters.add(() => woken.push(i));
  return { waiters, woken };
}

test('wakes a few at first and twice as many each time, each once and in the order in which they came', () => {
  const { waiters, woken } = waitersOf(100);
  const after: number[] = [];
  for (let round = 0; round < 5; round++) {
    waiters.wakeSome();
    after.push(woken.length);
  }
  expect(after).toEqual([16, 48, 100, 100, 100]);
  expect(woken).toEqual(Array.from({ length: 100 }, (_, i) => i));
});

test('begins with a few again when the step was taken meanwhile', () => {
  const { waiters, woken } = waitersOf(100);
  waiters.wakeSome();
  waiters.wakeSome();
  waiters.hold();
  waiters.wakeSome();
  expect(woken).toHaveLength(64);
});

test('who waits again while it is woken is not woken again in the same round', () => {
  const waiters = new EasedWaiters();
  let times = 0;
  const wake = (): void => {
    times++;
    waiters.add(wake);
  };
  waiters.add(wake);
  waiters.wakeSome();
  expect([times, waiters.waiting]).toEqual([1, 1]);
});

test('is bounded: who has waited longest is woken early, and not at once', async () => {
  const { waiters, woken } = waitersOf(7, 5);
  expect([waiters.waiting, waiters.wokenEarly, woken]).toEqual([5, 2, []]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(woken).toEqual([0, 1]);
});
