// Time as a parameter: components take a Clock so that unit tests can pass one that they move by hand.

export interface Timer {
  clear(): void;
}

export interface Clock {
  /** Wall clock, ms since 1970. May jump. */
  nowMs(): number;
  /** Never jumps, ms with a fraction, from an arbitrary origin. */
  monotonicMs(): number;
  /** Calls `fn` once after at least `delayMs`. The timer does not keep the process alive. */
  after(delayMs: number, fn: () => void): Timer;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, fn) {
    const timer = setTimeout(fn, delayMs);
    timer.unref();
    return { clear: () => clearTimeout(timer) };
  },
};
