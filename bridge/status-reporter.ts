// Tells the main thread how the sinks are: at once when something changed and nothing was told for a second,
// otherwise when the second is over. Has a timer only while there is something untold.

import type { Clock, Timer } from '../config/clock.ts';

const INTERVAL_MS = 1000;

export class StatusReporter {
  readonly #clock: Clock;
  readonly #report: () => void;
  #reportedAtMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | null = null;

  constructor(clock: Clock, report: () => void) {
    this.#clock = clock;
    this.#report = report;
  }

  changed(): void {
    if (this.#timer !== null) return;
    const leftMs = this.#reportedAtMs + INTERVAL_MS - this.#clock.monotonicMs();
    if (leftMs <= 0) this.reportNow();
    else this.#timer = this.#clock.after(leftMs, () => this.reportNow());
  }

  reportNow(): void {
    this.stop();
    this.#reportedAtMs = this.#clock.monotonicMs();
    this.#report();
  }

  stop(): void {
    this.#timer?.clear();
    this.#timer = null;
  }
}
