// Makes a new store of what can be read of a damaged one, and puts the damaged one aside, whole, under a name
// that says when and why. Nothing of the original is changed or deleted, and at every moment a crash leaves
// either the damaged files under their salvaging- names or a finished store, so that the next start goes on
// (store-files.ts has the names).
//
// A name is never given twice: each lane goes on well beyond every offset that was seen.

import { randomInt } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database, { type Database as Db } from 'better-sqlite3';
import { messageOf } from '../../config/errors.ts';
import { type Damage, isForWantOfRoom } from './damage.ts';
import { noteGaps } from './known-gaps.ts';
import { SalvageCopy } from './salvage-copy.ts';
import { gapsOf, type LaneReport, laneReport, type SalvageReport, salvageReport } from './salvage-report.ts';
import type { SalvagedLanes } from './salvaged-lanes.ts';
import { PageSource } from './sqlite-file/page-source.ts';
import * as files from './store-files.ts';
import { isForeignWal } from './store-inspection.ts';
import { type CreateTables, MetaKey, referenceSchema, STORE_TABLES } from './store-schema.ts';

export interface SalvageOptions {
  nowMs: number;
  tables?: readonly CreateTables[];
  /** The new store must not become larger; the oldest batches are kept first. */
  bytesMax?: number;
  /** Left free on the disk while batches are copied, if as much is free at the start. */
  diskFreeBytesMin?: number;
  /** Called now and then while it takes long. */
  onProgress?(): void;
}

interface Task {
  name: string;
  damage: Damage;
  /** Nothing is read: every attempt to do so failed. */
  blind?: boolean;
}

/** So often may the process die while it salvages; then it goes on without, rather than never. */
const ATTEMPTS_MAX = 4;
const DISK_FREE_BYTES_MIN = 64 * 1024 * 1024;

/**
 * The store must be closed, and the directory locked by the caller. Throws only when the directory cannot be
 * written to, or has no room even for an empty store; the next start then goes on from there.
 */
export function salvage(directory: string, damage: Damage, options: SalvageOptions): SalvageReport {
  const name = files.stagedName(directory) ?? files.asideName(directory, damage.reason, options.nowMs);
  files.stage(directory, name);
  try {
    makeStore(directory, { name, damage }, options);
  } catch (error) {
    if (isForWantOfRoom(error)) throw error;
    const detail = `${damage.detail}; reading it failed: ${messageOf(error)}`;
    makeStore(directory, { name, damage: { ...damage, detail }, blind: true }, options);
  }
  return finish(directory, name, options.nowMs);
}

/** Finishes what a crash interrupted; undefined when there was nothing. */
export function resumeSalvage(directory: string, options: SalvageOptions): SalvageReport | undefined {
  const name = files.stagedName(directory);
  if (files.isReady(directory)) return finish(directory, name, options.nowMs);
  if (name === undefined) return undefined;
  return salvage(
    directory,
    { reason: name.replace(/^[^-]*-/, ''), detail: 'its salvage was interrupted' },
    options,
  );
}

/** Leaves a finished store under the name `ready`. */
function makeStore(directory: string, task: Task, options: SalvageOptions): void {
  const { file, attempt } = files.startBuilding(directory);
  const source = openStaged(directory, { ...task, blind: task.blind === true || attempt > ATTEMPTS_MAX });
  try {
    copyInto(file, { source, task, attempt }, options);
  } catch (error) {
    if (isForWantOfRoom(error)) rmSync(file, { force: true });
    throw error;
  } finally {
    source.close();
  }
  files.makeReady(directory, file);
}

function openStaged(directory: string, { name, blind }: Task): PageSource {
  if (blind === true) return new PageSource(join(directory, 'nothing'));
  const file = files.stagedDatabase(directory, name);
  const source = new PageSource(file);
  if (!isForeignWal(source)) return source;
  source.close();
  return new PageSource(file, { ignoreWal: true });
}

interface Making {
  source: PageSource;
  task: Task;
  attempt: number;
}

