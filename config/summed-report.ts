// Events of a kind that can come as fast as messages do, told without filling the log: the first few by themselves,
// the rest in sums by reason. The counts since the start stay exact.

import type { Clock, Timer } from './clock.ts';

export type Counts<Reason extends string> = Partial<Record<Reason, number>>;

export interface SummedReportOptions<Reason extends string> {
  clock: Clock;
  /** So many in each interval may be told by themselves, unless the one before had more than that. */
  singlesMax: number;
  /** Gets what came since it was last called and was not told by itself. */
  report: (untold: Counts<Reason>) => void;
}

/** A sum is told as often. */
export const REPORT_EVERY_MS = 10_000;

/** Reasons must be of a closed set: each takes memory for ever. */
export class SummedReport<Reason extends string> {
  /** Since the start. */
  readonly totals: Counts<Reason> = {};
  readonly #options: SummedReportOptions<Reason>;
  #untold: Counts<Reason> = {};
  /** In this interval. */
  #events = 0;
  #singlesLeft: number;
  #interval: Timer | null = null;

  constructor(options: SummedReportOptions<Reason>) {
    this.#options = options;
    this.#singlesLeft = options.singlesMax;
  }

  /** True: the caller tells of it now. False: it will be in the next sum. */
  add(reason: Reason, count = 1): boolean {
    this.totals[reason] = (this.totals[reason] ?? 0) + count;
    this.#events++;
    this.#interval ??= this.#options.clock.after(REPORT_EVERY_MS, this.#endInterval);
    if (this.#singlesLeft > 0) {
      this.#singlesLeft--;
      return true;
    }
    this.#untold[reason] = (this.#untold[reason] ?? 0) + count;
    return false;
  }

  /** Tells what has not been told. */
  flush(): void {
    if (Object.keys(this.#untold).length === 0) return;
    const untold = this.#untold;
    this.#untold = {};
    this.#options.report(untold);
  }

  readonly #endInterval = (): void => {
    const { clock, singlesMax } = this.#options;
    this.flush();
    this.#singlesLeft = this.#events > singlesMax ? 0 : singlesMax;
    this.#interval = this.#events > 0 ? clock.after(REPORT_EVERY_MS, this.#endInterval) : null;
    this.#events = 0;
  };
}
