// What one device may send, and what it has sent: it outlives the connection (device-table.ts), so that
// whoever comes back finds its buckets as it left them. Nothing here knows of connections or other devices.
//
// `decide` changes nothing: a message can be decided upon several times before there is room for it. What
// became of it is told once (`charge`, `chargeSample`, `thin`, `refuse`, `drop`).

import { DistinctTopics } from '../access/distinct-topics.ts';
import { quotaBounds } from './quota-bounds.ts';
import type { DeviceLimits } from './quota-rules.ts';
import { OneIn } from './sample.ts';
import { TokenBucket } from './token-bucket.ts';
import type { UtcDay } from './utc-day.ts';
import { type QuotaReason, quotaReason, quotaReasonNames, type Verdict, verdict } from './verdict.ts';

const Cell = { messageTime: 0, byteTime: 1, accepted: 2, acceptedBytes: 3, acceptedBytesMax: 4 } as const;
const CELLS = Object.keys(Cell).length;

export class DeviceQuota {
  readonly #today: UtcDay;
  /** Of many devices: nobody could say what of theirs is stored. */
  readonly isShared: boolean;
  /** All numbers that change with each message (token-bucket.ts says why). */
  readonly #cells = new Float64Array(CELLS);
  readonly #messages = new TokenBucket(this.#cells, Cell.messageTime);
  readonly #bytes = new TokenBucket(this.#cells, Cell.byteTime);
  #limits: DeviceLimits | null = null;
  #hasRates = false;
  #day: number;
  /**
   * What `acceptedBytes` was when the day began, and when nothing was stored: so one count is enough for
   * three.
   */
  #bytesAtMidnight = 0;
  #bytesAtEmpty = 0;
  /** Those it has published to since it is known. */
  readonly topics = new DistinctTopics();
  readonly #oneIn = new OneIn();
  #refusals: Uint32Array | null = null;
  /** Messages that had to wait. */
  delayed = 0;
  dropped = 0;
  /** Left out by `sample`. */
  sampledAway = 0;
  /** Of the last verdict that was not `accept`. */
  wakeMs = 0;
  reason: QuotaReason = quotaReason.none;

  constructor(today: UtcDay, { isShared = false }: { isShared?: boolean } = {}) {
    this.#today = today;
    this.isShared = isShared;
    this.#day = today.number;
    this.#setAcceptedMax();
  }

  /** Null: nothing limits it. */
  get limits(): DeviceLimits | null {
    return this.#limits;
  }

  get dayBytes(): number {
    return this.#day === this.#today.number ? this.acceptedBytes - this.#bytesAtMidnight : 0;
  }

  /** Of its messages that are not sent on yet; set from outside, and added to until then. */
  get storedBytes(): number {
    return this.isShared ? 0 : this.acceptedBytes - this.#bytesAtEmpty;
  }

  set storedBytes(bytes: number) {
    this.#bytesAtEmpty = this.acceptedBytes - bytes;
    this.#setAcceptedMax();
  }

  /** Kept messages, those that `sample` has kept included. */
  get accepted(): number {
    return this.#cells[Cell.accepted];
  }

  get acceptedBytes(): number {
    return this.#cells[Cell.acceptedBytes];
  }

  get hasDailyLimit(): boolean {
    return this.#limits !== null && this.#limits.dailyBytesMax > 0;
  }

  refused(reason: QuotaReason): number {
    return this.#refusals?.[reason] ?? 0;
  }

  get refusedTotal(): number {
    return this.#refusals?.reduce((sum, count) => sum + count, 0) ?? 0;
  }

  /** At run time too: what was used stays used. */
  set(limits: DeviceLimits | null, nowMs: number): void {
    this.#limits = limits;
    this.#messages.set(limits?.messagesPerS ?? 0, limits?.messagesBurst ?? 0, nowMs);
    this.#bytes.set(limits?.bytesPerS ?? 0, limits?.bytesBurst ?? 0, nowMs);
    this.#hasRates = limits !== null && (limits.messagesPerS > 0 || limits.bytesPerS > 0);
    this.#setAcceptedMax();
  }

  /** From before a restart. */
  addDayBytes(bytes: number): void {
    this.#rollDay();
    this.#bytesAtMidnight -= bytes;
    this.#setAcceptedMax();
  }

  /** Nothing would be forgotten with it that makes a difference. */
  isAtRest(nowMs: number): boolean {
    return (
      this.#messages.isFull(nowMs) &&
      this.#bytes.isFull(nowMs) &&
      (!this.hasDailyLimit || this.dayBytes === 0)
    );
  }

