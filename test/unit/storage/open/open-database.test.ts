import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Database as Db } from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { SluiceError } from '../../../../config/errors.ts';
import { rowIdOf } from '../../../../storage/log/log-schema.ts';
import { gatewayIdOf } from '../../../../storage/open/gateway-id.ts';
import { knownGaps } from '../../../../storage/open/known-gaps.ts';
import { closeDatabase, type OpenReport, openDatabase } from '../../../../storage/open/open-database.ts';
import { salvage } from '../../../../storage/open/salvage.ts';
import { inspectStore } from '../../../../storage/open/store-inspection.ts';
import { MetaKey, referenceSchema, STORE_TABLES } from '../../../../storage/open/store-schema.ts';
import { decodeBatch } from '../../../../storage/record-batch/codec.ts';
import { BatchMemory } from '../../../../storage/record-batch/open-batch.ts';
import { StorageEngine } from '../../../../storage/storage-engine.ts';
import { inTemporaryDirectory, makeBatch, NOW_MS, randomOf } from '../../../fault/damage/store-fixture.ts';

const options = { synchronous: 'full', cacheBytes: 1024 * 1024, nowMs: NOW_MS } as const;
const QUIET = { outcome: 'opened', repairs: [], salvage: null };
const schema = referenceSchema(STORE_TABLES);

/** Opens, changes, and leaves the files as a killed process would. */
function changed(directory: string, change: (db: Db) => void): void {
  const { db } = openDatabase(directory, options);
  db.transaction(() => change(db))();
  db.close();
}

function reopened(directory: string): OpenReport {
  const { db, report } = openDatabase(directory, options);
  db.close();
  return report;
}

function addLane(db: Db, { gateway = 'g', batches = 5 } = {}): void {
  db.prepare("INSERT OR IGNORE INTO meta VALUES ('gateway-id', ?)").run(gateway);
  db.prepare("INSERT INTO lanes (number, name) VALUES (0, 'live')").run();
  db.prepare("INSERT INTO cursors VALUES ('cloud', 0, 20, 0, 20, 0, 0)").run();
  for (let i = 0; i < batches; i++) addBatch(db, i * 10, gateway);
}

function addBatch(db: Db, firstOffset: number, gateway = 'g'): void {
  const bytes = makeBatch({
    lane: 'live',
    firstOffset,
    count: 10,
    data: Buffer.alloc(3000, firstOffset),
    gateway,
  });
  const id = BigInt(rowIdOf(0, firstOffset));
  db.prepare('INSERT INTO log VALUES (?, ?, 10, ?, ?)').run(id, BigInt(firstOffset), BigInt(NOW_MS), bytes);
}

function flipIn(file: string, find: Buffer, byte: number): void {
  const bytes = readFileSync(file);
  const at = bytes.indexOf(find);
  expect(at).toBeGreaterThan(0);
  bytes[at + byte] ^= 1;
  writeFileSync(file, bytes);
}

