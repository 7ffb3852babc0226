// Step 3, keep, storage-thread half: who has how many bytes waiting in the log. Adds what is appended, takes off what
// every sink has passed, and hands on the differences. A batch counts whole until its last record is delivered.
//
// A row of a batch (share-rows.ts) is not written with the batch, but with the cursors some 200 ms later, and only if
// the batch still waits: a gateway whose upstream keeps up writes next to nothing. Rows that a crash takes are made
// again from the log. What the log held at the start is counted by another thread, slice by slice (share-count.ts):
//
//   lane: | told: gone from the sums | in the sums | counted: not yet looked at | until: the start | in the sums |
//
// Invariant: in the sums are the batches that end from `told` up to `counted` and from `until` on.

import type { Database } from 'better-sqlite3';
import type { LaneState } from '../log/log-writer.ts';
import { stallReasonOf } from '../log/space.ts';
import { decodeShares, type OwnerShares } from './owner-shares.ts';
import type { CountedSlice, CountRequest } from './share-count.ts';
import { createShareTable, hasShareTable, type ShareRow, ShareRows, shareSecret } from './share-rows.ts';
import { ShareSums } from './share-sums.ts';

/** Deleted per flush and lane, so that no transaction grows long. */
const ROWS_DELETED_MAX = 1024;
/** Taken off at a time, a millisecond or two: shares, of which a row has at least so many. */
const SHARES_SETTLED_MAX = 8192;
const SHARES_PER_ROW_MIN = 8;
/** Rows that wait to be written: counting waits from here on; beyond, the oldest are given up and not counted. */
const ROWS_WAITING = 512;
const ROWS_WAITING_MAX = 8192;

interface ShareLane {
  readonly number: number;
  readonly state: LaneState;
  told: number;
  counted: number;
  until: number;
  deletedUpTo: number;
}

export interface ShareLogOptions {
  lanes: readonly LaneState[];
  /** The first offset that some sink still owes; undefined when no sink takes the lane. */
  floorOf(lane: LaneState): number | undefined;
  /** Not: only what an earlier run has left is cleared away, as it is delivered. */
  isCounting: boolean;
}

export class ShareLog {
  readonly secret: string;
  /** Rows that were given up because there was no room for them. */
  rowsGivenUp = 0;
  readonly #db: Database;
  readonly #options: ShareLogOptions;
  readonly #sums = new ShareSums();
  #rows: ShareRows | null = null;
  #lanes: ShareLane[] = [];
  #waiting: ShareRow[] = [];
  #isAsking = false;
  #isOutOfRoom = false;
  #flushedUpTo: number[] = [];
  #flushedRows = 0;
  #flushedBytes = 0;
  #sharesLeft = 0;

  constructor(db: Database, options: ShareLogOptions) {
    this.#db = db;
    this.#options = options;
    this.secret = shareSecret(db);
    if (!options.isCounting && hasShareTable(db)) this.#begin();
  }

  /** False while there is nothing to write to: no room for the table yet, or no use for it. */
  get isReady(): boolean {
    return this.#rows !== null;
  }

