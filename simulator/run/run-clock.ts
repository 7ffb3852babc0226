// The clock of a run: ms since its start, the same in every thread of the process. Never jumps.
//
// The start is an instant to come, set once everything that takes part is there: until then the time is negative, and
// nothing is due. Otherwise what was due first would be late by what it took to get ready.

export interface RunClock {
  /** ms since 1970 with a fraction, at the run's start. */
  readonly startEpochMs: number;
  readonly nowMs: () => number;
}

export class StartableClock implements RunClock {
  #startMs = Number.POSITIVE_INFINITY;

  get startEpochMs(): number {
    return performance.timeOrigin + this.#startMs;
  }

  readonly nowMs = (): number => performance.now() - this.#startMs;

  startIn(delayMs: number): void {
    this.#startMs = performance.now() + delayMs;
  }
}
