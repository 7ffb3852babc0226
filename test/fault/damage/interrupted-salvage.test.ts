import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openDatabase } from '../../../storage/open/open-database.ts';
import { salvage } from '../../../storage/open/salvage.ts';
import * as files from '../../../storage/open/store-files.ts';
import { expectPreserved, judge } from './judge.ts';
import { inTemporaryDirectory, makeSnapshot, NOW_MS, openOptions, writeStore } from './store-fixture.ts';

const NAME = '20260131T110000Z-wal';
const WHY = { reason: 'test', detail: 'for the test' };
const snapshot = makeSnapshot({ seed: 8 });
const salvageOptions = { nowMs: NOW_MS, tables: openOptions.tables };

function staged(directory: string, part: string): string {
  return files.stagedDatabase(directory, NAME) + part;
}

/** The states that a crash can leave behind, in the order in which a salvage passes through them. */
const states: [string, (directory: string) => void][] = [
  [
    'the log was moved, the database not yet',
    (directory) => renameSync(join(directory, 'sluice.db-wal'), staged(directory, '-wal')),
  ],
  ['both were moved', (directory) => files.stage(directory, NAME)],
  [
    'the new store was half made',
    (directory) => {
      files.stage(directory, NAME);
      writeFileSync(files.startBuilding(directory).file, 'half of a store');
    },
  ],
  [
    'the new store was made',
    (directory) => {
      makeReady(directory);
    },
  ],
  [
    'the new store was made, the log put aside',
    (directory) => {
      makeReady(directory);
      mkdirSync(join(directory, 'damaged', NAME), { recursive: true });
      renameSync(staged(directory, '-wal'), join(directory, 'damaged', NAME, 'sluice.db-wal'));
    },
  ],
  [
    'the new store was made, everything put aside',
    (directory) => {
      makeReady(directory);
      files.putAside(directory, NAME);
    },
  ],
];

/** Salvages a copy of the store elsewhere and leaves its result here as the finished new store. */
function makeReady(directory: string): void {
  inTemporaryDirectory((elsewhere) => {
    writeStore(elsewhere, snapshot);
    salvage(elsewhere, WHY, salvageOptions);
    files.stage(directory, NAME);
    const { file } = files.startBuilding(directory);
    writeFileSync(file, readFileSync(join(elsewhere, 'sluice.db')));
    files.makeReady(directory, file);
  });
}

describe('a salvage that was interrupted when', () => {
  test.each(states)('%s is finished by the next start: nothing lost, everything put aside', (_, reach) => {
    inTemporaryDirectory((directory) => {
      writeStore(directory, snapshot);
      reach(directory);
      const { report, lost, sessionsLost } = judge(directory, snapshot.truth, snapshot);
      expect(report.outcome).toBe('salvaged');
      expect({ lost, sessionsLost }).toEqual({ lost: [], sessionsLost: 0 });
      expectPreserved(directory, snapshot);
      expect(readdirSync(directory).filter((name) => /building|ready|salvaging/.test(name))).toEqual([]);
    });
  });

  test('it killed the process again and again: it starts without the old batches, which are put aside', () => {
    inTemporaryDirectory((directory) => {
      writeStore(directory, snapshot);
      files.stage(directory, NAME);
      for (let attempt = 0; attempt < 5; attempt++) writeFileSync(files.startBuilding(directory).file, '');
      const { db, report } = openDatabase(directory, openOptions);
      db.close();
      expect(report.salvage).toMatchObject({ attempt: 6, batches: 0 });
      expectPreserved(directory, snapshot);
    });
  });
});

describe('room', () => {
  test('when the new store must stay small the oldest batches are kept, and the gap says what was not', () => {
    inTemporaryDirectory((directory) => {
      writeStore(directory, snapshot);
      const report = salvage(directory, WHY, { ...salvageOptions, bytesMax: 300 * 1024 });
      expect(report.ranOutOfRoom).toBe(true);
      expect(report.batches).toBeGreaterThan(0);
      expect(report.batches).toBeLessThan(snapshot.truth.kept.size);
      expectPreserved(directory, snapshot);
      const { db } = openDatabase(directory, openOptions);
      const kept = new Set(db.prepare('SELECT id FROM log ORDER BY id').pluck().all() as number[]);
      const expected = [...snapshot.truth.kept].sort((a, b) => a - b).slice(0, kept.size);
      expect([...kept]).toEqual(expected);
      expect(db.prepare('SELECT count(*) FROM test_sessions').pluck().get()).toBe(
        snapshot.truth.sessions.size,
      );
      db.close();
    });
  });

  test('when damaged/ cannot be had the originals stay in the data directory under a name that says so', () => {
    inTemporaryDirectory((directory) => {
      writeStore(directory, snapshot);
      writeFileSync(join(directory, 'damaged'), 'a file of somebody');
      const report = salvage(directory, WHY, salvageOptions);
      expect(report.putAside).toBe('damaged-20260131T120000Z-test.db');
      expectPreserved(directory, snapshot);
      expect(existsSync(join(directory, `${report.putAside}.json`))).toBe(true);
    });
  });
});

test('two salvages in the same second have names of their own', () => {
  inTemporaryDirectory((directory) => {
    writeStore(directory, snapshot);
    const first = salvage(directory, WHY, salvageOptions);
    const second = salvage(directory, WHY, salvageOptions);
    expect(first.putAside).toBe('damaged/20260131T120000Z-test');
    expect(second.putAside).toBe('damaged/20260131T120000Z-test-2');
    expect(second).toMatchObject({ batches: first.batches, records: first.records });
    expectPreserved(directory, snapshot);
  });
});

test('a report lies beside the originals and says what was kept of each lane', () => {
  inTemporaryDirectory((directory) => {
    writeStore(directory, snapshot);
    const report = salvage(directory, WHY, salvageOptions);
    const file = join(directory, report.putAside as string, 'report.json');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(report);
    expect(report).toMatchObject({ at: '2026-01-31T12:00:00.000Z', ...WHY, attempt: 1, ranOutOfRoom: false });
    expect(report.batches).toBe(snapshot.truth.kept.size);
    expect(report.lanes.map(({ lane, seenUpTo, gapsCount }) => [lane, seenUpTo, gapsCount])).toEqual([
      ['live', snapshot.truth.nextOffset[0], 0],
      ['bulk', snapshot.truth.nextOffset[1], 0],
      ['alarm', snapshot.truth.nextOffset[2], 0],
    ]);
  });
});
