// What a group, or all devices, may take together: rates, a daily budget, and what may wait in the buffer.
// Who goes first when it is short is FairGate's.

import type { Config } from '../../../config/settings.ts';
import type { SharedBudget } from './fair-gate.ts';
import { quotaBounds } from './quota-bounds.ts';
import { TokenBucket } from './token-bucket.ts';
import type { UtcDay } from './utc-day.ts';

export type TotalLimits = Pick<
  Config['quotas']['groups'][string],
  'messagesPerS' | 'messagesBurst' | 'bytesPerS' | 'bytesBurst' | 'storedBytesMax' | 'dailyBytesMax'
>;

export const noTotalLimits: TotalLimits = {
  messagesPerS: 0,
  messagesBurst: 0,
  bytesPerS: 0,
  bytesBurst: 0,
  storedBytesMax: 0,
  dailyBytesMax: 0,
};

const Cell = { messageTime: 0, byteTime: 1, messages: 2, bytes: 3, storedBytes: 4, bytesMax: 5 } as const;
const CELLS = Object.keys(Cell).length;

export class TotalQuota implements SharedBudget {
  readonly #today: UtcDay;
  /** All numbers that change with each message (token-bucket.ts says why). */
  readonly #cells = new Float64Array(CELLS);
  readonly #messages = new TokenBucket(this.#cells, Cell.messageTime);
  readonly #bytes = new TokenBucket(this.#cells, Cell.byteTime);
  #storedBytesMax = Infinity;
  #dailyBytesMax = Infinity;
  #day: number;
  /** What `bytes` was when the day began. */
  #bytesAtMidnight = 0;

  constructor(today: UtcDay) {
    this.#today = today;
    this.#day = today.number;
    this.#setBytesMax();
  }

  get dayBytes(): number {
    return this.#day === this.#today.number ? Math.max(0, this.bytes - this.#bytesAtMidnight) : 0;
  }

  /** Of its members, as far as they are known. */
  get storedBytes(): number {
    return this.#cells[Cell.storedBytes];
  }

  addStored(bytes: number): void {
    this.#cells[Cell.storedBytes] += bytes;
  }

  /** As the store has it. */
  setStored(bytes: number): void {
    this.#cells[Cell.storedBytes] = bytes;
  }

  clearStored(): void {
    this.#cells[Cell.storedBytes] = 0;
  }

  /** Taken and not given back, of all time. */
  get messages(): number {
    return this.#cells[Cell.messages];
  }

  get bytes(): number {
    return this.#cells[Cell.bytes];
  }

  get hasDailyLimit(): boolean {
    return this.#dailyBytesMax < Infinity;
  }

  /** From before a restart. */
  addDayBytes(bytes: number): void {
    this.#rollDay();
    this.#bytesAtMidnight -= bytes;
    this.#setBytesMax();
  }

  set(limits: TotalLimits, nowMs: number): void {
    this.#messages.set(limits.messagesPerS, limits.messagesBurst, nowMs);
    this.#bytes.set(limits.bytesPerS, limits.bytesBurst, nowMs);
    this.#storedBytesMax = limits.storedBytesMax || Infinity;
    this.#dailyBytesMax = limits.dailyBytesMax || Infinity;
    this.#setBytesMax();
  }

  /** So many messages, of so many bytes together, surely pass now. */
  messagesLeft(nowMs: number): number {
    return this.#messages.left(nowMs);
  }

  bytesLeft(nowMs: number): number {
    const cells = this.#cells;
    const ofDay = cells[Cell.bytesMax] - cells[Cell.bytes];
    return Math.min(this.#bytes.left(nowMs), ofDay, this.#storedBytesMax - cells[Cell.storedBytes]);
  }

  tryTake(bytes: number, nowMs: number): boolean {
    if (this.#isUsedUp(bytes)) return false;
    if (!this.#messages.fits(1, nowMs) || !this.#bytes.fits(bytes, nowMs)) return false;
    this.take(1, bytes, nowMs);
    return true;
  }

  waitMs(bytes: number, nowMs: number): number {
    if (this.#isUsedUp(bytes)) return quotaBounds.pollMs;
    return Math.max(this.#messages.waitMs(1, nowMs), this.#bytes.waitMs(bytes, nowMs));
  }

  /** Whether there is enough or not: what is missing is paid back by those who come next. */
  take(messages: number, bytes: number, nowMs: number): void {
    this.#messages.take(messages, nowMs);
    this.#bytes.take(bytes, nowMs);
    this.#count(messages, bytes);
  }

  /** A message that was taken and then not kept. */
  giveBack(bytes: number): void {
    this.#messages.giveBack(1);
    this.#bytes.giveBack(bytes);
    const cells = this.#cells;
    cells[Cell.messages]--;
    cells[Cell.bytes] -= bytes;
  }

  /**
   * In messages where they are what is short, in bytes where these are, in whichever is more where both may
   * be.
   */
  cost(bytes: number): number {
    const perMessageMs = this.#messages.perTokenMs;
    const perByteMs = this.#bytes.perTokenMs;
    const hasBudget = Math.min(this.#dailyBytesMax, this.#storedBytesMax) < Infinity;
    if (perMessageMs === 0) return perByteMs > 0 || hasBudget ? Math.max(1, bytes) : 1;
    return Math.max(1, (bytes * perByteMs) / perMessageMs);
  }

  /** Of `bytes`, when the budget of the day is used up; with the day it may grow, which `#isUsedUp` knows. */
  #setBytesMax(): void {
    this.#cells[Cell.bytesMax] = this.#bytesAtMidnight + this.#dailyBytesMax;
  }

  /**
   * A message larger than a whole limit passes when nothing else counts towards it: else it would wait for
   * ever.
   */
  #isUsedUp(bytes: number): boolean {
    const cells = this.#cells;
    const isStoreFull = cells[Cell.storedBytes] + bytes > this.#storedBytesMax && cells[Cell.storedBytes] > 0;
    if (cells[Cell.bytes] + bytes <= cells[Cell.bytesMax]) return isStoreFull;
    const { dayBytes } = this;
    return isStoreFull || (dayBytes > 0 && dayBytes + bytes > this.#dailyBytesMax);
  }

  #count(messages: number, bytes: number): void {
    this.#rollDay();
    const cells = this.#cells;
    cells[Cell.messages] += messages;
    cells[Cell.bytes] += bytes;
  }

  #rollDay(): void {
    if (this.#day === this.#today.number) return;
    this.#day = this.#today.number;
    this.#bytesAtMidnight = this.bytes;
    this.#setBytesMax();
  }
}
