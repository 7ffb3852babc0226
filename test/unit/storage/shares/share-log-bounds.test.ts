// The account of waiting bytes by itself: its bounds, and what it does without room.

import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LaneState } from '../../../../storage/log/log-writer.ts';
import { OwnerKeys } from '../../../../storage/shares/owner-keys.ts';
import { ShareCount } from '../../../../storage/shares/share-count.ts';
import { ShareLog } from '../../../../storage/shares/share-log.ts';
import { createShareTable, ShareRows } from '../../../../storage/shares/share-rows.ts';

const OWNER = 7;
const ONE_BYTE = Float64Array.of(OWNER, 1);

describe('the account of waiting bytes', () => {
  let db: Database.Database;
  let lane: LaneState;
  let floor: number;
  beforeEach(() => {
    db = new Database(':memory:');
    db.exec(
      'CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL); CREATE TABLE log (id INTEGER PRIMARY KEY, first, count, bytes)',
    );
    lane = { name: 'main', number: 3, nextOffset: 0 };
    floor = 0;
  });
  afterEach(() => db.close());

  const opened = (): ShareLog => {
    const log = new ShareLog(db, { lanes: [lane], floorOf: () => floor, isCounting: true });
    log.tryCreate();
    return log;
  };
  const append = (log: ShareLog, batches: number): void => {
    for (let i = 0; i < batches; i++)
      log.appended(0, { firstOffset: lane.nextOffset++, count: 1, shares: ONE_BYTE });
  };
  const rows = (): number => db.prepare('SELECT count(*) FROM shares').pluck().get() as number;
  const flush = (log: ShareLog, hard = false): void => {
    log.flush(hard);
    log.flushed();
  };
  const changes = (log: ShareLog): number[] => [...(log.takeChanges() ?? [])];

  test('gives up the oldest rows when too many wait to be written, and counts them no more', () => {
    const log = opened();
    append(log, 8192 + 10);
    expect(log.rowsGivenUp).toBe(10);
    expect(changes(log)).toEqual([OWNER, 8192]);
    floor = 8192 + 10;
    log.settle();
    expect(changes(log)).toEqual([OWNER, -8192]);
  });

  test('writes nothing when there is no room, so that clearing away does not fail for it', () => {
    const log = opened();
    append(log, 3);
    flush(log);
    append(log, 3);
    floor = 2;
    log.settle();
    flush(log, true);
    expect(rows()).toBe(1);
    flush(log);
    expect(rows()).toBe(4);
  });

  test('only clears away after a flush that failed, then writes again', () => {
    const log = opened();
    append(log, 3);
    db.exec('BEGIN');
    log.flush(false);
    db.exec('ROLLBACK');
    log.flushFailed();
    flush(log);
    expect(rows()).toBe(0);
    flush(log);
    expect(rows()).toBe(3);
    floor = 3;
    log.settle();
    expect(log.takeChanges()).toBeNull();
  });

  test('takes off many rows over several calls, and forgets none of them', () => {
    createShareTable(db, 'secret');
    const written = new ShareRows(db);
    for (let at = 0; at < 3000; at++)
      written.put({ laneNumber: lane.number, first: at, last: at, shares: ONE_BYTE });
    lane.nextOffset = 3500;
    const log = opened();
    const limits = { rowsMax: 2000, rowsMadeMax: 10, readBytesMax: 1e9, budgetMs: 1e9 };
    const count = new ShareCount(db, new OwnerKeys(log.secret), limits);
    log.counted(count.slice(log.nextCount()!));
    expect(changes(log)).toEqual([OWNER, 2000]);
    floor = 2500;
    log.settle();
    const [, first] = changes(log);
    expect(-first).toBeGreaterThan(0);
    expect(-first).toBeLessThan(2000);
    for (let calls = 0; calls < 10; calls++) log.settle();
    expect(changes(log)).toEqual([OWNER, -2000 - first]);
    log.counted(count.slice(log.nextCount()!));
    expect(changes(log)).toEqual([OWNER, 500]);
    expect(log.isCounted).toBe(true);
  });

  test('makes no more rows from the log while many wait to be written', () => {
    lane.nextOffset = 1;
    const log = opened();
    append(log, 512);
    expect(log.nextCount()).toBeNull();
    flush(log);
    expect(log.nextCount()).toMatchObject({ from: 0, to: 1 });
    expect(log.nextCount()).toBeNull();
  });
});
