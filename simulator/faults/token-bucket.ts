// A bandwidth, as the time at which the next byte may go: sending n bytes moves it n / rate into the future. What was
// not used is kept for DEPTH_MS and no longer, so that timers that come late do not cost bandwidth, and an idle link
// does not save up for a burst.

const DEPTH_MS = 100;
/** Who has much to send sends it in slices of this share of a second, so that others get their turn between. */
const SLICES_PER_SECOND = 50;

export class TokenBucket {
  #freeAtMs = Number.NEGATIVE_INFINITY;

  /** When the next bytes may go; not later than now: at once. */
  get freeAtMs(): number {
    return this.#freeAtMs;
  }

  take(bytes: number, bytesPerSecond: number, nowMs: number): void {
    if (bytesPerSecond > 0) {
      this.#freeAtMs = Math.max(this.#freeAtMs, nowMs - DEPTH_MS) + (1000 * bytes) / bytesPerSecond;
    }
  }

  /** The rate has changed: what was sent at the old one is not made to be waited for at the new one. */
  reset(nowMs: number): void {
    this.#freeAtMs = Math.min(this.#freeAtMs, nowMs);
  }
}

/** How many bytes may go at a time. */
export function sliceBytesOf(bytesPerSecond: number): number {
  return bytesPerSecond > 0 ? Math.max(1, Math.ceil(bytesPerSecond / SLICES_PER_SECOND)) : Infinity;
}
