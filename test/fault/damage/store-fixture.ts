// A small store with everything in it - three lanes, two sinks, rows like those of sessions, batches that
// were delivered and deleted, a write-ahead log with several commits - and the truth about what it holds, to
// compare with what is there after its files were damaged.

import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { rowIdOf } from '../../../storage/log/log-schema.ts';
import { DATABASE_FILE, type OpenOptions, openDatabase } from '../../../storage/open/open-database.ts';
import { parsePage } from '../../../storage/open/sqlite-file/btree-page.ts';
import { type CreateTables, STORE_TABLES } from '../../../storage/open/store-schema.ts';
import { encodeBatch } from '../../../storage/record-batch/codec.ts';
import type { RecordBatch } from '../../../storage/record-batch/record-batch.ts';

export const NOW_MS = Date.UTC(2026, 0, 31, 12, 0, 0);
export const GATEWAY = 'gateway-1';
export const LANES = ['live', 'bulk', 'alarm'];
export const SINKS = ['cloud', 'archive'];

const createSessions: CreateTables = (db) =>
  db.exec(`
    CREATE TABLE IF NOT EXISTS test_sessions (client TEXT PRIMARY KEY, packet BLOB, expiry REAL, seen INTEGER) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS test_queue (id INTEGER PRIMARY KEY, client TEXT NOT NULL, topic TEXT, payload BLOB);
  `);

export const openOptions: OpenOptions = {
  synchronous: 'full',
  cacheBytes: 1024 * 1024,
  tables: [...STORE_TABLES, createSessions],
  nowMs: NOW_MS,
  probe: (db) => void db.prepare('SELECT * FROM test_sessions').all(),
};

/** mulberry32: the same numbers for the same seed. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

export interface Truth {
  /** Every batch that was ever stored, by row id. */
  ever: Map<number, Uint8Array>;
  /** Those in the store at the end. */
  kept: Set<number>;
  nextOffset: number[];
  /** `sink lane` -> next offset */
  cursors: Map<string, number>;
  sessions: Map<string, string>;
}

export interface Snapshot {
  db: Buffer;
  wal: Buffer;
  truth: Truth;
  /** After each commit since the last checkpoint: how long the log was, and what was true then. */
  commits: { walBytes: number; truth: Truth }[];
}

export interface FixtureOptions {
  seed: number;
  batchesPerLane?: number;
  /** Commits after the last checkpoint. */
  walCommits?: number;
  /** How many lanes each of them has a batch of; some, when not given. */
  walLanes?: number;
  /** Largest payload of a batch. */
  dataBytesMax?: number;
  gateway?: string;
}

