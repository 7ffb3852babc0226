// Counts, after a start, whose bytes wait in the log: adds up the rows of share-rows.ts, and makes those that are
// missing by reading the batches themselves - of a store that had no rows, after a salvage or a crash. Only the
// devices' bytes can be made again: the log does not know groups.
//
// On a read-only connection of its own, a slice at a time; whoever asks says where to go on (share-log.ts).

import type { Database, Statement } from 'better-sqlite3';
import { SluiceError } from '../../config/errors.ts';
import { isWholeRow, rowIdOf, type StoredRow } from '../log/log-schema.ts';
import { decodeBatch } from '../record-batch/codec.ts';
import type { OwnerKeys } from './owner-keys.ts';
import { decodeShares, type OwnerShares, sharesOf } from './owner-shares.ts';
import type { ShareRow } from './share-rows.ts';
import { ShareSums } from './share-sums.ts';

/** Batches of a lane whose last records have offsets from `from` up to, not including, `to`. */
export interface CountRequest {
  laneNumber: number;
  from: number;
  to: number;
}

export interface CountedSlice {
  laneNumber: number;
  /** So far, not included, the lane has been counted. */
  to: number;
  /** What the rows that are there say. */
  shares: OwnerShares;
  /** Rows that were missing; not in `shares`. */
  made: ShareRow[];
}

/** When a slice ends. */
export interface SliceLimits {
  rowsMax: number;
  /** Of `made`. */
  rowsMadeMax: number;
  /** Of batches that were read, as they are stored. */
  readBytesMax: number;
  budgetMs: number;
}

const SLICE: SliceLimits = { rowsMax: 4096, rowsMadeMax: 256, readBytesMax: 1024 * 1024, budgetMs: 20 };

export class ShareCount {
  readonly #keys: OwnerKeys;
  readonly #limits: SliceLimits;
  readonly #nextRow: Statement;
  readonly #holder: Statement;
  readonly #nextBatch: Statement;

  constructor(db: Database, keys: OwnerKeys, limits: SliceLimits = SLICE) {
    this.#keys = keys;
    this.#limits = limits;
    this.#nextRow = db.prepare(
      'SELECT id, first, owners FROM shares WHERE id >= ? AND id < ? ORDER BY id LIMIT 1',
    );
    this.#holder = db.prepare(
      'SELECT id, first, count FROM log WHERE id <= ? AND id >= ? ORDER BY id DESC LIMIT 1',
    );
    this.#nextBatch = db.prepare(
      'SELECT id, first, count, bytes FROM log WHERE id >= ? AND id < ? ORDER BY id LIMIT 1',
    );
  }

  slice({ laneNumber, from, to }: CountRequest): CountedSlice {
    const sums = new ShareSums();
    const progress: Progress = { at: from, rows: 0, readBytes: 0, untilMs: 0, made: [] };
    progress.untilMs = performance.now() + this.#limits.budgetMs;
    while (progress.at < to && this.#mayGoOn(progress)) {
      const row = this.#nextRow.get(rowIdOf(laneNumber, progress.at), rowIdOf(laneNumber, to)) as
        | { id: number; first: number; owners: Buffer }
        | undefined;
      const last = row === undefined ? to : row.id - rowIdOf(laneNumber, 0);
      // Where a row begins may be damaged: its own batch is never made a second time.
      const gap = { to: row?.first ?? to, before: last };
      if (gap.to > progress.at && !this.#fillGap(laneNumber, gap, progress)) break;
      if (row === undefined) break;
      sums.add(decodeShares(row.owners));
      progress.at = last + 1;
      progress.rows++;
    }
    return { laneNumber, to: progress.at, shares: sums.take(), made: progress.made };
  }

  /** A slice has at least one row. */
  #mayGoOn({ rows, made, readBytes, untilMs }: Progress): boolean {
    const { rowsMax, rowsMadeMax, readBytesMax } = this.#limits;
    if (rows === 0) return true;
    const isFull = rows >= rowsMax || made.length >= rowsMadeMax || readBytes >= readBytesMax;
    return !isFull && performance.now() < untilMs;
  }

  /**
   * Makes the rows of batches from `progress.at` up to `to` that end before offset `before`; false when the slice ended
   * before.
   */
  #fillGap(laneNumber: number, gap: { to: number; before: number }, progress: Progress): boolean {
    let id = this.#startOf(laneNumber, progress.at);
    for (;;) {
      if (!this.#mayGoOn(progress)) return false;
      const found = this.#nextBatch.get(id, rowIdOf(laneNumber, gap.to));
      if (found === undefined) break;
      const batch = found as StoredRow;
      id = batch.id + 1;
      if (!isWholeRow(batch)) continue; // the bridge meets it in its turn
      const last = batch.first + batch.count - 1;
      if (last >= gap.before) break;
      progress.made.push({ laneNumber, first: batch.first, last, shares: this.#sharesOf(batch.bytes) });
      progress.rows++;
      progress.readBytes += batch.bytes.length;
      progress.at = last + 1;
    }
    progress.at = Math.max(progress.at, gap.to);
    return true;
  }

  /** Id of the batch that holds the offset, or where it would be. */
  #startOf(laneNumber: number, offset: number): number {
    const id = rowIdOf(laneNumber, offset);
    const holder = this.#holder.get(id, rowIdOf(laneNumber, 0)) as StoredRow | undefined;
    return holder !== undefined && holder.first + holder.count > offset ? holder.id : id;
  }

  #sharesOf(bytes: Buffer): OwnerShares {
    try {
      const batch = decodeBatch(bytes);
      const owners = new Float64Array(2 * batch.devices.length);
      for (const [i, device] of batch.devices.entries()) owners[2 * i] = this.#keys.deviceKey(device);
      return sharesOf(batch, owners);
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      return new Float64Array(0); // damaged, or newer than we can read: the bridge meets it in its turn
    }
  }
}

interface Progress {
  /** The offset that comes next. */
  at: number;
  rows: number;
  readBytes: number;
  untilMs: number;
  made: ShareRow[];
}
