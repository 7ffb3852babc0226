// Reads the log from another thread than the one that writes it: a read-only connection of its own (WAL lets it read
// while the writer writes). Only reads what is committed. Every read is one short statement, because an open read
// transaction would keep the WAL from being reused.

import Database from 'better-sqlite3';
import { damageOf, storeDamaged } from '../open/damage.ts';
import { isKnownGap, knownGaps, leftOutIn } from '../open/known-gaps.ts';
import { isWholeRow, rowIdOf } from './log-schema.ts';

export interface StoredBatch {
  firstOffset: number;
  count: number;
  /** The encoded record batch (record-batch/codec.ts). */
  bytes: Buffer;
}

export interface LogReader {
  /**
   * Batches of a lane in order of offset, from the one that holds `fromOffset` - or, where that is gone, the next
   * there is - until `bytesMax` is reached; at least one when there is one. Empty: nothing there yet.
   * Throws SluiceError STORE_DAMAGED when SQLite cannot read the file, or rows contradict themselves or each other:
   * what they say of offsets would lead past records that are there.
   */
  read(laneNumber: number, fromOffset: number, bytesMax: number): StoredBatch[];
  /**
   * Whether no record is to be expected from offset `from` up to `to`: what was there was lost to damage that has been
   * met and reported, or no such names were given. Any other hole is damage that nobody has met yet.
   */
  isKnownGap(laneNumber: number, from: number, to: number): boolean;
  /** How many names from offset `from` up to `to` were left out, and so are no loss (known-gaps.ts). */
  leftOutIn(laneNumber: number, from: number, to: number): number;
  close(): void;
}

export function openLogReader(file: string): LogReader {
  const db = new Database(file, { readonly: true });
  db.pragma('mmap_size = 0');
  const start = db.prepare(
    'SELECT id, first, count FROM log WHERE id <= ? AND id >= ? ORDER BY id DESC LIMIT 1',
  );
  const next = db.prepare(
    'SELECT id, first, count, bytes FROM log WHERE id >= ? AND id < ? ORDER BY id LIMIT 1',
  );
  const following = db.prepare('SELECT min(id) FROM log WHERE id > ? AND id < ?').pluck();
  return {
    read: (laneNumber, fromOffset, bytesMax) =>
      orDamaged(() => readBatches(laneNumber, fromOffset, bytesMax)),
    isKnownGap: (laneNumber, from, to) =>
      orDamaged(() => isKnownGap(knownGaps(db), laneNumber, { from, to })),
    leftOutIn: (laneNumber, from, to) => orDamaged(() => leftOutIn(knownGaps(db), laneNumber, { from, to })),
    close: () => db.close(),
  };

  function readBatches(laneNumber: number, fromOffset: number, bytesMax: number): StoredBatch[] {
    const laneStart = rowIdOf(laneNumber, 0);
    const laneEnd = rowIdOf(laneNumber + 1, 0);
    let from = rowIdOf(laneNumber, fromOffset);
    const holder = start.get(from, laneStart) as { id: number; first: number; count: number } | undefined;
    if (holder !== undefined && holder.first + holder.count > fromOffset) from = holder.id;
    const batches: StoredBatch[] = [];
    for (let bytes = 0; bytes < bytesMax; ) {
      const row = next.get(from, laneEnd);
      if (row === undefined) break;
      if (!isWholeRow(row) || row.id < from) throw storeDamaged('a row of the log is not as it was written');
      batches.push({ firstOffset: row.first, count: row.count, bytes: row.bytes });
      bytes += row.bytes.length;
      from = row.id + row.count;
      // The next begins there, or later.
      if (((following.get(row.id, laneEnd) as number | null) ?? from) < from)
        throw storeDamaged(
          `two rows of the log tell of the same records, one of them at offset ${row.first}`,
        );
    }
    return batches;
  }
}

function orDamaged<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const damage = damageOf(error);
    if (damage === undefined) throw error;
    throw storeDamaged(damage.detail, error);
  }
}
