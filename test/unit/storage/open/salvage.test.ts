// What salvage does with rows that no tree leads to any more: taken when they are owed, left when they are
// old.

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

/** So large that every batch has a page of its own. */
function put(db: Db, { first, count = 10, gateway = 'g', lane = 'live' }: Batch): void {
  const bytes = makeBatch({ lane, firstOffset: first, count, data: Buffer.alloc(3000, first), gateway });
  const id = BigInt(rowIdOf(0, first));
  db.prepare('INSERT INTO log VALUES (?, ?, ?, ?, ?)').run(id, BigInt(first), count, BigInt(NOW_MS), bytes);
}

/** Ids of the batches that are kept when the log's root was lost, so that nothing leads to any of them. */
function salvaged(batches: Batch[], cursor: number): number[] {
  return inTemporaryDirectory((directory) => {
    const { db } = openDatabase(directory, options);
    db.transaction(() => {
      db.prepare("INSERT INTO meta VALUES ('gateway-id', 'g')").run();
      db.prepare("INSERT INTO lanes (number, name, next_offset) VALUES (0, 'live', 200)").run();
      db.prepare("INSERT INTO cursors VALUES ('cloud', 0, ?, 0, ?, 0, 0)").run(cursor, cursor);
      for (const batch of batches) put(db, batch);
    })();
    db.close();
    const file = join(directory, 'sluice.db');
    const bytes = readFileSync(file);
    const root = schema.tables.get('log')?.root as number;
    bytes.fill(0, (root - 1) * PAGE, root * PAGE);
    writeFileSync(file, bytes);
    const { db: after, report } = openDatabase(directory, options);
    expect(report.salvage?.strayBatches).toBe(report.salvage?.batches);
    const ids = after.prepare('SELECT id FROM log ORDER BY id').pluck().all() as number[];
    after.close();
    return ids;
  });
}

const EIGHT = [20, 30, 40, 50, 60, 70, 80, 90].map((first) => ({ first }));
const IDS = EIGHT.map(({ first }) => first);

describe('batches on pages that nothing leads to', () => {
  test('are all found', () => {
    expect(salvaged(EIGHT, 20)).toEqual(IDS);
  });

  test('are left when every sink has them', () => {
    expect(salvaged([{ first: 0 }, { first: 10 }, ...EIGHT], 20)).toEqual(IDS);
  });

  test('are taken when a part of them is owed: better twice than never', () => {
    expect(salvaged([{ first: 0 }, { first: 10 }, ...EIGHT], 15)).toEqual([10, ...IDS]);
  });

  test('are left when another batch has one of their names', () => {
    for (const count of [10, 50]) {
      const kept = salvaged([...EIGHT, { first: 95, count }, { first: 102 }], 20);
      // Which of them is kept depends on where they lie; no two with the same name are.
      expect([[...IDS], [...IDS, 102], [...IDS.slice(0, -1), 95]]).toContainEqual(kept);
    }
  });

  test('are left when they are of another gateway, or of no lane of ours', () => {
    const others = [
      { first: 100, gateway: 'other' },
      { first: 110, lane: 'other' },
    ];
    expect(salvaged([...EIGHT, ...others], 20)).toEqual(IDS);
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
