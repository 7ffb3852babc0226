// When a commit is worth its fsync. An fsync per message wears a card and costs more CPU than all the rest,
// so a lightly loaded gateway lingers; but nobody is made to wait for company that cannot come.

import type { RecordSource } from './record-source.ts';

/** From here on a commit's own cost, a few pages and an fsync, is small against what it holds. */
const EFFICIENT_RECORDS = 256;
const EFFICIENT_BYTES = 64 * 1024;
const ACTIVITY_WINDOW_MS = 100;
/**
 * Commit early when this share of the recently active connections waits for it, and records come fast: publishers that
 * send one at a time get a commit's latency, while devices that report now and then do not cost an fsync each.
 */
const WAITING_SHARE = 0.9;
const WAITING_RECORDS_MIN = 16;
const WAITING_RECORDS_PER_MS = 10;

export class CommitPace {
  #waiting = 0;
  #commitSerial = 1;
  #window = 1;
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #active = 0;
  #activeBefore = 0;

  /** The first record since the last commit has come. Monotonic time. */
  begin(nowMs: number): void {
    const elapsedMs = nowMs - this.#windowStartMs;
    if (elapsedMs < ACTIVITY_WINDOW_MS) return;
    this.#activeBefore = elapsedMs < 2 * ACTIVITY_WINDOW_MS ? this.#active : 0;
    this.#active = 0;
    this.#window++;
    this.#windowStartMs = nowMs;
  }

  /** `source` waits for an acknowledgement of the next commit. */
  waits(source: RecordSource): void {
    const { slots } = source;
    if (slots.waitingSerial !== this.#commitSerial) {
      slots.waitingSerial = this.#commitSerial;
      this.#waiting++;
    }
    if (slots.activeWindow !== this.#window) {
      slots.activeWindow = this.#window;
      this.#active++;
    }
  }

  committed(): void {
    this.#waiting = 0;
    this.#commitSerial++;
  }

  /** Whether to commit now what has gathered in `ageMs`, instead of lingering on. */
  isWorthIt(records: number, bytes: number, ageMs: number): boolean {
    if (records >= EFFICIENT_RECORDS || bytes >= EFFICIENT_BYTES) return true;
    if (this.#waiting < WAITING_SHARE * Math.max(this.#active, this.#activeBefore)) return false;
    return records >= WAITING_RECORDS_MIN && records >= WAITING_RECORDS_PER_MS * ageMs;
  }
}
