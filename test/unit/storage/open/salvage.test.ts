// What salvage does with rows that no tree leads to any more: taken when they are owed, left when they are old.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Database as Db } from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { rowIdOf } from '../../../../storage/log/log-schema.ts';
import { openDatabase } from '../../../../storage/open/open-database.ts';
import { referenceSchema, STORE_TABLES } from '../../../../storage/open/store-schema.ts';
import { inTemporaryDirectory, makeBatch, NOW_MS } from '../../../fault/damage/store-fixture.ts';

const options = { synchronous: 'full', cacheBytes: 1024 * 1024, nowMs: NOW_MS } as const;
const PAGE = 4096;
const schema = referenceSchema(STORE_TABLES);

interface Batch {
  first: number;
  count?: number;
  gateway?: string;
  lane?: string;
}

/** So large that every batch has a leaf of its own, which stays as it was when the batch is deleted. */
function put(db: Db, { first, count = 10, gateway = 'g', lane = 'live' }: Batch): void {
  const bytes = makeBatch({ lane, firstOffset: first, count, data: Buffer.alloc(3000, first), gateway });
  db.prepare('INSERT INTO log VALUES (?, ?, ?, ?, ?)').run(
    BigInt(rowIdOf(0, first)),
    BigInt(first),
    count,
    BigInt(NOW_MS),
    bytes,
  );
}

/** Ids of the batches after the log's root and the list of free pages were lost. */
function salvaged(kept: Batch[], deleted: Batch[], cursor: number): number[] {
  return inTemporaryDirectory((directory) => {
    const { db } = openDatabase(directory, options);
    db.transaction(() => {
      db.prepare("INSERT INTO meta VALUES ('gateway-id', 'g')").run();
      db.prepare("INSERT INTO lanes (number, name, next_offset) VALUES (0, 'live', 200)").run();
      db.prepare("INSERT INTO cursors VALUES ('cloud', 0, ?, 0, ?, 0, 0)").run(cursor, cursor);
      for (const batch of [...kept, ...deleted].sort((a, b) => a.first - b.first)) put(db, batch);
    })();
    for (const { first } of deleted) db.prepare('DELETE FROM log WHERE id = ?').run(rowIdOf(0, first));
    db.close();
    const file = join(directory, 'sluice.db');
    const bytes = readFileSync(file);
    const root = schema.tables.get('log')?.root as number;
    bytes.fill(0, (root - 1) * PAGE, root * PAGE);
    bytes.fill(0, 32, 40);
    writeFileSync(file, bytes);
    const { db: after, report } = openDatabase(directory, options);
    expect(report.outcome).toBe('salvaged');
    const ids = after.prepare('SELECT id FROM log ORDER BY id').pluck().all() as number[];
    after.close();
    return ids;
  });
}

const EIGHT = [20, 30, 40, 50, 60, 70, 80, 90].map((first) => ({ first }));
const IDS = EIGHT.map(({ first }) => first);

describe('batches on pages that nothing leads to', () => {
  test('are all found', () => {
    expect(salvaged(EIGHT, [], 20)).toEqual(IDS);
  });

  test('are left when every sink has them', () => {
    expect(salvaged(EIGHT, [{ first: 0 }, { first: 10 }], 20)).toEqual(IDS);
  });

  test('are taken when they are owed: better twice than never', () => {
    expect(salvaged(EIGHT, [{ first: 10 }], 5)).toEqual([10, ...IDS]);
  });

  test('are left when another batch has one of their names', () => {
    expect(salvaged(EIGHT, [{ first: 105, count: 50 }], 20)).toEqual([...IDS, 105]);
    expect(salvaged([...EIGHT, { first: 100 }], [{ first: 95, count: 10 }], 20)).toEqual([...IDS, 100]);
  });

  test('are left when they are of another gateway, or of no lane of ours', () => {
    expect(salvaged(EIGHT, [{ first: 100, gateway: 'other' }], 20)).toEqual(IDS);
    expect(salvaged(EIGHT, [{ first: 100, lane: 'other' }], 20)).toEqual(IDS);
  });
});

test("a lane's name that its index has otherwise is found out, for SQLite would make the lane again", () => {
  inTemporaryDirectory((directory) => {
    const { db } = openDatabase(directory, options);
    db.transaction(() => {
      db.prepare("INSERT INTO lanes (number, name) VALUES (0, 'live')").run();
      put(db, { first: 0 });
    })();
    db.close();
    const file = join(directory, 'sluice.db');
    const bytes = readFileSync(file);
    const root = schema.indexes.get('sqlite_autoindex_lanes_1') as number;
    const at = bytes.indexOf('live', (root - 1) * PAGE);
    expect(Math.ceil(at / PAGE)).toBe(root);
    bytes[at + 1] ^= 1;
    writeFileSync(file, bytes);
    const { db: after, report } = openDatabase(directory, options);
    expect(report.salvage).toMatchObject({ reason: 'lanes', batches: 1 });
    expect(after.prepare("SELECT number FROM lanes WHERE name = 'live'").pluck().all()).toEqual([0]);
    after.close();
  });
});