function copyInto(file: string, { source, task, attempt }: Making, options: SalvageOptions): void {
  const { nowMs, tables = STORE_TABLES, bytesMax, onProgress = () => {} } = options;
  const { diskFreeBytesMin = DISK_FREE_BYTES_MIN } = options;
  const schema = referenceSchema(tables);
  const copy = new SalvageCopy(source, file, {
    tables,
    schema,
    nowMs,
    bytesMax,
    diskFreeBytesMin,
    onProgress,
  });
  try {
    const copied = copy.run();
    copy.db.transaction(() => {
      const lanes = writeLanes(copy, copied.lanes);
      writeMeta(copy, copied.lanes, nowMs);
      noteGaps(copy.db, lanes.flatMap(gapsOf));
      const report = salvageReport({ damage: task.damage, copied, lanes, nowMs, attempt });
      putMeta(copy.db, MetaKey.lastSalvage, JSON.stringify(report));
    })();
  } finally {
    copy.db.close();
  }
}

function writeLanes(copy: SalvageCopy, lanes: SalvagedLanes): LaneReport[] {
  const putLane = copy.db.prepare('INSERT INTO lanes (number, name, next_offset) VALUES (?, ?, ?)');
  const putCursor = copy.db.prepare(
    `INSERT OR IGNORE INTO cursors (sink, lane, next_offset, start_offset, delivered, dead_lettered, missing)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  const jump = lanes.jumpOver(copy.store.damageOf('log') + copy.store.pagesCutOff());
  const reports = lanes.all().map(({ number, name, nextOffset: seenUpTo }) => {
    const nextOffset = seenUpTo + jump;
    putLane.run(number, name, nextOffset);
    return laneReport(copy.db, { number, name, floor: lanes.floor(number), seenUpTo, nextOffset });
  });
  const cursors = { kept: 0, lost: 0, damagedPages: copy.store.damageOf('cursors') };
  for (const cursor of lanes.cursors) {
    const { sink, lane, nextOffset, startOffset, delivered, deadLettered, missing } = cursor;
    const isKept =
      lanes.nameOf(lane) !== undefined &&
      putCursor.run(sink, lane, nextOffset, startOffset, delivered, deadLettered, missing).changes === 1;
    cursors[isKept ? 'kept' : 'lost']++;
  }
  copy.copied.tables.cursors = cursors;
  return reports;
}

function writeMeta(copy: SalvageCopy, lanes: SalvagedLanes, nowMs: number): void {
  const gateway = copy.gateway();
  if (gateway !== undefined) putMeta(copy.db, MetaKey.gatewayId, gateway);
  if (!lanes.complete) putMeta(copy.db, MetaKey.offsetFloor, String(offsetFloor(nowMs)));
}

/**
 * Where a lane begins of which nothing is left: beyond what it can have reached with 2^17 records in every
 * second since 2020, or, without a clock, somewhere between 2^45 and 2^46.
 */
function offsetFloor(nowMs: number): number {
  const seconds = Math.floor((nowMs - Date.UTC(2020, 0, 1)) / 1000);
  const years = seconds / (365 * 86_400);
  return years > 4 && years < 30 ? seconds * 2 ** 17 : 2 ** 45 + randomInt(2 ** 32) * 2 ** 13;
}

function putMeta(db: Db, key: string, value: string): void {
  db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)').run(key, value);
}

/** The finished store takes the damaged one's place. */
function finish(directory: string, name: string | undefined, nowMs: number): SalvageReport {
  const putAside = name === undefined ? undefined : files.putAside(directory, name);
  files.takeOver(directory, nowMs);
  const report = { ...readReport(join(directory, files.DATABASE_FILE)), putAside: putAside ?? null };
  if (putAside !== undefined) writeReport(directory, putAside, report);
  return report;
}

function readReport(file: string): SalvageReport {
  const db = new Database(file, { readonly: true });
  try {
    const row = db.prepare('SELECT value FROM meta WHERE key = ?').get(MetaKey.lastSalvage) as {
      value: string;
    };
    return JSON.parse(row.value);
  } finally {
    db.close();
  }
}

function writeReport(directory: string, putAside: string, report: SalvageReport): void {
  const file = putAside.endsWith('.db') ? `${putAside}.json` : join(putAside, 'report.json');
  try {
    writeFileSync(join(directory, file), `${JSON.stringify(report, null, 2)}\n`);
  } catch {
    // No room for it: the store itself keeps the report, and the caller logs it.
  }
}