  /** Makes the table if it has to be, and begins to count; tried again later when there is no room for it. */
  tryCreate(): void {
    if (this.isReady || !this.#options.isCounting) return;
    try {
      this.#db.transaction(() => createShareTable(this.#db, this.secret))();
    } catch (error) {
      if (stallReasonOf(error) === undefined) throw error;
      return;
    }
    this.#begin();
  }

  /** A batch is on disk. */
  appended(laneIndex: number, batch: { firstOffset: number; count: number; shares: OwnerShares }): void {
    if (!this.isReady || !this.#options.isCounting) return;
    const { firstOffset: first, count, shares } = batch;
    this.#sums.add(shares);
    this.#wait({ laneNumber: this.#lanes[laneIndex].number, first, last: first + count - 1, shares });
  }

  /** Takes off what has been delivered; stops after a little while, and goes on with the next call. */
  settle(): void {
    this.#sharesLeft = SHARES_SETTLED_MAX;
    for (const lane of this.#lanes) {
      const floor = this.#options.floorOf(lane.state);
      if (floor === undefined || floor <= lane.told) continue;
      if (this.#options.isCounting) this.#settleLane(lane, floor);
      else lane.told = floor;
    }
  }

  /** The differences since the last time, null when there are none. */
  takeChanges(): OwnerShares | null {
    if (this.#sums.isEmpty) return null;
    const changes = this.#sums.take();
    return changes.length === 0 ? null : changes;
  }

  /** Whether `flush` has something to do. */
  get due(): boolean {
    return this.#waiting.length > 0 || this.#lanes.some((lane) => lane.told > lane.deletedUpTo);
  }

  /**
   * In a transaction; `flushed` or `flushFailed` tells how it ended. `hard`: there is no room, so nothing is written:
   * clearing away must not fail for it.
   */
  flush(hard: boolean): void {
    const rows = this.#rows;
    if (rows === null) return;
    this.#flushedUpTo = this.#lanes.map((lane) => {
      const { number, told, deletedUpTo } = lane;
      if (told <= deletedUpTo) return deletedUpTo;
      return rows.deleteUpTo(number, told, ROWS_DELETED_MAX) < ROWS_DELETED_MAX ? told : deletedUpTo;
    });
    this.#flushedRows = hard || this.#isOutOfRoom ? 0 : this.#waiting.length;
    this.#flushedBytes = 0;
    for (let i = 0; i < this.#flushedRows; i++) this.#flushedBytes += rows.put(this.#waiting[i]);
  }

  /** Returns the bytes that were written. */
  flushed(): number {
    for (const [i, upTo] of this.#flushedUpTo.entries()) this.#lanes[i].deletedUpTo = upTo;
    this.#waiting.splice(0, this.#flushedRows);
    this.#isOutOfRoom = false;
    return this.#flushedBytes;
  }

  /** For want of room: the next flush only clears away. */
  flushFailed(): void {
    this.#isOutOfRoom = true;
  }

  /** What is to be counted next; null when nothing is, or not now. Answer it with `counted`. */
  nextCount(): CountRequest | null {
    if (this.#isAsking || !this.#options.isCounting || this.#waiting.length >= ROWS_WAITING) return null;
    for (const lane of this.#lanes) {
      this.#skipDelivered(lane);
      if (lane.counted >= lane.until) continue;
      this.#isAsking = true;
      return { laneNumber: lane.number, from: lane.counted, to: lane.until };
    }
    return null;
  }

  /** Whether all that the log held at the start is counted. */
  get isCounted(): boolean {
    return this.isReady && this.#lanes.every((lane) => lane.counted >= lane.until);
  }

  counted({ laneNumber, to, shares, made }: CountedSlice): void {
    this.#isAsking = false;
    const lane = this.#lanes.find(({ number }) => number === laneNumber) as ShareLane;
    lane.counted = to;
    this.#sums.add(shares);
    for (const row of made) {
      this.#sums.add(row.shares);
      this.#wait(row);
    }
  }

  #begin(): void {
    this.#rows = new ShareRows(this.#db);
    this.#lanes = this.#options.lanes.map((state) => {
      const told = this.#options.floorOf(state) ?? 0;
      const { number, nextOffset: until } = state;
      return { number, state, told, counted: told, until, deletedUpTo: 0 };
    });
  }

  #wait(row: ShareRow): void {
    this.#waiting.push(row);
    if (this.#waiting.length <= ROWS_WAITING_MAX) return;
    this.#sums.subtract((this.#waiting.shift() as ShareRow).shares);
    this.rowsGivenUp++;
  }

  /** What was delivered before it was counted need not be. */
  #skipDelivered(lane: ShareLane): boolean {
    const floor = this.#options.floorOf(lane.state) ?? 0;
    if (lane.told < lane.counted || lane.counted >= lane.until || floor <= lane.counted) return false;
    lane.told = lane.counted = Math.min(floor, lane.until);
    return true;
  }

  #settleLane(lane: ShareLane, floor: number): void {
    this.#takeOff(lane, floor);
    if (!this.#isAsking && this.#skipDelivered(lane)) this.#takeOff(lane, floor);
    this.#settleWaiting(lane);
  }

  #takeOff(lane: ShareLane, floor: number): void {
    const to = lane.counted < lane.until ? Math.min(floor, lane.counted) : floor;
    if (lane.told >= to) return;
    for (const { last, owners } of (this.#rows as ShareRows).read(lane.number, lane.told, to)) {
      if (this.#sharesLeft <= 0) return;
      const shares = decodeShares(owners);
      this.#sums.subtract(shares);
      this.#sharesLeft -= Math.max(SHARES_PER_ROW_MIN, shares.length / 2);
      lane.told = last + 1;
    }
    lane.told = to;
  }

  #settleWaiting({ number, told }: ShareLane): void {
    this.#waiting = this.#waiting.filter((row) => {
      if (row.laneNumber !== number || row.last >= told) return true;
      this.#sums.subtract(row.shares);
      return false;
    });
  }
}