describe('opening a store', () => {
  test('makes one where there is none, with the settings it is to have', () => {
    inTemporaryDirectory((directory) => {
      const { db, report } = openDatabase(directory, { ...options, walBytesMax: 1_000_000 });
      expect(report).toEqual({ outcome: 'created', lastStopWasClean: false, repairs: [], salvage: null });
      const pragma = (name: string): unknown => db.pragma(name, { simple: true });
      expect({
        journal: pragma('journal_mode'),
        synchronous: pragma('synchronous'),
        checkpoint: pragma('wal_autocheckpoint'),
        limit: pragma('journal_size_limit'),
        keys: pragma('foreign_keys'),
        page: pragma('page_size'),
        cache: pragma('cache_size'),
        version: pragma('user_version'),
      }).toEqual({
        journal: 'wal',
        synchronous: 2,
        checkpoint: 0,
        limit: 1_000_000,
        keys: 0,
        page: 4096,
        cache: -1024,
        version: 1,
      });
      db.close();
      expect(readdirSync(directory)).toEqual(['sluice.db']);
    });
  });

  test('says whether it was closed in order the last time', () => {
    inTemporaryDirectory((directory) => {
      changed(directory, addLane);
      const { db, report } = openDatabase(directory, options);
      expect(report).toEqual({ ...QUIET, lastStopWasClean: false });
      closeDatabase(db);
      expect(readdirSync(directory)).toEqual(['sluice.db']);
      expect(reopened(directory)).toEqual({ ...QUIET, lastStopWasClean: true });
    });
  });

  test('finds nothing wrong with what the engine leaves behind at any moment', () => {
    inTemporaryDirectory((directory) => {
      const { db } = openDatabase(directory, options);
      const gatewayId = gatewayIdOf(db, '');
      const engine = engineOf(db, { gatewayId, file: join(directory, 'sluice.db') });
      const random = randomOf(1);
      let delivered = 0;
      let stored = 0;
      for (let i = 0; i < 60; i++) {
        const count = 1 + random(40);
        stored += count;
        engine.commit({ batches: [sealed(count, random(3000))], ops: [] }, NOW_MS + i * 300);
        const step = random(stored - delivered);
        const nextOffset = delivered + step;
        engine.advance({
          kind: 'advance',
          sink: 'cloud',
          lane: 'live',
          nextOffset,
          delivered: step,
          deadLettered: 0,
          missing: 0,
          leftOut: 0,
          deadLetters: [],
        });
        delivered = nextOffset;
        engine.tick(NOW_MS + i * 300);
        inTemporaryDirectory((copy) => {
          for (const part of ['', '-wal'])
            copyFileSync(join(directory, `sluice.db${part}`), join(copy, `sluice.db${part}`));
          expect(reopened(copy)).toEqual({ ...QUIET, lastStopWasClean: false });
        });
      }
      expect(delivered).toBeGreaterThan(500);
      engine.close(NOW_MS + 1_000_000);
      closeDatabase(db);
      expect(reopened(directory)).toEqual({ ...QUIET, lastStopWasClean: true });
    });
  });

  test('refuses a store of a newer version and leaves it as it is', () => {
    inTemporaryDirectory((directory) => {
      changed(directory, (db) => {
        db.pragma('user_version = 7');
        db.prepare('UPDATE meta SET value = 7 WHERE key = ?').run(MetaKey.schemaVersion);
      });
      const before = readFileSync(join(directory, 'sluice.db'));
      expect(() => reopened(directory)).toThrow(
        expect.objectContaining({ code: 'STORE_NEWER' }) as SluiceError,
      );
      expect(readFileSync(join(directory, 'sluice.db')).equals(before)).toBe(true);
      expect(readdirSync(directory)).toEqual(['sluice.db']);
    });
  });

  test('takes a version that only the first page claims for damage', () => {
    inTemporaryDirectory((directory) => {
      changed(directory, (db) => {
        addLane(db);
        db.pragma('user_version = 17');
      });
      expect(reopened(directory)).toMatchObject({
        outcome: 'salvaged',
        salvage: { reason: 'schema', batches: 5 },
      });
    });
  });

  test('salvages what only the caller finds out when it reads', () => {
    inTemporaryDirectory((directory) => {
      changed(directory, addLane);
      let probes = 0;
      const probe = (): void => {
        if (++probes === 1) throw Object.assign(new Error('malformed'), { code: 'SQLITE_CORRUPT' });
      };
      const { db, report } = openDatabase(directory, { ...options, probe });
      db.close();
      expect(report).toMatchObject({ outcome: 'salvaged', salvage: { reason: 'corrupt', batches: 5 } });
      expect(probes).toBe(2);
    });
  });

  test('passes on a fault of the caller that is no damage', () => {
    inTemporaryDirectory((directory) => {
      const probe = (): void => {
        throw new Error('of the caller');
      };
      expect(() => openDatabase(directory, { ...options, probe })).toThrow('of the caller');
      expect(existsSync(join(directory, 'damaged'))).toBe(false);
    });
  });

  test('tells when a salvage begins and ends', () => {
    inTemporaryDirectory((directory) => {
      writeFileSync(join(directory, 'sluice.db'), 'garbage');
      const events: string[] = [];
      openDatabase(directory, { ...options, onEvent: ({ kind }) => events.push(kind) }).db.close();
      expect(events).toEqual(['salvage-started', 'salvage-done']);
    });
  });
});

