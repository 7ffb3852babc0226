// The time of a group of devices, which a phase may make pass faster or slower than the run's: device time is the
// integral of the rate. Profiles are sequences in device time, so that a seed gives the same steps at any speed.
//
// All changes of the rate are known before the run (run/rate-plan.ts), and none depends on when a timer fired: what is
// due when is a matter of arithmetic, the same in every run.

/** From `fromMs` on the run's clock. */
export interface RateChange {
  fromMs: number;
  /** Device ms per ms of the run; 0: time stands still. */
  factor: number;
}

/** A stretch of one rate; it ends where the next begins. */
interface Stretch {
  runMs: number;
  deviceMs: number;
  factor: number;
}

export class GroupClock {
  /** There is one at 0, and one at least. */
  readonly #stretches: Stretch[] = [{ runMs: 0, deviceMs: 0, factor: 1 }];
  /** Where the last question was answered: the next is nearly always about the same stretch. */
  #at = 0;

  /** `changes` in order of time, from 0 on; until the first of them the rate is 1. */
  constructor(changes: readonly RateChange[] = []) {
    for (const { fromMs, factor } of changes) {
      const { runMs, deviceMs, factor: before } = this.#stretches.at(-1)!;
      if (fromMs === runMs) this.#stretches.pop();
      this.#stretches.push({ runMs: fromMs, deviceMs: deviceMs + (fromMs - runMs) * before, factor });
    }
  }

  /** Before the run begins its devices' time is negative, too. */
  toDeviceMs(timeMs: number): number {
    if (timeMs < 0) return timeMs;
    const stretches = this.#stretches;
    while (this.#at > 0 && stretches[this.#at]!.runMs > timeMs) this.#at--;
    while (this.#at + 1 < stretches.length && stretches[this.#at + 1]!.runMs <= timeMs) this.#at++;
    const { runMs, deviceMs, factor } = stretches[this.#at]!;
    return deviceMs + (timeMs - runMs) * factor;
  }

  /** When that was, or will be; the beginning of it where time stood still just then, infinity when it never comes. */
  toRunMs(timeMs: number): number {
    if (timeMs < 0) return timeMs;
    const stretches = this.#stretches;
    while (this.#at > 0 && stretches[this.#at]!.deviceMs >= timeMs) this.#at--;
    while (this.#at + 1 < stretches.length && stretches[this.#at + 1]!.deviceMs < timeMs) this.#at++;
    const { runMs, deviceMs, factor } = stretches[this.#at]!;
    return timeMs === deviceMs ? runMs : runMs + (timeMs - deviceMs) / factor;
  }
}
