// Opens a damaged store as the gateway would, reads every batch as the bridge would, has it salvaged when
// that meets damage which opening did not, and checks what must hold whatever was done to the files. Returns
// what was lost.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { expect } from 'vitest';
import { rowIdOf } from '../../../storage/log/log-schema.ts';
import { openLanes } from '../../../storage/log/log-writer.ts';
import { damageOf } from '../../../storage/open/damage.ts';
import { isKnownGap, knownGaps } from '../../../storage/open/known-gaps.ts';
import { closeDatabase, type OpenReport, openDatabase } from '../../../storage/open/open-database.ts';
import { salvage } from '../../../storage/open/salvage.ts';
import type { SalvageReport } from '../../../storage/open/salvage-report.ts';
import { MetaKey } from '../../../storage/open/store-schema.ts';
import { decodeHeader } from '../../../storage/record-batch/codec.ts';
import { LANES, makeBatch, NOW_MS, openOptions, SINKS, type Truth } from './store-fixture.ts';

export interface Originals {
  db: Buffer | null;
  wal: Buffer | null;
}

const NOTHING = Buffer.alloc(0);

export interface Judgement {
  /** What the first start said. */
  report: OpenReport;
  /** What a reader met that opening had not: '' for nothing. */
  metLater: string;
  /** The salvage, at the start or after the reader met damage. */
  salvage: SalvageReport | null;
  /** Batches that are not there in the end. */
  lost: number[];
  /** Batches that are there although they had been delivered and deleted. */
  resurrected: number[];
  sessionsLost: number;
}

interface LogRow {
  id: number;
  first: number;
  count: number;
  bytes: Buffer | null;
}

export function judge(directory: string, truth: Truth, originals: Originals): Judgement {
  const first = open(directory);
  const { report } = first;
  if (report.salvage !== null) expectPreserved(directory, originals);
  if (report.repairs.some(({ kind }) => kind === 'wal-bits' || kind === 'wal-tail')) {
    expectPreserved(directory, { db: null, wal: originals.wal });
  }
  const metLater = faultSeenByReader(first.db, truth) || faultSeenByWriter(first.db, truth);
  let { db } = first;
  let salvaged = report.salvage;
  if (metLater !== '') {
    db.close();
    const before = { db: readOrNull(directory, 'sluice.db'), wal: readOrNull(directory, 'sluice.db-wal') };
    salvaged = salvage(
      directory,
      { reason: 'later', detail: metLater },
      { nowMs: NOW_MS, tables: openOptions.tables },
    );
    expectPreserved(directory, before);
    db = open(directory).db;
    expect(faultSeenByReader(db, truth)).toBe('');
    expect(faultSeenByWriter(db, truth)).toBe('');
  }
  if (salvaged !== null) expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
  const kept = new Set(db.prepare('SELECT id FROM log').pluck().all() as number[]);
  const lost = [...truth.kept].filter((id) => !kept.has(id));
  const resurrected = [...kept].filter((id) => !truth.kept.has(id));
  const sessionsLost = truth.sessions.size - sessionsIntact(db, truth);
  expectCursorsBehind(db, truth);
  closeDatabase(db);
  expectSecondStartQuiet(directory);
  return { report, metLater, salvage: salvaged, lost, resurrected, sessionsLost };
}

function open(directory: string): { db: Database; report: OpenReport } {
  const opened = openDatabase(directory, openOptions);
  expect(structuredClone(opened.report)).toEqual(opened.report);
  return opened;
}

/** Reads every lane from its first owed batch on. What reads without a fault must be what was stored. */
function faultSeenByReader(db: Database, truth: Truth): string {
  try {
    const lanes = db.prepare('SELECT number, name FROM lanes').all() as { number: number; name: string }[];
    return lanes.map((lane) => faultOfLane(db, lane, truth)).find((fault) => fault !== '') ?? '';
  } catch (error) {
    const damage = damageOf(error);
    if (damage === undefined) throw error;
    return damage.reason;
  }
}

