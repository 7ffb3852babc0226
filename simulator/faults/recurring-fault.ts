// A fault that comes and goes: begins every so often and lasts so long, from its start on until it is stopped. When
// it is stopped while the fault lasts, the fault is ended.

import { type Clock, systemClock, type Timer } from '../../config/clock.ts';

export interface RecurringFaultOptions {
  /** From one beginning to the next, and from the start to the first. */
  everyMs: number;
  /** Less than `everyMs`. */
  forMs: number;
  begin: () => void;
  end: () => void;
  clock?: Clock;
}

export class RecurringFault implements Disposable {
  readonly #options: RecurringFaultOptions;
  readonly #clock: Clock;
  #nextMs = 0;
  #timer: Timer | undefined;
  #lasts = false;

  constructor(options: RecurringFaultOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  start(): void {
    this.#nextMs = this.#clock.monotonicMs();
    this.#awaitNext();
  }

  /** Repeatable. */
  stop(): void {
    this.#timer?.clear();
    if (this.#lasts) this.#end();
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  #awaitNext(): void {
    const { everyMs, forMs, begin } = this.#options;
    this.#nextMs += everyMs; // counted from the start, so that late timers do not add up
    this.#timer = this.#clock.after(Math.max(0, this.#nextMs - this.#clock.monotonicMs()), () => {
      this.#lasts = true;
      begin();
      this.#timer = this.#clock.after(forMs, () => {
        this.#end();
        this.#awaitNext();
      });
    });
  }

  #end(): void {
    this.#lasts = false;
    this.#options.end();
  }
}
