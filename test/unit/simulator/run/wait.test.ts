import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { wait } from '../../../../simulator/run/wait.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a wait', () => {
  test('is over after its time, and leaves nothing on the signal', async () => {
    const { signal } = new AbortController();
    const removed = vi.spyOn(signal, 'removeEventListener');
    const waiting = wait(1000, signal);
    await vi.advanceTimersByTimeAsync(999);
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await waiting).toBe(true);
    expect(removed).toHaveBeenCalledTimes(1);
  });

  test('is cut short by the signal, and leaves no timer', async () => {
    const abort = new AbortController();
    const waiting = wait(1000, abort.signal);
    abort.abort();
    expect(await waiting).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('does not begin when the signal is aborted already', async () => {
    expect(await wait(1000, AbortSignal.abort())).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('without an end lasts until the signal', async () => {
    const abort = new AbortController();
    const waiting = wait(Number.POSITIVE_INFINITY, abort.signal);
    expect(vi.getTimerCount()).toBe(0);
    abort.abort();
    expect(await waiting).toBe(false);
  });
});
