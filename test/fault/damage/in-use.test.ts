// Damage that opening a store does not see, met by what uses it: the engine's start, the bridge's reader, the count of
// whose bytes wait. Whatever SQLite makes of a damaged page, they go on or say that the store is damaged, which leads
// to its salvage; nothing else may come of it, for any other fault ends the gateway.

import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { ReadAhead } from '../../../bridge/read-ahead.ts';
import { SluiceError } from '../../../config/errors.ts';
import { type LogReader, openLogReader } from '../../../storage/log/log-reader.ts';
import { damageOf, storeDamaged } from '../../../storage/open/damage.ts';
import { openDatabase } from '../../../storage/open/open-database.ts';
import { salvage } from '../../../storage/open/salvage.ts';
import { SessionTables } from '../../../storage/sessions/session-ops.ts';
import { OwnerKeys } from '../../../storage/shares/owner-keys.ts';
import { ShareCount } from '../../../storage/shares/share-count.ts';
import { StorageEngine, type StorageEvents } from '../../../storage/storage-engine.ts';
import {
  checkpointed,
  GATEWAY,
  inTemporaryDirectory,
  LANES,
  makeSnapshot,
  NOW_MS,
  openOptions,
  pagesOf,
  randomOf,
  SINKS,
  writeStore,
} from './store-fixture.ts';

const MiB = 1024 * 1024;
const STORES = process.env.TEST_LONG === undefined ? 240 : 6000;
const TIMEOUT_MS = 1_200_000;
const STORES_PER_SEED = 60;
const FLIPS_MAX = 3;
/** Of a page: its head and the first of its pointers. */
const HEAD_BYTES = 40;
const PAGE_BYTES = 4096;

const NO_EVENTS: StorageEvents = {
  committed() {},
  appended() {},
  stalled() {},
  resumed() {},
  checkpointWanted() {},
  countWanted() {},
};

/** Everything that reads the log; returns how many batches the bridge would have seen. */
function use(directory: string): number {
  const { db } = openDatabase(directory, {
    ...openOptions,
    probe: (probed) => {
      openOptions.probe?.(probed);
      new SessionTables(probed).load();
    },
  });
  const file = join(directory, 'sluice.db');
  const reader = openLogReader(file);
  const counting = new Database(file, { readonly: true });
  try {
    const engine = new StorageEngine(db, engineOptions(file), NO_EVENTS);
    const count = new ShareCount(counting, new OwnerKeys(engine.shares.secret));
    let batches = 0;
    for (const { number, name, nextOffset } of engine.lanes) {
      const ofLane = engine.books().filter(({ lane }) => lane === name);
      const from = Math.min(...ofLane.map((entry) => entry.nextOffset));
      batches += readLane(reader, number, { from, end: nextOffset });
      for (let from = 0; from < nextOffset; )
        from = count.slice({ laneNumber: number, from, to: nextOffset }).to;
    }
    engine.fill();
    engine.tick(NOW_MS + 1000);
    engine.close(NOW_MS + 2000);
    return batches;
  } finally {
    counting.close();
    reader.close();
    db.close();
  }
}

/** As the forwarder does, which says the same of a hole that nobody knows of. */
function readLane(reader: LogReader, lane: number, { from, end }: { from: number; end: number }): number {
  const ahead = new ReadAhead(reader, lane);
  let batches = 0;
  for (let next = from; next < end; batches++) {
    ahead.seek(next);
    ahead.fill(next, end, 1);
    const stored = ahead.held[0]?.firstOffset ?? end;
    if (stored > next && !reader.isKnownGap(lane, next, stored)) throw storeDamaged('a hole');
    const passed = ahead.held[0]?.end ?? end;
    expect(passed).toBeGreaterThan(next);
    next = passed;
  }
  return batches;
}

function engineOptions(file: string): ConstructorParameters<typeof StorageEngine>[1] {
  return {
    recordsMax: 64,
    dataBytesMax: 2 * MiB,
    gatewayId: GATEWAY,
    bootId: 'next-boot',
    compression: 'none',
    compressionLevel: 1,
    file,
    lanes: LANES,
    sinks: SINKS.map((name) => ({ name, lanes: [] })),
    tailBytes: MiB / 4,
    recentPerSessionMax: 8,
    bytesMax: 64 * MiB,
    checkpointBytes: MiB,
    diskFreeBytesMin: 0,
    countsShares: true,
  };
}

/** What a fault says that leads to a salvage; anything else is thrown. */
function damageIn(use: () => unknown): string | undefined {
  try {
    use();
    return undefined;
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'STORE_DAMAGED') return error.message;
    const damage = damageOf(error);
    if (damage === undefined) throw error;
    return damage.detail;
  }
}

interface Flip {
  at: number;
  bit: number;
}

/** In which everything is in the database. */
function storeOf(seed: number): Buffer {
  return checkpointed(makeSnapshot({ seed, batchesPerLane: 60, dataBytesMax: 2500 })).db;
}

/** What was found to be damaged, if anything was; the salvaged store can be used then. */
function foundDamage(sound: Buffer, flips: readonly Flip[]): string | undefined {
  const db = Buffer.from(sound);
  for (const { at, bit } of flips) db[at] ^= 1 << bit;
  return inTemporaryDirectory((directory) => {
    writeStore(directory, { db, wal: null });
    try {
      const detail = damageIn(() => use(directory));
      if (detail === undefined) return undefined;
      const { tables = [] } = openOptions;
      salvage(directory, { reason: 'in-use', detail }, { nowMs: NOW_MS, tables });
      expect(use(directory)).toBeGreaterThan(0);
      return detail;
    } catch (error) {
      throw new Error(`bits ${JSON.stringify(flips)}`, { cause: error });
    }
  });
}

test.each([
  {
    what: 'has no batch any more',
    seed: 2,
    flips: [
      { at: 430092, bit: 1 },
      { at: 450568, bit: 1 },
    ],
  },
  {
    what: 'is passed over by look-ups, but not when all are read in turn',
    seed: 11,
    flips: [
      { at: 476315, bit: 6 },
      { at: 143842, bit: 5 },
    ],
  },
])('a row that $what', ({ seed, flips }) => {
  expect(foundDamage(storeOf(seed), flips)).toEqual(expect.any(String));
});

test(`${STORES} stores with up to ${FLIPS_MAX} bits turned over`, { timeout: TIMEOUT_MS }, () => {
  let found = 0;
  for (let seed = 0; seed < STORES / STORES_PER_SEED; seed++) {
    const random = randomOf(seed);
    const sound = storeOf(seed);
    const trees = pagesOf(sound).kinds.flatMap((kind, page) =>
      kind === 'overflow' || kind === 'none' ? [] : [page],
    );
    for (let i = 0; i < STORES_PER_SEED; i++) {
      const flips = Array.from({ length: 1 + random(FLIPS_MAX) }, () => {
        const page = trees[random(trees.length)];
        const inPage = random(random(2) === 0 ? HEAD_BYTES : PAGE_BYTES);
        return {
          at: random(3) > 0 ? (page - 1) * PAGE_BYTES + inPage : random(sound.length),
          bit: random(8),
        };
      });
      if (foundDamage(sound, flips) !== undefined) found++;
    }
  }
  expect(found).toBeGreaterThan(STORES / 100); // else nothing that matters was damaged
});