/** In memory where there is such a place: hundreds of stores are made, and none has to survive anything. */
const BASE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export function inTemporaryDirectory<T>(body: (directory: string) => T): T {
  const directory = mkdtempSync(join(BASE, 'sluice-damage-'));
  try {
    return body(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The files as a process that was killed leaves them. */
export function makeSnapshot(options: FixtureOptions): Snapshot {
  return inTemporaryDirectory((directory) => {
    const { db } = openDatabase(directory, openOptions);
    const store = new FixtureStore(db, directory, options);
    store.fill();
    const file = join(directory, DATABASE_FILE);
    const snapshot = {
      db: readFileSync(file),
      wal: readFileSync(`${file}-wal`),
      truth: store.truth,
      commits: store.commits,
    };
    db.close();
    return snapshot;
  });
}

export function writeStore(directory: string, { db, wal }: { db: Buffer | null; wal: Buffer | null }): void {
  const file = join(directory, DATABASE_FILE);
  if (db !== null) writeFileSync(file, db);
  if (wal !== null) writeFileSync(`${file}-wal`, wal);
}

/** The same store after a checkpoint: everything is in the database, the log is empty. */
export function checkpointed(snapshot: Snapshot): Snapshot {
  return inTemporaryDirectory((directory) => {
    writeStore(directory, snapshot);
    const { db } = openDatabase(directory, openOptions);
    db.pragma('wal_checkpoint(TRUNCATE)');
    db.close();
    return { ...snapshot, db: readFileSync(join(directory, DATABASE_FILE)), wal: Buffer.alloc(0) };
  });
}

/** Which batches have a part on which page, and the kind of every page ('overflow': none of a tree). */
export function pagesOf(db: Buffer): { kinds: string[]; batches: Map<number, number[]> } {
  const pageAt = (page: number): Buffer => db.subarray((page - 1) * 4096, page * 4096);
  const kinds = ['none'];
  const batches = new Map<number, number[]>();
  for (let page = 1; page <= db.length / 4096; page++) {
    const parsed = parsePage(pageAt(page), page);
    kinds.push(parsed?.kind ?? 'overflow');
    if (parsed?.kind !== 'table-leaf') continue;
    for (const { rowid, overflow } of parsed.cells) {
      batches.set(page, [...(batches.get(page) ?? []), rowid]);
      for (let next = overflow; next !== 0; next = pageAt(next).readUInt32BE(0)) {
        batches.set(next, [...(batches.get(next) ?? []), rowid]);
      }
    }
  }
  return { kinds, batches };
}

export function makeBatch(options: {
  lane: string;
  firstOffset: number;
  count: number;
  data: Buffer;
  gateway?: string;
}): Buffer {
  const { lane, firstOffset, count, data, gateway = GATEWAY } = options;
  const payloadBytes = new Uint32Array(count);
  payloadBytes[0] = data.length;
  const batch: RecordBatch = {
    gateway,
    lane,
    firstOffset,
    count,
    baseTimeMs: NOW_MS,
    bootId: 'boot',
    baseMonotonicMs: 1,
    devices: ['device'],
    topics: ['topic/of/it'],
    device: new Uint16Array(count),
    topic: new Uint16Array(count),
    timeMs: new Uint32Array(count),
    flags: new Uint8Array(count).fill(1),
    payloadBytes,
    propertiesBytes: null,
    packetId: null,
    data,
  };
  return encodeBatch(batch, { compression: 'none', level: 1 });
}

class FixtureStore {
  readonly truth: Truth = {
    ever: new Map(),
    kept: new Set(),
    nextOffset: LANES.map(() => 0),
    cursors: new Map(),
    sessions: new Map(),
  };
  readonly commits: Snapshot['commits'] = [];
  readonly #db: Database;
  readonly #walFile: string;
  readonly #options: FixtureOptions;
  readonly #random: (below: number) => number;
  #clients = 0;

  constructor(db: Database, directory: string, options: FixtureOptions) {
    this.#db = db;
    this.#walFile = join(directory, `${DATABASE_FILE}-wal`);
    this.#options = options;
    this.#random = randomOf(options.seed);
  }

  fill(): void {
    const { batchesPerLane = 24, walCommits = 8, walLanes, gateway = GATEWAY } = this.#options;
    const db = this.#db;
    db.transaction(() => {
      db.prepare("INSERT INTO meta VALUES ('gateway-id', ?)").run(gateway);
      LANES.forEach(
        (name, number) => void db.prepare('INSERT INTO lanes (number, name) VALUES (?, ?)').run(number, name),
      );
      for (const sink of SINKS) {
        LANES.forEach(
          (_, lane) =>
            void db
              .prepare('INSERT INTO cursors (sink, lane, next_offset, start_offset) VALUES (?, ?, 0, 0)')
              .run(sink, lane),
        );
      }
    })();
    for (let i = 0; i < batchesPerLane; i++) this.#commit(LANES.map((_, lane) => lane));
    this.#deliver(0, 5);
    this.#deliver(2, 3);
    db.pragma('wal_checkpoint(TRUNCATE)');
    this.#note();
    for (let i = 0; i < walCommits; i++) {
      this.#commit(
        LANES.map((_, lane) => lane).filter((lane) =>
          walLanes === undefined ? this.#random(3) > 0 : lane < walLanes,
        ),
      );
      this.#note();
    }
  }

  #note(): void {
    this.commits.push({ walBytes: statSync(this.#walFile).size, truth: structuredClone(this.truth) });
  }

  #commit(lanes: number[]): void {
    this.#db.transaction(() => {
      for (const lane of lanes) this.#append(lane);
      const client = `client-${this.#clients++}`;
      const packet = Buffer.alloc(this.#random(300), this.#clients);
      this.#db
        .prepare('INSERT INTO test_sessions VALUES (?, ?, ?, ?)')
        .run(client, packet, this.#clients / 2, BigInt(this.#clients));
      this.#db
        .prepare('INSERT INTO test_queue (client, topic, payload) VALUES (?, ?, ?)')
        .run(client, 'tö/pic', packet);
      this.truth.sessions.set(client, packet.toString('hex'));
    })();
  }

  #append(lane: number): void {
    const firstOffset = this.truth.nextOffset[lane];
    const count = 1 + this.#random(200);
    const data = Buffer.alloc(this.#random(this.#options.dataBytesMax ?? 9000));
    for (let i = 0; i < data.length; i++) data[i] = this.#random(256);
    const bytes = makeBatch({ lane: LANES[lane], firstOffset, count, data, gateway: this.#options.gateway });
    const id = rowIdOf(lane, firstOffset);
    this.#db
      .prepare('INSERT INTO log VALUES (?, ?, ?, ?, ?)')
      .run(BigInt(id), BigInt(firstOffset), count, BigInt(NOW_MS), bytes);
    this.truth.ever.set(id, bytes);
    this.truth.kept.add(id);
    this.truth.nextOffset[lane] += count;
  }

  /** Both sinks deliver the lane's first batches, which are then deleted. */
  #deliver(lane: number, batches: number): void {
    const ids = [...this.truth.kept]
      .filter((id) => id >= rowIdOf(lane, 0) && id < rowIdOf(lane + 1, 0))
      .sort((a, b) => a - b);
    const next = ids[batches] - rowIdOf(lane, 0);
    this.#db.transaction(() => {
      this.#db
        .prepare('UPDATE cursors SET next_offset = ?, delivered = ? WHERE lane = ?')
        .run(next, next, lane);
      this.#db.prepare('UPDATE lanes SET next_offset = ? WHERE number = ?').run(next, lane);
      this.#db.prepare('DELETE FROM log WHERE id >= ? AND id < ?').run(ids[0], ids[batches]);
    })();
    for (const id of ids.slice(0, batches)) this.truth.kept.delete(id);
    for (const sink of SINKS) this.truth.cursors.set(`${sink} ${lane}`, next);
  }
}
