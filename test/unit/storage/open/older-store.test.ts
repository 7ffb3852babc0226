// A store of a version that knew no owners of sessions: it opens as it is, loses nothing, and has what it lacked from
// then on; and the other way round.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Database as Db } from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { createTables, rowIdOf } from '../../../../storage/log/log-schema.ts';
import { type OpenReport, openDatabase } from '../../../../storage/open/open-database.ts';
import { salvage } from '../../../../storage/open/salvage.ts';
import { inspectStore } from '../../../../storage/open/store-inspection.ts';
import {
  type CreateTables,
  MetaKey,
  referenceSchema,
  STORE_TABLES,
} from '../../../../storage/open/store-schema.ts';
import { encodePacket } from '../../../../storage/sessions/packet-codec.ts';
import { SessionTables } from '../../../../storage/sessions/session-ops.ts';
import type { SessionSnapshot } from '../../../../storage/sessions/session-snapshot.ts';
import { inTemporaryDirectory, makeBatch, NOW_MS } from '../../../fault/damage/store-fixture.ts';

const options = {
  synchronous: 'full',
  cacheBytes: 1024 * 1024,
  nowMs: NOW_MS,
  probe: (db: Db) => void new SessionTables(db).load(),
} as const;
const QUIET = { outcome: 'opened', repairs: [], salvage: null };
const BATCHES = 60;

/** To the letter, as version 0.1 made them. */
const OLD_SESSIONS = `
CREATE TABLE IF NOT EXISTS sessions (
  sid INTEGER PRIMARY KEY, client TEXT NOT NULL, protocol_version INTEGER NOT NULL,
  expiry_s INTEGER NOT NULL, disconnected_at_ms INTEGER
);
CREATE TABLE IF NOT EXISTS subscriptions (
  sid INTEGER NOT NULL, filter TEXT NOT NULL, qos INTEGER NOT NULL, rh INTEGER, rap INTEGER, nl INTEGER,
  subscription_id INTEGER, PRIMARY KEY (sid, filter)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outgoing_messages (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS outgoing (
  seq INTEGER PRIMARY KEY, sid INTEGER NOT NULL, message INTEGER NOT NULL, qos INTEGER NOT NULL,
  retain INTEGER NOT NULL, packet_id INTEGER NOT NULL, sent INTEGER NOT NULL, subscription_ids TEXT,
  released_seq INTEGER -- null until PUBREC
);
CREATE TABLE IF NOT EXISTS retained (topic TEXT PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS wills (
  client TEXT PRIMARY KEY, broker TEXT NOT NULL, bytes BLOB NOT NULL, delay_s INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS inbound_qos2 (
  sid INTEGER NOT NULL, packet_id INTEGER NOT NULL, PRIMARY KEY (sid, packet_id)
) WITHOUT ROWID;
`;
const OLD_TABLES: readonly CreateTables[] = [createTables, (db) => void db.exec(OLD_SESSIONS)];

const packet = encodePacket({
  topic: 'cmd/1',
  payload: Buffer.from('queued'),
  qos: 1,
  retain: false,
  properties: undefined,
  messageExpiry: undefined,
});

function fill(db: Db): void {
  db.exec(`
    INSERT INTO meta VALUES ('gateway-id', 'g');
    INSERT INTO lanes VALUES (0, 'live', 0);
    INSERT INTO cursors VALUES ('cloud', 0, 20, 0, 20, 0, 0);
    INSERT INTO sessions VALUES (7, 'dev', 4, 4294967295, NULL);
    INSERT INTO subscriptions VALUES (7, 'cmd/#', 1, NULL, NULL, NULL, NULL);
    INSERT INTO outgoing VALUES (31, 7, 30, 1, 0, 5, 1, NULL, NULL);
    INSERT INTO inbound_qos2 VALUES (7, 77);
  `);
  const retained = { topic: 'cmd/1', qos: 0, retain: true, payload: Buffer.from('kept') };
  db.prepare('INSERT INTO outgoing_messages VALUES (30, ?)').run(packet);
  db.prepare('INSERT INTO retained VALUES (?, ?)').run(
    'cmd/1',
    encodePacket({ ...retained, properties: undefined, messageExpiry: undefined }),
  );
  db.prepare('INSERT INTO wills VALUES (?, ?, ?, 0)').run('dev', 'boot', packet);
  const put = db.prepare('INSERT INTO log VALUES (?, ?, 10, ?, ?)');
  for (let i = 0; i < BATCHES; i++) {
    const bytes = makeBatch({
      lane: 'live',
      firstOffset: i * 10,
      count: 10,
      data: Buffer.alloc(900, i),
      gateway: 'g',
    });
    put.run(BigInt(rowIdOf(0, i * 10)), BigInt(i * 10), BigInt(NOW_MS), bytes);
  }
}