  /**
   * `accept`, `keep`, `delay` (until `wakeMs`), `refuse`, `drop`, `thin` or `hold`; `reason` says why.
   * `bytes`: of the packet.
   */
  decide(bytes: number, qos: number, nowMs: number): Verdict {
    if (this.#cells[Cell.acceptedBytes] + bytes > this.#cells[Cell.acceptedBytesMax]) {
      const why = this.#usedUp(bytes);
      if (why !== quotaReason.none) return this.#beyond(why, qos, nowMs);
    }
    if (!this.#hasRates) return verdict.accept;
    if (this.#messages.fits(1, nowMs) && this.#bytes.fits(bytes, nowMs)) return verdict.accept;
    const messagesMs = this.#messages.waitMs(1, nowMs);
    const bytesMs = this.#bytes.waitMs(bytes, nowMs);
    this.reason = messagesMs > bytesMs ? quotaReason.messageRate : quotaReason.byteRate;
    this.wakeMs = nowMs + Math.max(messagesMs, bytesMs);
    return this.#above(qos);
  }

  /** So many messages, of so many bytes together, are surely accepted now. */
  messagesLeft(nowMs: number): number {
    return this.#messages.left(nowMs);
  }

  bytesLeft(nowMs: number): number {
    const cells = this.#cells;
    return Math.min(this.#bytes.left(nowMs), cells[Cell.acceptedBytesMax] - cells[Cell.acceptedBytes]);
  }

  /** They were appended. */
  charge(messages: number, bytes: number, nowMs: number): void {
    if (this.#hasRates) {
      this.#messages.take(messages, nowMs);
      this.#bytes.take(bytes, nowMs);
    }
    this.#count(messages, bytes);
  }

  /**
   * It was appended although it was above the rate: were that charged, a device would never get out of its
   * debt.
   */
  chargeSample(bytes: number): void {
    this.#count(1, bytes);
  }

  /** One message more or less on the way to the next one of N. */
  stepSample(): void {
    this.#oneIn.step(this.#limits?.sampleOneIn ?? 1);
  }

  refuse(reason: QuotaReason): void {
    this.#refusals ??= new Uint32Array(quotaReasonNames.length);
    this.#refusals[reason]++;
  }

  #above(qos: number): Verdict {
    const limits = this.#limits!; // without limits nothing is above them
    switch (limits.over) {
      case 'delay':
        return verdict.delay;
      case 'refuse':
        return verdict.refuse;
      case 'drop-qos0':
        return qos === 0 ? verdict.drop : verdict.delay;
      case 'sample':
        if (limits.sample === 'latest') return verdict.hold;
        return this.#oneIn.isNext ? verdict.keep : verdict.thin;
    }
  }

  /**
   * A budget is used up: waiting is looking again now and then, and a sample of what may not be is nothing.
   */
  #beyond(why: QuotaReason, qos: number, nowMs: number): Verdict {
    this.reason = why;
    const { pollMs, midnightPollMsMax, dayCheckMs } = quotaBounds;
    const untilDayMs = Math.min(this.#today.leftMs + dayCheckMs, midnightPollMsMax);
    this.wakeMs = nowMs + (why === quotaReason.dailyBytes ? untilDayMs : pollMs);
    return this.#limits?.over === 'sample' ? verdict.thin : this.#above(qos);
  }

  /**
   * Up to there the budgets of the day and of the store are not used up, so that one comparison is enough for most
   * messages; beyond, `#usedUp` says. With the day it may grow, which `#usedUp` knows.
   */
  #setAcceptedMax(): void {
    const { dailyBytesMax = 0, storedBytesMax = 0 } = this.#limits ?? {};
    const dayMax = dailyBytesMax > 0 ? this.#bytesAtMidnight + dailyBytesMax : Infinity;
    const storeMax = storedBytesMax > 0 && !this.isShared ? this.#bytesAtEmpty + storedBytesMax : Infinity;
    this.#cells[Cell.acceptedBytesMax] = Math.min(dayMax, storeMax);
  }

  /**
   * A message larger than a whole budget passes when nothing else counts towards it: else it would wait for
   * ever.
   */
  #usedUp(bytes: number): QuotaReason {
    const { dailyBytesMax, storedBytesMax } = this.#limits!; // without limits nothing is used up
    const { dayBytes, storedBytes } = this;
    if (dailyBytesMax > 0 && dayBytes > 0 && dayBytes + bytes > dailyBytesMax) return quotaReason.dailyBytes;
    if (storedBytesMax > 0 && storedBytes > 0 && storedBytes + bytes > storedBytesMax)
      return quotaReason.storedBytes;
    return quotaReason.none;
  }

  #count(messages: number, bytes: number): void {
    this.#rollDay();
    const cells = this.#cells;
    cells[Cell.accepted] += messages;
    cells[Cell.acceptedBytes] += bytes;
  }

  #rollDay(): void {
    if (this.#day === this.#today.number) return;
    this.#day = this.#today.number;
    this.#bytesAtMidnight = this.acceptedBytes;
    this.#setAcceptedMax();
  }
}