describe('single wrong values are put right in place', () => {
  test.each([
    ['its position too far', 'next_offset = 25', { next: 20, start: 0, delivered: 20 }],
    ['its position too low', 'next_offset = 13', { next: 13, start: 0, delivered: 13 }],
    ['too many delivered', 'delivered = 1000', { next: 20, start: 0, delivered: 20 }],
    ['a start beyond its position', 'start_offset = 900', { next: 20, start: 20, delivered: 0 }],
  ])('a cursor with %s stands at the lower of what it says, and balances', (_, change, expected) => {
    inTemporaryDirectory((directory) => {
      changed(directory, addLane);
      changed(directory, (db) => db.exec(`UPDATE cursors SET ${change}`));
      const { db, report } = openDatabase(directory, options);
      expect(report).toMatchObject({
        outcome: 'repaired',
        repairs: [{ kind: 'cursor', now: { sink: 'cloud' } }],
      });
      const select = 'SELECT next_offset AS next, start_offset AS start, delivered FROM cursors';
      expect(db.prepare(select).get()).toEqual(expected);
      db.close();
      expect(reopened(directory)).toMatchObject(QUIET);
    });
  });

  test("a lane's last batches, when they are damaged, are put aside, and their names are not given again", () => {
    inTemporaryDirectory((directory) => {
      changed(directory, addLane);
      for (const filler of [30, 40]) flipIn(join(directory, 'sluice.db'), Buffer.alloc(200, filler), 100);
      const { db, report } = openDatabase(directory, options);
      expect(report.repairs).toMatchObject([
        { kind: 'last-batch', lane: 'live', id: 40 },
        { kind: 'last-batch', lane: 'live', id: 30 },
      ]);
      expect(db.prepare('SELECT id FROM log').pluck().all()).toEqual([0, 10, 20]);
      const next = db.prepare('SELECT next_offset FROM lanes').pluck().get() as number;
      expect(next).toBeGreaterThan(50 + 2 ** 20);
      expect(knownGaps(db)).toEqual([
        { lane: 0, from: 30, to: 50, kind: 'lost' },
        { lane: 0, from: 50, to: next, kind: 'left-out' },
      ]);
      const aside = readdirSync(join(directory, 'damaged')).filter((name) => name.endsWith('.bin'));
      expect(aside).toHaveLength(2);
      const bytes = aside.map((name) => readFileSync(join(directory, 'damaged', name)));
      const stored = makeBatch({
        lane: 'live',
        firstOffset: 40,
        count: 10,
        data: Buffer.alloc(3000, 40),
        gateway: 'g',
      });
      expect(bytes.some((copy) => copy.length === stored.length && !copy.equals(stored))).toBe(true);
      db.close();
      expect(reopened(directory)).toMatchObject(QUIET);
    });
  });
});

describe('names', () => {
  test("the gateway's id is that of its batches when the table has another", () => {
    inTemporaryDirectory((directory) => {
      changed(directory, addLane);
      changed(directory, (db) => db.exec("UPDATE meta SET value = 'f' WHERE key = 'gateway-id'"));
      const { db, report } = openDatabase(directory, options);
      expect(report.salvage?.reason).toBe('names');
      expect(gatewayIdOf(db, 'g')).toBe('g');
      db.close();
    });
  });

  test("a lane's name is that of its batches when the table has another", () => {
    inTemporaryDirectory((directory) => {
      changed(directory, addLane);
      changed(directory, (db) => db.exec("UPDATE lanes SET name = 'lIve'"));
      const { db, report } = openDatabase(directory, options);
      expect(report.salvage).toMatchObject({ reason: 'names', batches: 5 });
      expect(db.prepare('SELECT number, name FROM lanes').all()).toEqual([{ number: 0, name: 'live' }]);
      expect(db.prepare('SELECT next_offset FROM cursors').pluck().get()).toBe(20);
      db.close();
    });
  });

  test.each([
    ['with a clock', NOW_MS, 2 ** 44],
    ['without a clock', 0, 2 ** 45],
  ])('where nothing is left, lanes begin beyond every name there can have been, %s', (_, nowMs, least) => {
    inTemporaryDirectory((directory) => {
      writeFileSync(join(directory, 'sluice.db'), '');
      const { db, report } = openDatabase(directory, { ...options, nowMs });
      expect(report.salvage?.reason).toBe('empty');
      const floor = Number(
        db.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(MetaKey.offsetFloor),
      );
      expect(floor).toBeGreaterThan(least);
      expect(floor).toBeLessThan(2 ** 47);
      db.close();
    });
  });

  test('a next offset that no lane can have reached does not survive a salvage', () => {
    inTemporaryDirectory((directory) => {
      changed(directory, addLane);
      changed(directory, (db) => db.exec(`UPDATE lanes SET next_offset = ${2 ** 48 - 5}`));
      salvage(directory, { reason: 'test', detail: '' }, { nowMs: NOW_MS });
      const { db, report } = openDatabase(directory, options);
      expect(report.salvage).toBe(null);
      expect(db.prepare('SELECT next_offset FROM lanes').pluck().get()).toBe(50 + 2 ** 20);
      db.close();
    });
  });

  test('every gap that a salvage leaves is known afterwards', () => {
    inTemporaryDirectory((directory) => {
      changed(directory, (db) => addLane(db, { batches: 8 }));
      changed(directory, (db) => db.exec('DELETE FROM log WHERE id = 30 OR id = 60'));
      const report = salvage(directory, { reason: 'gap', detail: 'for the test' }, { nowMs: NOW_MS });
      expect(report.lanes[0]).toMatchObject({
        missingRecords: 20,
        gaps: [
          { lane: 'live', from: 30, to: 40, count: 10 },
          { lane: 'live', from: 60, to: 70, count: 10 },
        ],
        seenUpTo: 80,
        nextOffset: 80 + 2 ** 20,
      });
      const { db } = openDatabase(directory, options);
      expect(knownGaps(db)).toEqual([
        { lane: 0, from: 30, to: 40, kind: 'lost' },
        { lane: 0, from: 60, to: 70, kind: 'lost' },
        { lane: 0, from: 80, to: 80 + 2 ** 20, kind: 'left-out' },
      ]);
      db.close();
    });
  });

  test('names that a salvage left out are no loss in the books, and the next batch tells of them', () => {
    inTemporaryDirectory((directory) => {
      const again = () => salvage(directory, { reason: 'test', detail: '' }, { nowMs: NOW_MS });
      changed(directory, (db) => addLane(db));
      changed(directory, (db) => db.exec('DELETE FROM log WHERE id = 30'));
      again();
      const jumped = 50 + 2 * 2 ** 20;
      expect(again().lanes[0]).toMatchObject({ missingRecords: 10, nextOffset: jumped });
      const { db } = openDatabase(directory, options);
      const engine = engineOf(db, { gatewayId: 'g', file: join(directory, 'sluice.db') });
      for (const count of [2, 3]) engine.commit({ batches: [sealed(count, 10)], ops: [] }, NOW_MS);
      const stored = db.prepare('SELECT first, bytes FROM log WHERE id > 50 ORDER BY id').all();
      expect(
        (stored as { first: number; bytes: Buffer }[]).map(({ first, bytes }) => [
          first,
          decodeBatch(bytes).leftOutFrom,
        ]),
      ).toEqual([
        [jumped, 50],
        [jumped + 2, undefined],
      ]);
      const step = {
        kind: 'advance' as const,
        sink: 'cloud',
        lane: 'live',
        deadLettered: 0,
        deadLetters: [],
      };
      engine.advance({ ...step, nextOffset: jumped, delivered: 20, missing: 10, leftOut: jumped - 50 });
      engine.advance({ ...step, nextOffset: jumped + 5, delivered: 5, missing: 0, leftOut: 0 });
      engine.close(NOW_MS);
      const books = { nextOffset: jumped + 5, delivered: 45, missing: 10, leftOut: jumped - 50 };
      expect(engine.books()).toMatchObject([books]);
      db.close();
      const reopened = openDatabase(directory, options);
      expect(engineOf(reopened.db, { gatewayId: 'g', file: '' }).books()).toMatchObject([books]);
      reopened.db.close();
      again();
      const last = openDatabase(directory, options);
      expect(engineOf(last.db, { gatewayId: 'g', file: '' }).books()).toMatchObject([books]);
      last.db.close();
    });
  });

  test('gaps that were noted before there were two kinds count as lost', () => {
    inTemporaryDirectory((directory) => {
      const { db } = openDatabase(directory, options);
      db.prepare('INSERT INTO meta VALUES (?, ?)').run(MetaKey.knownGaps, '[{"lane":0,"from":30,"to":50}]');
      expect(knownGaps(db)).toEqual([{ lane: 0, from: 30, to: 50, kind: 'lost' }]);
      db.close();
    });
  });
});

