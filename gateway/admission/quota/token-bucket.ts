// A token bucket as one number: the generic cell rate algorithm (ITU-T I.371). That number, the theoretical
// arrival time, is when the bucket will be full again; how far it lies ahead is what has been taken. Nothing
// has to be refilled, and lateness loses nothing: the rate is exact over any time, whatever the timers do.
//
// A bucket has room for at least one token and for `timerSlackMs`, so that one who was woken late can make up
// for it. A request for more than the bucket holds passes when it is full, and what is missing is paid back
// before the next one.
//
// The number is in a cell of an array of its owner: as a field it would be allocated anew each time it
// changes, for it is not whole.

import { quotaBounds } from './quota-bounds.ts';

const { timerSlackMs, roundingMs } = quotaBounds;

export class TokenBucket {
  readonly #cells: Float64Array;
  readonly #at: number;
  /** 0: no limit. */
  perTokenMs = 0;
  #windowMs = Infinity;

  /** `cells[at]` is the bucket's alone. */
  constructor(cells: Float64Array = new Float64Array(1), at = 0) {
    this.#cells = cells;
    this.#at = at;
    cells[at] = -Infinity;
  }

  /**
   * Whether `tokens` may be taken now. Asked per message, unlike `waitMs`, whose answer may have to be
   * allocated.
   */
  fits(tokens: number, nowMs: number): boolean {
    const aheadMs = Math.max(timerSlackMs, this.#windowMs - tokens * this.perTokenMs);
    return this.#cells[this.#at] - nowMs - aheadMs <= roundingMs;
  }

  /** So many may surely be taken now, one by one or together; less than 1 is none. */
  left(nowMs: number): number {
    if (this.perTokenMs === 0) return Infinity;
    return (this.#windowMs - Math.max(0, this.#cells[this.#at] - nowMs)) / this.perTokenMs;
  }

  /** How long until they may be; 0 is now. */
  waitMs(tokens: number, nowMs: number): number {
    if (this.fits(tokens, nowMs)) return 0;
    const aheadMs = Math.max(timerSlackMs, this.#windowMs - tokens * this.perTokenMs);
    return this.#cells[this.#at] - nowMs - aheadMs;
  }

  /** Whether they may be taken is the caller's to know. */
  take(tokens: number, nowMs: number): void {
    this.#cells[this.#at] = Math.max(this.#cells[this.#at], nowMs) + tokens * this.perTokenMs;
  }

  /** What was taken and not used after all. */
  giveBack(tokens: number): void {
    this.#cells[this.#at] -= tokens * this.perTokenMs;
  }

  isFull(nowMs: number): boolean {
    return this.#cells[this.#at] <= nowMs;
  }

  /**
   * Rate 0 is no limit, `burst` 0 a second of the rate. What had been taken stays taken, but at most a whole
   * bucket: a device must not wait for hours because its rate was lowered.
   */
  set(ratePerS: number, burst: number, nowMs: number): void {
    const takenMs = Math.max(0, this.#cells[this.#at] - nowMs);
    const taken = this.perTokenMs > 0 ? takenMs / this.perTokenMs : 0;
    this.perTokenMs = ratePerS > 0 ? 1000 / ratePerS : 0;
    this.#windowMs = ratePerS > 0 ? Math.max(1, burst > 0 ? burst : ratePerS) * this.perTokenMs : Infinity;
    this.#cells[this.#at] = nowMs + Math.min(taken * this.perTokenMs, this.#windowMs);
  }
}
