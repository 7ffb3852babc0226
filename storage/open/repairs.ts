// Puts right what is wrong with single values of a store that is whole otherwise: in one transaction, after
// the damaged bytes were put aside.

import type { Database } from 'better-sqlite3';
import { rowIdOf } from '../log/log-schema.ts';
import { isForWantOfRoom } from './damage.ts';
import { type KnownGap, noteGaps } from './known-gaps.ts';
import type { LogRow } from './log-row.ts';
import { quarantineRow } from './put-aside.ts';
import { OFFSET_JUMP } from './salvaged-lanes.ts';
import type { ReadableStore } from './store-inspection.ts';
import type { CursorRow, ValueRepair } from './store-values.ts';

export type RepairReport =
  /** Single bits of the write-ahead log were put right; nothing is lost. */
  | { kind: 'wal-bits'; bits: number; detail: string; putAside: string | null }
  /**
   * The end of the write-ahead log did not check; so much was found in it. The lanes' next offsets jumped.
   */
  | { kind: 'wal-tail'; frames: number; batches: number; records: number; putAside: string | null }
  /** A cursor did not balance: it stands at the lower of what it and its counts said. */
  | { kind: 'cursor'; was: CursorRow; now: CursorRow }
  /** A lane's last batch was damaged: put aside, and the lane goes on at `nextOffset`. */
  | {
      kind: 'last-batch';
      lane: string;
      id: number;
      why: string;
      putAside: string | null;
      nextOffset: number;
    };

export interface RepairContext {
  directory: string;
  nowMs: number;
  walPutAside: string | null;
}

export function applyRepairs(db: Database, store: ReadableStore, context: RepairContext): RepairReport[] {
  if (store.repairs.length === 0 && store.walTail === undefined) return [];
  const reports = db.transaction(() => {
    const done = store.repairs.map((repair) => apply(db, repair, context));
    if (store.walTail !== undefined) {
      const { rows, frames } = store.walTail;
      done.push({ kind: 'wal-tail', frames, ...appendRows(db, rows), putAside: context.walPutAside });
    }
    return done;
  })();
  if (store.walTail !== undefined) db.pragma('wal_checkpoint(TRUNCATE)'); // the next start must not find the end again
  return reports;
}

function apply(db: Database, repair: ValueRepair, context: RepairContext): RepairReport {
  switch (repair.kind) {
    case 'cursor': {
      const { sink, lane, nextOffset, startOffset, delivered, deadLettered, missing } = repair.now;
      db.prepare(
        `UPDATE cursors SET next_offset = ?, start_offset = ?, delivered = ?, dead_lettered = ?, missing = ?
         WHERE sink = ? AND lane = ?`,
      ).run(nextOffset, startOffset, delivered, deadLettered, missing, sink, lane);
      return repair;
    }
    case 'last-batch':
      return removeLastBatch(db, repair, context);
  }
}

function removeLastBatch(
  db: Database,
  { lane: number, id, end, bytes, why }: ValueRepair & { kind: 'last-batch' },
  { directory, nowMs }: RepairContext,
): RepairReport {
  const lane = db.prepare('SELECT name FROM lanes WHERE number = ?').pluck().get(number) as string;
  let putAside: string | null = null;
  try {
    putAside = quarantineRow(directory, { lane, id, bytes, why, nowMs });
    db.prepare('DELETE FROM log WHERE id = ?').run(id);
  } catch (error) {
    if (!isForWantOfRoom(error)) throw error; // no room for a copy: the row stays, and who reads it meets it again
  }
  const nextOffset = jump(db, number, Math.max(end, id - rowIdOf(number, 0) + 1));
  return { kind: 'last-batch', lane, id, why, putAside, nextOffset };
}

function appendRows(db: Database, rows: LogRow[]): { batches: number; records: number } {
  const put = db.prepare(
    'INSERT OR IGNORE INTO log (id, first, count, stored_at_ms, bytes) VALUES (?, ?, ?, ?, ?)',
  );
  const gaps: KnownGap[] = [];
  let records = 0;
  for (const { number, first, count, storedAtMs, bytes } of rows) {
    gaps.push({ lane: number, from: lastEnd(db, number), to: first, kind: 'lost' });
    records += count * put.run(rowIdOf(number, first), first, count, storedAtMs, bytes).changes;
  }
  noteGaps(db, gaps);
  for (const number of db.prepare('SELECT number FROM lanes').pluck().all() as number[]) jump(db, number, 0);
  return { batches: rows.length, records };
}

/** The lane goes on well beyond everything it has; returns where. */
function jump(db: Database, number: number, seen: number): number {
  const from = lastEnd(db, number);
  const known = db.prepare('SELECT next_offset FROM lanes WHERE number = ?').pluck().get(number) as number;
  const seenUpTo = Math.max(seen, from, known);
  const nextOffset = seenUpTo + OFFSET_JUMP;
  db.prepare('UPDATE lanes SET next_offset = ? WHERE number = ?').run(nextOffset, number);
  noteGaps(db, [
    { lane: number, from, to: seenUpTo, kind: 'lost' },
    { lane: number, from: seenUpTo, to: nextOffset, kind: 'left-out' },
  ]);
  return nextOffset;
}

/** Where the lane's last batch ends; 0 without one. */
function lastEnd(db: Database, number: number): number {
  const last = db.prepare('SELECT first + count FROM log WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1');
  return (last.pluck().get(rowIdOf(number, 0), rowIdOf(number + 1, 0)) as number | undefined) ?? 0;
}
