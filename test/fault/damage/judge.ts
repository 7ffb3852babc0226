// Opens a damaged store and checks everything that must hold whatever was done to it; returns what was lost.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { expect } from 'vitest';
import { rowIdOf } from '../../../storage/log/log-schema.ts';
import { openLanes } from '../../../storage/log/log-writer.ts';
import { damageOf } from '../../../storage/open/damage.ts';
import { closeDatabase, openDatabase, type OpenReport } from '../../../storage/open/open-database.ts';
import { salvage } from '../../../storage/open/salvage.ts';
import { decodeHeader } from '../../../storage/record-batch/codec.ts';
import { LANES, makeBatch, NOW_MS, openOptions, type Truth } from './store-fixture.ts';

export interface Judgement {
  reports: OpenReport[];
  /** Batches that are not there, or do not decode. */
  lost: number[];
  /** Of those, the ones whose row is there: a reader finds them. */
  undecodable: number[];
  sessionsLost: number;
}

export interface Originals {
  db: Buffer | null;
  wal: Buffer | null;
}

export function judge(directory: string, truth: Truth, originals: Originals): Judgement {
  const reports: OpenReport[] = [];
  let judgement: Judgement | undefined;
  for (let attempt = 0; judgement === undefined; attempt++) {
    expect(attempt).toBeLessThan(3);
    const { db, report } = openDatabase(directory, openOptions);
    reports.push(report);
    try {
      judgement = { reports, ...judgeContent(db, truth) };
    } catch (error) {
      // Damage that opening did not meet: the caller closes, salvages and opens again.
      const damage = damageOf(error);
      if (damage === undefined) throw error;
      db.close();
      originals = readOriginals(directory);
      salvage(directory, damage, { nowMs: NOW_MS, tables: openOptions.tables });
      expectPreserved(directory, originals);
      continue;
    }
    expectWritable(db, truth);
    closeDatabase(db);
  }
  const first = reports[0];
  if (first.salvage !== null) expectPreserved(directory, originals);
  if (first.repairs.some(({ kind }) => kind === 'wal-bits' || kind === 'wal-tail')) {
    expectPreserved(directory, { db: null, wal: originals.wal });
  }
  expectSecondStartQuiet(directory);
  return judgement;
}

function readOriginals(directory: string): Originals {
  const read = (name: string): Buffer | null =>
    readdirSync(directory).includes(name) ? readFileSync(join(directory, name)) : null;
  return { db: read('sluice.db'), wal: read('sluice.db-wal') };
}

function judgeContent(db: Database, truth: Truth): Omit<Judgement, 'reports'> {
  const found = new Set<number>();
  const undecodable: number[] = [];
  for (const row of db.prepare('SELECT * FROM log ORDER BY id').iterate()) {
    const { id, first, count, bytes } = row as { id: number; first: number; count: number; bytes: Buffer };
    const was = truth.ever.get(id);
    try {
      const header = decodeHeader(bytes);
      // What decodes is exactly what was stored, under the name it was stored under.
      expect(was?.equals(bytes), `row ${id}`).toBe(true);
      if (header.firstOffset === first && header.count === count) found.add(id);
    } catch (error) {
      if ((error as { code?: string }).code !== 'BATCH_DAMAGED') throw error;
      undecodable.push(id);
    }
  }
  const cursors = db.prepare('SELECT sink, lane, next_offset AS next FROM cursors').all() as { sink: string; lane: number; next: number }[];
  for (const { sink, lane, next } of cursors) {
    const was = truth.cursors.get(`${sink} ${lane}`);
    if (['cloud', 'archive'].includes(sink) && lane < LANES.length) expect(next).toBeLessThanOrEqual(was ?? 0);
  }
  const lost = [...truth.kept].filter((id) => !found.has(id));
  return { lost, undecodable, sessionsLost: truth.sessions.size - sessionsIntact(db, truth) };
}

function sessionsIntact(db: Database, truth: Truth): number {
  const rows = db.prepare('SELECT client, packet FROM test_sessions').all() as { client: string; packet: Buffer }[];
  return rows.filter(({ client, packet }) => truth.sessions.get(client) === packet?.toString('hex')).length;
}

/** The store takes new batches in every lane, under names that no record ever had. */
function expectWritable(db: Database, truth: Truth): void {
  db.transaction(() => {
    const floor = db.prepare("SELECT value FROM meta WHERE key = 'offset-floor'").get() as { value: string } | undefined;
    const known = new Set((db.prepare('SELECT name FROM lanes').all() as { name: string }[]).map(({ name }) => name));
    for (const lane of openLanes(db, LANES)) {
      const firstOffset = known.has(lane.name) ? lane.nextOffset : Math.max(lane.nextOffset, Number(floor?.value ?? 0));
      expect(firstOffset, lane.name).toBeGreaterThanOrEqual(truth.nextOffset[LANES.indexOf(lane.name)]);
      const bytes = makeBatch({ lane: lane.name, firstOffset, count: 3, data: Buffer.from('new') });
      const id = BigInt(rowIdOf(lane.number, firstOffset));
      db.prepare('INSERT INTO log VALUES (?, ?, ?, ?, ?)').run(id, BigInt(firstOffset), 3, BigInt(NOW_MS), bytes);
    }
  })();
}

/** The damaged files are somewhere under damaged/, byte for byte. */
export function expectPreserved(directory: string, { db, wal }: Originals): void {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.startsWith('damaged'))
    .map((name) => join(directory, name))
    .filter((name) => statSync(name).isFile());
  for (const original of [db, wal]) {
    if (original === null || original.length === 0) continue;
    expect(files.some((file) => readFileSync(file).equals(original))).toBe(true);
  }
}

function expectSecondStartQuiet(directory: string): void {
  const { db, report } = openDatabase(directory, openOptions);
  expect(report).toEqual({ outcome: 'opened', lastStopWasClean: true, repairs: [], salvage: null });
  db.close();
}
