// Which day it is, for daily budgets: midnight to midnight UTC by the wall clock, asked once in a while and
// not per message. A clock that is put right can begin another day, and with it another budget, in either
// direction: were the day only to go forward, a clock that once stood in the future would take a device's
// budgets until then.

import { days } from '../../../config/limits.ts';

export class UtcDay {
  /** Days since 1970-01-01. */
  number = 0;
  /** Until midnight, as of the last look. */
  leftMs: number = days;

  constructor(wallMs: number) {
    this.look(wallMs);
  }

  look(wallMs: number): void {
    this.number = Math.floor(wallMs / days);
    this.leftMs = (this.number + 1) * days - wallMs;
  }
}
