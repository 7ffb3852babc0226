// One direction's bandwidth, shared by all connections of a link as a thin line is: whoever has bytes to send waits for
// its turn, sends one slice, and goes to the end of the row. A small write therefore waits for one slice of each other
// connection, never for all that they have.

import type { Clock, Timer } from '../../config/clock.ts';
import type { DirectionFaults } from './link-faults.ts';
import { sliceBytesOf, TokenBucket } from './token-bucket.ts';

export interface TurnTaker {
  /**
   * Sends at most so many bytes if it still can, joins the row again when it has more, and returns how many it has
   * sent.
   */
  sendSlice(bytesMax: number): number;
}

export class SharedLine {
  readonly #faults: DirectionFaults;
  readonly #clock: Clock;
  readonly #bucket = new TokenBucket();
  /** In the order of their turns. */
  readonly #row = new Set<TurnTaker>();
  #timer: Timer | undefined;
  #isServing = false;

  constructor(faults: DirectionFaults, clock: Clock) {
    this.#faults = faults;
    this.#clock = clock;
  }

  join(taker: TurnTaker): void {
    this.#row.add(taker); // one that waits already keeps its place
    if (this.#timer === undefined && !this.#isServing) this.#serve();
  }

  leave(taker: TurnTaker): void {
    this.#row.delete(taker);
  }

  /** The bandwidth has changed. */
  wake(): void {
    this.#bucket.reset(this.#clock.monotonicMs());
    this.#timer?.clear();
    if (!this.#isServing) this.#serve();
  }

  #serve(): void {
    this.#timer = undefined;
    this.#isServing = true;
    for (const taker of this.#row) {
      const { bytesPerSecond } = this.#faults;
      const nowMs = this.#clock.monotonicMs();
      if (bytesPerSecond > 0 && this.#bucket.freeAtMs > nowMs) {
        this.#timer = this.#clock.after(this.#bucket.freeAtMs - nowMs, () => this.#serve());
        break;
      }
      this.#row.delete(taker); // joining again puts it at the end, where this loop comes to it
      this.#bucket.take(taker.sendSlice(sliceBytesOf(bytesPerSecond)), bytesPerSecond, nowMs);
    }
    this.#isServing = false;
  }
}