function faultOfLane(db: Database, lane: { number: number; name: string }, truth: Truth): string {
  const { number, name } = lane;
  const rows = db.prepare('SELECT id, first, count, bytes FROM log WHERE id >= ? AND id < ? ORDER BY id');
  const gaps = knownGaps(db);
  const isKnown = (from: number, to: number): boolean => isKnownGap(gaps, number, { from, to });
  const floor = db.prepare('SELECT min(next_offset) FROM cursors WHERE lane = ?').pluck();
  let end = (floor.get(number) as number | null) ?? 0;
  for (const row of rows.iterate(rowIdOf(number, 0), rowIdOf(number + 1, 0)) as IterableIterator<LogRow>) {
    const fault = faultOfRow(row, name);
    if (fault !== '') return fault;
    expect((row.bytes as Buffer).equals(truth.ever.get(row.id) ?? NOTHING), `row ${row.id}`).toBe(true);
    if (row.first > end && !isKnown(end, row.first)) return 'gap';
    end = Math.max(end, row.first + row.count);
  }
  const nextOffset = truth.nextOffset[LANES.indexOf(name)];
  return end < nextOffset && !isKnown(end, nextOffset) ? 'gap' : '';
}

function faultOfRow({ id, first, count, bytes }: LogRow, lane: string): string {
  if (!Buffer.isBuffer(bytes)) return 'no batch';
  try {
    const header = decodeHeader(bytes);
    const isNamed = header.firstOffset === first && header.count === count && header.lane === lane;
    return isNamed && id % 2 ** 48 === first ? '' : 'misnamed batch';
  } catch (error) {
    if ((error as { code?: string }).code !== 'BATCH_DAMAGED') throw error;
    return 'damaged batch';
  }
}

/** A cursor may have been set back, never forward: nothing is skipped. */
function expectCursorsBehind(db: Database, truth: Truth): void {
  const cursors = db.prepare('SELECT sink, lane, next_offset AS next FROM cursors').all();
  for (const { sink, lane, next } of cursors as { sink: string; lane: number; next: number }[]) {
    if (!SINKS.includes(sink) || lane >= LANES.length) continue;
    expect(next).toBeLessThanOrEqual(truth.cursors.get(`${sink} ${lane}`) ?? 0);
  }
}

function sessionsIntact(db: Database, truth: Truth): number {
  const rows = db.prepare('SELECT client, packet FROM test_sessions').all() as {
    client: string;
    packet: Buffer | null;
  }[];
  return rows.filter(
    ({ client, packet }) => Buffer.isBuffer(packet) && truth.sessions.get(client) === packet.toString('hex'),
  ).length;
}

/** The store takes new batches in every lane, under names that no record ever had. */
function faultSeenByWriter(db: Database, truth: Truth): string {
  db.exec('BEGIN');
  try {
    const floor = db.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(MetaKey.offsetFloor);
    const known = new Set(db.prepare('SELECT name FROM lanes').pluck().all());
    for (const lane of openLanes(db, LANES)) {
      const least = known.has(lane.name) ? 0 : Number(floor ?? 0);
      const firstOffset = Math.max(lane.nextOffset, least);
      expect(firstOffset, lane.name).toBeGreaterThanOrEqual(truth.nextOffset[LANES.indexOf(lane.name)]);
      const bytes = makeBatch({ lane: lane.name, firstOffset, count: 3, data: Buffer.from('new') });
      const id = BigInt(rowIdOf(lane.number, firstOffset));
      db.prepare('INSERT INTO log VALUES (?, ?, ?, ?, ?)').run(
        id,
        BigInt(firstOffset),
        3,
        BigInt(NOW_MS),
        bytes,
      );
    }
    return '';
  } catch (error) {
    const damage = damageOf(error);
    if (damage === undefined) throw error;
    return damage.reason;
  } finally {
    if (db.inTransaction) db.exec('ROLLBACK');
  }
}

/** The damaged files are somewhere under damaged/, byte for byte. */
export function expectPreserved(directory: string, { db, wal }: Originals): void {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.startsWith('damaged'))
    .map((name) => join(directory, name))
    .filter((name) => statSync(name).isFile());
  for (const original of [db, wal]) {
    if (original === null) continue;
    expect(files.some((file) => readFileSync(file).equals(original))).toBe(true);
  }
}

function readOrNull(directory: string, name: string): Buffer | null {
  return readdirSync(directory).includes(name) ? readFileSync(join(directory, name)) : null;
}

function expectSecondStartQuiet(directory: string): void {
  const { db, report } = open(directory);
  expect(report).toEqual({ outcome: 'opened', lastStopWasClean: true, repairs: [], salvage: null });
  db.close();
}
