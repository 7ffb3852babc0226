// Thousands who wait for a time, and one timer: a hashed timing wheel (Varghese and Lauck, 1987). A slot is
// `tickMs`; who waits for longer than a turn of the wheel stays in its slot for as many turns as it takes.
// Nobody is woken early, and nobody from within `at`. While nobody waits there is no timer; while the next
// one is far away, none that ticks.

import type { Clock, Timer } from '../../../config/clock.ts';
import { Link, LinkedList } from './linked-list.ts';
import { quotaBounds } from './quota-bounds.ts';

const { tickMs } = quotaBounds;
const SLOTS = 512;

/** A waiter's place on the wheel; made once with it. */
export class WakePlace extends Link<WakeWaiter> {
  /** Number of the tick it waits for. */
  tick = 0;
}

export interface WakeWaiter {
  readonly wakePlace: WakePlace;
  /** May call `at` again. */
  wake(): void;
}

export class WakeWheel {
  readonly #clock: Clock;
  readonly #slots: LinkedList<WakeWaiter>[];
  /** Their time has come; they are woken one after the other. */
  readonly #due = new LinkedList<WakeWaiter>();
  /** Everything up to here has been looked at. */
  #lastTick: number;
  #size = 0;
  #timer: Timer | null = null;
  #timerTick = 0;
  #isWaking = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#slots = Array.from({ length: SLOTS }, () => new LinkedList<WakeWaiter>());
    this.#lastTick = this.#tickNow();
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Wakes once, at `wakeMs` (monotonic) or up to a tick later; one who waits already waits for this time
   * instead.
   */
  at(wakeMs: number, waiter: WakeWaiter): void {
    this.cancel(waiter);
    // While nobody waited the wheel stood still.
    if (this.#size === 0 && !this.#isWaking) this.#lastTick = this.#tickNow();
    const place = waiter.wakePlace;
    place.tick = Math.max(Math.ceil(wakeMs / tickMs), this.#lastTick + 1);
    this.#slots[place.tick % SLOTS].push(place);
    this.#size++;
    if (!this.#isWaking && (this.#timer === null || place.tick < this.#timerTick)) this.#arm(place.tick);
  }

  cancel(waiter: WakeWaiter): void {
    const place = waiter.wakePlace;
    if (place.list === null) return;
    place.list.remove(place);
    if (--this.#size > 0 || this.#isWaking) return;
    this.#timer?.clear();
    this.#timer = null;
  }

  /** Nobody is woken any more. */
  stop(): void {
    for (const list of [this.#due, ...this.#slots]) {
      while (list.head !== null) this.cancel(list.head.item);
    }
  }

  #tickNow(): number {
    return Math.floor(this.#clock.monotonicMs() / tickMs);
  }

  #arm(tick: number): void {
    this.#timer?.clear();
    this.#timerTick = tick;
    // At most a turn: a timer takes no more than 24 days.
    const delayMs = Math.min(Math.max(0, tick * tickMs - this.#clock.monotonicMs()), SLOTS * tickMs);
    this.#timer = this.#clock.after(delayMs, () => this.#onTimer());
  }

  #onTimer(): void {
    this.#timer = null;
    this.#isWaking = true;
    try {
      this.#collect();
      for (let link = this.#due.head; link !== null; link = this.#due.head) {
        this.cancel(link.item);
        link.item.wake();
      }
    } finally {
      this.#isWaking = false;
      this.#armNext();
    }
  }

  #collect(): void {
    const now = this.#tickNow();
    // After a standstill of more than a turn every slot is looked at once.
    const first = Math.max(this.#lastTick + 1, now - SLOTS + 1);
    for (let tick = first; tick <= now; tick++) {
      const slot = this.#slots[tick % SLOTS];
      for (let link = slot.head; link !== null; ) {
        const { next } = link;
        if ((link as WakePlace).tick <= now) {
          slot.remove(link);
          this.#due.push(link);
        }
        link = next;
      }
    }
    this.#lastTick = Math.max(this.#lastTick, now);
  }

  /** For the next slot with somebody in it; that can be somebody who waits for a later turn. */
  #armNext(): void {
    if (this.#size === 0) return;
    if (this.#due.head !== null) {
      this.#arm(this.#lastTick);
      return;
    }
    for (let tick = this.#lastTick + 1; tick <= this.#lastTick + SLOTS; tick++) {
      if (this.#slots[tick % SLOTS].head === null) continue;
      this.#arm(tick);
      return;
    }
  }
}