/** The files as a process that was killed leaves them, all in the database's. */
function makeStore(directory: string, tables: readonly CreateTables[]): void {
  const { db } = openDatabase(directory, { ...options, tables, probe: () => {} });
  db.transaction(() => fill(db))();
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
}

/** Opens, looks and closes as a killed process does. */
function reopened<T>(
  directory: string,
  look: (db: Db) => T,
  tables: readonly CreateTables[] = STORE_TABLES,
): { report: OpenReport; found: T } {
  const { db, report } = openDatabase(directory, { ...options, tables, probe: probeOf(tables) });
  try {
    return { report, found: look(db) };
  } finally {
    db.close();
  }
}

const probeOf = (tables: readonly CreateTables[]) => (tables === OLD_TABLES ? () => {} : options.probe);

function everything(db: Db): { snapshot: SessionSnapshot; batches: number } {
  const batches = db.prepare('SELECT count(*) FROM log').pluck().get() as number;
  return { snapshot: new SessionTables(db).load(), batches };
}

const WHOLE = {
  batches: BATCHES,
  snapshot: {
    sessions: [{ sid: 7, client: 'dev', protocolVersion: 4, expiryS: 4294967295, disconnectedAtMs: null }],
    subscriptions: [{ sid: 7, filter: 'cmd/#', qos: 1 }],
    messages: [{ id: 30 }],
    outgoing: [{ seq: 31, sid: 7, message: 30, packetId: 5, sent: true }],
    retained: [{ packet: { topic: 'cmd/1' } }],
    wills: [{ client: 'dev', brokerId: 'boot' }],
    qos2: [{ sid: 7, packetId: 77 }],
    nextSid: 8,
    nextSeq: 32,
    damagedCount: 0,
  },
};

function own(db: Db, owner: string): void {
  const tables = new SessionTables(db);
  const session = { sid: 7, client: 'dev', protocolVersion: 4, expiryS: 4294967295, disconnectedAtMs: null };
  db.transaction(() => tables.apply({ kind: 'session-put', ...session, owner }))();
}

const ownersOf = (db: Db) => new SessionTables(db).load().sessions.map(({ owner }) => owner);

describe('a store from before sessions had owners', () => {
  test('opens without salvage and without repairs, with all that is in it', () => {
    inTemporaryDirectory((directory) => {
      makeStore(directory, OLD_TABLES);
      const { report, found } = reopened(directory, everything);
      expect(report).toMatchObject(QUIET);
      expect(found).toMatchObject(WHOLE);
      expect(found.snapshot.sessions[0].owner).toBeUndefined();
    });
  });

  test('keeps owners from then on', () => {
    inTemporaryDirectory((directory) => {
      makeStore(directory, OLD_TABLES);
      reopened(directory, (db) => own(db, 'ann'));
      const { report, found } = reopened(directory, everything);
      expect(report).toMatchObject(QUIET);
      expect(found).toMatchObject(WHOLE);
      expect(found.snapshot.sessions[0].owner).toBe('ann');
    });
  });

  test('opens when the disk has no room for one table more, and keeps owners when it has', () => {
    inTemporaryDirectory((directory) => {
      makeStore(directory, OLD_TABLES);
      const full: CreateTables = (db) => {
        if (!db.memory) db.pragma('max_page_count = 1'); // no more than it has
      };
      const { db, report } = openDatabase(directory, { ...options, tables: [full, ...STORE_TABLES] });
      expect(report).toMatchObject(QUIET);
      expect(everything(db)).toMatchObject(WHOLE);
      expect(() => own(db, 'ann')).toThrow('full');
      expect(ownersOf(db)).toEqual([undefined]);
      db.pragma('max_page_count = 100000');
      const tables = new SessionTables(db);
      // A commit that is undone takes the table with it; the next one makes it again.
      const put = () => {
        tables.apply({ kind: 'session-put', ...WHOLE.snapshot.sessions[0], owner: 'ann' });
      };
      expect(() =>
        db.transaction(() => {
          put();
          throw new Error('undone');
        })(),
      ).toThrow('undone');
      db.transaction(() => tables.apply({ kind: 'session-end', sid: 8, outgoing: [], messages: [] }))();
      db.transaction(put)();
      db.close();
      expect(reopened(directory, ownersOf).found).toEqual(['ann']);
    });
  });

  test('that is salvaged loses nothing to a table it does not have', () => {
    inTemporaryDirectory((directory) => {
      makeStore(directory, OLD_TABLES);
      // Where a new store has the owners, this one has a page of the log.
      const usualRoot = referenceSchema(STORE_TABLES).tables.get('session_owners')!.root;
      expect(readFileSync(join(directory, 'sluice.db')).length).toBeGreaterThan(usualRoot * 4096);
      const report = salvage(directory, { reason: 'test', detail: 'test' }, { nowMs: NOW_MS });
      expect(report.batches).toBe(BATCHES);
      expect(report.tables.session_owners).toEqual({ kept: 0, lost: 0, damagedPages: 0 });
      const { report: opened, found } = reopened(directory, everything);
      expect(opened).toMatchObject(QUIET);
      expect(found).toMatchObject(WHOLE);
    });
  });
});

