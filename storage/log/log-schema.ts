// The tables of the log, one SQLite file `sluice.db` in the data directory.
//
// log.id is laneNumber * 2^48 + firstOffset: a lane's batches lie together and in order, its id names its first record,
// and no second index has to be written at each commit. A lane has a number for life.

import type { Database } from 'better-sqlite3';

export const SCHEMA_VERSION = 1;
export const LANES_MAX = 16;
const LANE_STEP = 2 ** 48;

export function rowIdOf(laneNumber: number, offset: number): number {
  return laneNumber * LANE_STEP + offset;
}

export interface StoredRow {
  id: number;
  first: number;
  count: number;
  /** The encoded record batch (record-batch/codec.ts). */
  bytes: Buffer;
}

/**
 * Whether a row may be as it was written. SQLite does not say: it reads what the bytes of a damaged page happen to
 * mean, NULL where the table has none.
 */
export function isWholeRow(row: unknown): row is StoredRow {
  const { id, first, count, bytes } = (row ?? {}) as Partial<StoredRow>;
  return (
    Number(id) % LANE_STEP === first && Number.isInteger(count) && Number(count) > 0 && Buffer.isBuffer(bytes)
  );
}

const TABLES = `
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lanes (
  number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
  next_offset INTEGER NOT NULL DEFAULT 0 -- a lower bound; the last batch of the lane knows better
);
CREATE TABLE IF NOT EXISTS log (
  id INTEGER PRIMARY KEY, first INTEGER NOT NULL, count INTEGER NOT NULL, stored_at_ms INTEGER NOT NULL,
  bytes BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS cursors (
  sink TEXT NOT NULL, lane INTEGER NOT NULL, next_offset INTEGER NOT NULL, start_offset INTEGER NOT NULL,
  delivered INTEGER NOT NULL DEFAULT 0, dead_lettered INTEGER NOT NULL DEFAULT 0, missing INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (sink, lane)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead_letters (
  id INTEGER PRIMARY KEY, sink TEXT NOT NULL, lane INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,
  reason TEXT NOT NULL, at_ms INTEGER NOT NULL, bytes BLOB NOT NULL
);
`;

export function createTables(db: Database): void {
  db.exec(TABLES);
}
