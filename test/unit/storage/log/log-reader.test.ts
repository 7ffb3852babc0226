import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { openLogReader } from '../../../../storage/log/log-reader.ts';
import { createTables, rowIdOf } from '../../../../storage/log/log-schema.ts';
import { noteGaps } from '../../../../storage/open/known-gaps.ts';
import { TemporaryDirectory } from '../../../support/temporary-directory.ts';

function logWith(rows: { lane: number; first: number; count: number; bytes?: number }[]) {
  const directory = new TemporaryDirectory();
  const file = directory.file('sluice.db');
  const db = new Database(file);
  db.pragma('journal_mode = WAL');
  createTables(db);
  const insert = db.prepare('INSERT INTO log VALUES (?, ?, ?, 0, ?)');
  for (const { lane, first, count, bytes = 10 } of rows)
    insert.run(rowIdOf(lane, first), first, count, Buffer.alloc(bytes));
  db.close();
  const reader = openLogReader(file);
  return {
    file,
    isKnownGap: reader.isKnownGap,
    leftOutIn: reader.leftOutIn,
    read: (lane: number, from: number, bytesMax = 1e9) =>
      reader.read(lane, from, bytesMax).map(({ firstOffset }) => firstOffset),
    [Symbol.dispose]() {
      reader.close();
      directory[Symbol.dispose]();
    },
  };
}

test('reads a lane in order, from the batch that holds the offset', () => {
  using log = logWith([
    { lane: 0, first: 0, count: 10 },
    { lane: 0, first: 10, count: 5 },
    { lane: 0, first: 15, count: 1 },
  ]);
  expect(log.read(0, 0)).toEqual([0, 10, 15]);
  expect(log.read(0, 12)).toEqual([10, 15]);
  expect(log.read(0, 15)).toEqual([15]);
  expect(log.read(0, 16)).toEqual([]);
});

test('goes on after a gap', () => {
  using log = logWith([
    { lane: 0, first: 0, count: 10 },
    { lane: 0, first: 100, count: 5 },
  ]);
  expect(log.read(0, 10)).toEqual([100]);
});

test('lanes do not see each other', () => {
  using log = logWith([
    { lane: 0, first: 7, count: 1 },
    { lane: 1, first: 0, count: 1 },
    { lane: 2, first: 3, count: 1 },
  ]);
  expect([log.read(0, 0), log.read(1, 0), log.read(2, 0), log.read(3, 0)]).toEqual([[7], [0], [3], []]);
});

test('stops at the bound of bytes, but gives at least one batch', () => {
  using log = logWith([0, 1, 2, 3].map((first) => ({ lane: 0, first, count: 1, bytes: 1000 })));
  expect(log.read(0, 0, 1)).toEqual([0]);
  expect(log.read(0, 0, 1500)).toEqual([0, 1]);
});

test('a row that says it reaches into the next one is damage, for the records of that would be passed over', () => {
  using log = logWith([
    { lane: 0, first: 0, count: 10 },
    { lane: 0, first: 10, count: 5 + 1024 },
    { lane: 0, first: 15, count: 1 },
  ]);
  const damaged = expect.objectContaining({ code: 'STORE_DAMAGED' });
  expect(log.read(0, 0, 1)).toEqual([0]);
  expect(() => log.read(0, 0)).toThrow(damaged);
  expect(() => log.read(0, 10, 1)).toThrow(damaged);
});

test.each(['first = 11', "first = 'ten'", 'count = 0', 'count = -5', 'count = 0.5', "bytes = 'text'"])(
  'a row that cannot have been written like that is damage: %s',
  (change) => {
    using log = logWith([{ lane: 1, first: 10, count: 5 }]);
    const db = new Database(log.file);
    db.exec(`UPDATE log SET ${change}`);
    db.close();
    expect(() => log.read(1, 10)).toThrow(expect.objectContaining({ code: 'STORE_DAMAGED' }));
  },
);

test('offsets far beyond 32 bits stay in their lane', () => {
  const first = 2 ** 47;
  using log = logWith([
    { lane: 1, first, count: 2 },
    { lane: 2, first: 0, count: 1 },
  ]);
  expect(log.read(1, first + 1)).toEqual([first]);
});

test('knows the gaps that were noted, whole or in part, and no others', () => {
  using log = logWith([]);
  const db = new Database(log.file);
  noteGaps(db, [
    { lane: 1, from: 30, to: 42, kind: 'lost' },
    { lane: 1, from: 42, to: 50, kind: 'left-out' },
  ]);
  db.close();
  expect(log.isKnownGap(1, 30, 50)).toBe(true);
  expect(log.isKnownGap(1, 35, 40)).toBe(true);
  expect([log.isKnownGap(1, 29, 50), log.isKnownGap(1, 30, 51), log.isKnownGap(0, 30, 50)]).toEqual([
    false,
    false,
    false,
  ]);
  expect([log.leftOutIn(1, 30, 50), log.leftOutIn(1, 45, 60), log.leftOutIn(0, 30, 50)]).toEqual([8, 5, 0]);
});