test.skipIf(!existsSync('/proc/self/io'))(
  'what looking at a store reads does not grow with its backlog',
  () => {
    const bytesRead = (batches: number): number =>
      inTemporaryDirectory((directory) => {
        changed(directory, (db) => addLane(db, { batches }));
        const before = ioBytesRead();
        expect(inspectStore(directory, schema).kind).toBe('readable');
        return ioBytesRead() - before;
      });
    bytesRead(10);
    const small = bytesRead(100);
    const large = bytesRead(5000);
    expect(large).toBeLessThan(small + 256 * 1024); // a level or two more of the tree, of 20 MB of batches
  },
);

function ioBytesRead(): number {
  return Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
}

const size = { recordsMax: 64, dataBytesMax: 8192 };

function engineOf(db: Db, { gatewayId, file }: { gatewayId: string; file: string }): StorageEngine {
  const engine = new StorageEngine(
    db,
    {
      ...size,
      gatewayId,
      file,
      bootId: 'boot',
      compression: 'none',
      compressionLevel: 1,
      lanes: ['live'],
      sinks: [{ name: 'cloud', lanes: [] }],
      tailBytes: 4096,
      recentPerSessionMax: 8,
      bytesMax: 1 << 26,
      checkpointBytes: 65_536,
      diskFreeBytesMin: 0,
    },
    {
      committed() {},
      appended() {},
      stalled() {},
      resumed() {},
      checkpointWanted: () => engine.checkpointed(),
    },
  );
  return engine;
}

function sealed(count: number, dataBytes: number) {
  const memory = new BatchMemory(size);
  memory.payloadBytes[0] = dataBytes;
  const common = { lane: 0, count, dataBytes, hasProperties: false, hasPacketIds: false };
  return {
    ...common,
    devices: ['d'],
    topics: ['t'],
    baseTimeMs: 1,
    baseMonotonicMs: 1,
    buffer: memory.buffer,
  };
}