describe('a store with owners', () => {
  test('opens with the version before, with all else that is in it, and has its owners afterwards', () => {
    inTemporaryDirectory((directory) => {
      makeStore(directory, STORE_TABLES);
      reopened(directory, (db) => own(db, 'ann'));
      const old = reopened(
        directory,
        (db) => db.prepare('SELECT client FROM sessions').pluck().all(),
        OLD_TABLES,
      );
      expect(old.report).toMatchObject(QUIET);
      expect(old.found).toEqual(['dev']);
      expect(reopened(directory, ownersOf)).toMatchObject({ report: QUIET, found: ['ann'] });
    });
  });

  test('has them after a salvage', () => {
    inTemporaryDirectory((directory) => {
      makeStore(directory, STORE_TABLES);
      reopened(directory, (db) => own(db, 'ann'));
      const report = salvage(directory, { reason: 'test', detail: 'test' }, { nowMs: NOW_MS });
      expect(report.tables.session_owners).toMatchObject({ kept: 1, lost: 0 });
      expect(reopened(directory, ownersOf).found).toEqual(['ann']);
    });
  });

  test('is not taken for one from before when the name of the table is damaged', () => {
    for (const makeNew of [true, false]) {
      inTemporaryDirectory((directory) => {
        makeStore(directory, makeNew ? STORE_TABLES : OLD_TABLES);
        reopened(directory, (db) => own(db, 'ann'));
        reopened(directory, (db) => void db.pragma('wal_checkpoint(TRUNCATE)'));
        const file = join(directory, 'sluice.db');
        const bytes = readFileSync(file);
        const name = Buffer.from('tablesession_ownerssession_owners');
        const at = bytes.indexOf(name);
        expect(at).toBeGreaterThan(0);
        bytes[at + 'table'.length] ^= 1;
        writeFileSync(file, bytes);
        const finding = inspectStore(directory, referenceSchema(STORE_TABLES));
        expect(finding).toMatchObject({ kind: 'damaged', damage: { reason: 'schema' } });
        expect(reopened(directory, everything)).toMatchObject({
          report: { outcome: 'salvaged' },
          found: { batches: BATCHES },
        });
      });
    }
  });

  test('says which tables it has that others do not', () => {
    inTemporaryDirectory((directory) => {
      const noted = (db: Db) =>
        db.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(MetaKey.laterTables);
      makeStore(directory, OLD_TABLES);
      expect(reopened(directory, noted, OLD_TABLES).found).toBeUndefined();
      expect(reopened(directory, noted).found).toBe('session_owners');
    });
    inTemporaryDirectory((directory) => {
      makeStore(directory, STORE_TABLES);
      const changes = (db: Db) => db.prepare('SELECT total_changes()').pluck().get();
      expect(reopened(directory, changes).found).toBe(1); // that it is running
    });
  });
});
