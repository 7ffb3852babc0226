// A clock that tests move by hand.

import type { Clock, Timer } from '../../config/clock.ts';

export class FakeClock implements Clock {
  #nowMs: number;
  #monotonicMs = 1000;
  #timers: { dueMs: number; fn: () => void }[] = [];

  constructor(nowMs = 1_700_000_000_000) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, fn: () => void): Timer {
    const timer = { dueMs: this.#monotonicMs + delayMs, fn };
    this.#timers.push(timer);
    return { clear: () => (this.#timers = this.#timers.filter((other) => other !== timer)) };
  }

  get timers(): number {
    return this.#timers.length;
  }

  /** Moves both clocks and runs what is due, in order. */
  advance(ms: number): void {
    const until = this.#monotonicMs + ms;
    for (;;) {
      const next = this.#timers.filter(({ dueMs }) => dueMs <= until).sort((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#nowMs += next.dueMs - this.#monotonicMs;
      this.#monotonicMs = next.dueMs;
      next.fn();
    }
    this.#nowMs += until - this.#monotonicMs;
    this.#monotonicMs = until;
  }

  /** The wall clock alone, as when a time server corrects it. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }
}
