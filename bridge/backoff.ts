// How long to wait before the next attempt: doubling from minMs to maxMs, with jitter so that many gateways
// that lost the same upstream do not come back in step. A success does not start it over at once - only one
// that has held for stableAfterMs does - or an upstream that accepts and drops at once would be called on as
// fast as minMs for ever. Keeps no timer: it looks at the clock when it is asked.

import type { Clock } from '../config/clock.ts';

export interface BackoffSettings {
  minMs: number;
  maxMs: number;
  stableAfterMs: number;
}

/** 2 ** 30 times the smallest wait is longer than any maxMs. */
const DOUBLINGS_MAX = 30;

export class Backoff {
  readonly #settings: BackoffSettings;
  readonly #clock: Clock;
  readonly #random: () => number;
  #attempts = 0;
  #goodSinceMs: number | null = null;

  /** `random` gives numbers from 0 to 1, as Math.random does. */
  constructor(settings: BackoffSettings, clock: Clock, random: () => number = Math.random) {
    this.#settings = settings;
    this.#clock = clock;
    this.#random = random;
  }

  /** What was attempted works; told again and again while it does, only the first time counts. */
  succeeded(): void {
    this.#goodSinceMs ??= this.#clock.monotonicMs();
  }

  /** It failed: the wait before the next attempt, between half and the whole of the current step. */
  nextDelayMs(): number {
    const { minMs, maxMs, stableAfterMs } = this.#settings;
    if (this.#goodSinceMs !== null && this.#clock.monotonicMs() - this.#goodSinceMs >= stableAfterMs) {
      this.#attempts = 0;
    }
    this.#goodSinceMs = null;
    const stepMs = Math.min(maxMs, minMs * 2 ** Math.min(this.#attempts, DOUBLINGS_MAX));
    this.#attempts++;
    return stepMs * (0.5 + this.#random() / 2);
  }
}
