// The table of shares: for a batch of the log whose bytes are which owners', so that they can be taken off again when
// it is delivered, and be counted after a start without reading the log.
//
//   id     lane number * 2^48 + offset of the batch's last record: it is delivered when that offset is passed
//   first  offset of its first record; where rows do not join, batches have none (share-count.ts makes them)
//   owners owner-shares.ts; empty when nobody's bytes are counted
//
// It is scaffolding: no part of the store's schema, so that a store has it or not, whichever build made it; salvage
// leaves it behind. All in it can be made again from the log.

import { randomBytes } from 'node:crypto';
import type { Database, Statement } from 'better-sqlite3';
import { rowIdOf } from '../log/log-schema.ts';
import { encodeShares, type OwnerShares } from './owner-shares.ts';

export interface ShareRow {
  laneNumber: number;
  first: number;
  last: number;
  shares: OwnerShares;
}

const TABLE =
  'CREATE TABLE IF NOT EXISTS shares (id INTEGER PRIMARY KEY, first INTEGER NOT NULL, owners BLOB NOT NULL)';
const SECRET_KEY = 'share-secret';
/** About what a row takes besides its owners. */
const ROW_BYTES = 20;

export function hasShareTable(db: Database): boolean {
  return (
    db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'shares'").get() !== undefined
  );
}

/** In a transaction. */
export function createShareTable(db: Database, secret: string): void {
  db.exec(TABLE);
  db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)').run(SECRET_KEY, secret);
}

/** The store's, or a new one for `createShareTable`; without the old one its rows are nobody's we know. */
export function shareSecret(db: Database): string {
  const kept = db.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(SECRET_KEY);
  return typeof kept === 'string' && kept !== '' ? kept : randomBytes(16).toString('hex');
}

/** The writer's statements; the table must be there. */
export class ShareRows {
  readonly #insert: Statement;
  readonly #select: Statement;
  readonly #delete: Statement;

  constructor(db: Database) {
    this.#insert = db.prepare('INSERT OR REPLACE INTO shares (id, first, owners) VALUES (?, ?, ?)');
    this.#select = db.prepare('SELECT id, owners FROM shares WHERE id >= ? AND id < ? ORDER BY id');
    this.#delete = db.prepare(
      'DELETE FROM shares WHERE id IN (SELECT id FROM shares WHERE id >= ? AND id < ? ORDER BY id LIMIT ?)',
    );
  }

  /** Returns the bytes it takes. */
  put({ laneNumber, first, last, shares }: ShareRow): number {
    const owners = encodeShares(shares);
    this.#insert.run(rowIdOf(laneNumber, last), first, owners);
    return owners.length + ROW_BYTES;
  }

  /** Of batches whose last record has an offset from `from` up to, not including, `to`. */
  *read(laneNumber: number, from: number, to: number): Generator<StoredShareRow> {
    const laneStart = rowIdOf(laneNumber, 0);
    for (const row of this.#select.iterate(laneStart + from, laneStart + to)) {
      const { id, owners } = row as { id: number; owners: Buffer };
      yield { last: id - laneStart, owners };
    }
  }

  /** The oldest, as `read` has them up to `to`; returns how many. */
  deleteUpTo(laneNumber: number, to: number, rowsMax: number): number {
    return this.#delete.run(rowIdOf(laneNumber, 0), rowIdOf(laneNumber, to), rowsMax).changes;
  }
}

export interface StoredShareRow {
  last: number;
  /** For `decodeShares`. */
  owners: Buffer;
}
