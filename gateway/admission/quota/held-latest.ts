// The latest messages of one connection's topics during an interval (`over: sample`, `sample: latest`): held
// until it ends, then appended one after the other, and tried again soon if there is no room for all of them.

import type { Clock } from '../../../config/clock.ts';
import { type LatestBudget, type LatestMessage, LatestPerTopic, type SampledRecord } from './sample.ts';
import { WakePlace, type WakeWaiter, type WakeWheel } from './wake-wheel.ts';

/** How soon those that found no room are tried again. */
const ROOM_RETRY_MS = 50;

export interface HeldLatestOptions {
  clock: Clock;
  wheel: WakeWheel;
  budget: LatestBudget;
  everyMs: number;
  /** Appends one; false: no room. */
  keep(message: LatestMessage): boolean;
  /** The interval is over and nothing is held any more. */
  onEnd(): void;
}

export class HeldLatest implements WakeWaiter {
  readonly #options: HeldLatestOptions;
  readonly #messages: LatestPerTopic;
  readonly wakePlace: WakePlace = new WakePlace(this);

  constructor(options: HeldLatestOptions) {
    this.#options = options;
    this.#messages = new LatestPerTopic(options.budget);
    this.#wakeIn(options.everyMs);
  }

  /** Returns how many messages are sampled away by that. */
  put(record: SampledRecord, wireBytes: number): number {
    return this.#messages.put(record, wireBytes);
  }

  wake(): void {
    if (this.#messages.release(this.#options.keep)) this.#options.onEnd();
    else this.#wakeIn(ROOM_RETRY_MS);
  }

  /**
   * The connection ends: appends what there is room for, and returns how many messages there was none for.
   */
  close(): number {
    this.#options.wheel.cancel(this);
    this.#messages.release(this.#options.keep);
    return this.#messages.clear();
  }

  #wakeIn(ms: number): void {
    const { wheel, clock } = this.#options;
    wheel.at(clock.monotonicMs() + ms, this);
  }
}
