// Messages for local subscribers that end other than by their receiver's acknowledgement: counted by reason, and told
// at once when it begins, then in sums, because a full queue drops as fast as messages come.

import type { Clock } from '../../config/clock.ts';
import type { DropReason } from '../../storage/sessions/session-context.ts';

export type DropCounts = Partial<Record<DropReason, number>>;

const REPORT_EVERY_MS = 10_000;

export class DropReport {
  readonly #clock: Clock;
  readonly #report: (dropped: DropCounts) => void;
  #untold: DropCounts = {};
  #isQuiet = false;
  /** Since the start. */
  readonly totals: DropCounts = {};

  /** `report` gets what was dropped since it was last called. */
  constructor(clock: Clock, report: (dropped: DropCounts) => void) {
    this.#clock = clock;
    this.#report = report;
  }

  readonly add = (reason: DropReason, count: number): void => {
    this.totals[reason] = (this.totals[reason] ?? 0) + count;
    this.#untold[reason] = (this.#untold[reason] ?? 0) + count;
    if (this.#isQuiet) return;
    this.flush();
    this.#isQuiet = true;
    this.#clock.after(REPORT_EVERY_MS, this.#endOfQuiet);
  };

  /** Tells what has not been told. */
  flush(): void {
    if (Object.keys(this.#untold).length === 0) return;
    const dropped = this.#untold;
    this.#untold = {};
    this.#report(dropped);
  }

  readonly #endOfQuiet = (): void => {
    this.#isQuiet = Object.keys(this.#untold).length > 0;
    if (!this.#isQuiet) return;
    this.flush();
    this.#clock.after(REPORT_EVERY_MS, this.#endOfQuiet);
  };
}
