import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parsePage } from '../../../storage/open/sqlite-file/btree-page.ts';
import { type Judgement, judge, type Originals } from './judge.ts';
import {
  checkpointed,
  inTemporaryDirectory,
  makeSnapshot,
  pagesOf,
  randomOf,
  type Snapshot,
  type Truth,
  writeStore,
} from './store-fixture.ts';

const PAGE = 4096;
const FRAME = 4120;

const snapshot = makeSnapshot({ seed: 5 });
const settled = checkpointed(makeSnapshot({ seed: 6, batchesPerLane: 40, dataBytesMax: 4000 }));
const { batches } = pagesOf(settled.db);
const pageCount = settled.db.length / PAGE;

function judgeFiles(truth: Truth, files: Originals, extra?: (directory: string) => void): Judgement {
  return inTemporaryDirectory((directory) => {
    writeStore(directory, files);
    extra?.(directory);
    return judge(directory, truth, files);
  });
}

/** Batches that have a part on any of the pages. */
function batchesOn(pages: number[]): number[] {
  return pages.flatMap((page) => batches.get(page) ?? []);
}

/** Where in the log a batch lies that is nowhere else, on the newest version of a page of several. */
function placeOfBatch({ db, wal }: Snapshot, end: number): number {
  const found: number[] = [];
  const newer = new Set<number>();
  for (let at = wal.length - FRAME; at >= 32; at -= FRAME) {
    const page = wal.readUInt32BE(at);
    const parsed = parsePage(wal.subarray(at + 24, at + FRAME), page);
    const isOfLog = wal.subarray(at + 24, at + FRAME).includes('topic/of/it');
    const last = parsed?.kind === 'table-leaf' && parsed.cells.length > 2 ? parsed.cells.at(-1) : undefined;
    if (at < end && !newer.has(page) && isOfLog && last !== undefined) {
      const start = at + 24 + last.localStart;
      const bytes = wal.subarray(start, start + last.localBytes);
      const isOnce = wal.indexOf(bytes) === start && wal.lastIndexOf(bytes) === start && !db.includes(bytes);
      if (isOnce) found.push(start + 30);
    }
    newer.add(page);
  }
  expect(found.length).toBeGreaterThan(0);
  return found[0];
}

function zeroed(bytes: Buffer, from: number, to: number): Buffer {
  return Buffer.concat([bytes.subarray(0, from), Buffer.alloc(to - from), bytes.subarray(to)]);
}

describe('a write-ahead log that was torn off', () => {
  test('at 60 lengths: every commit that is there whole is kept, and the others left no trace', () => {
    const random = randomOf(1);
    for (let i = 0; i < 60; i++) {
      const length = random(snapshot.wal.length + 1);
      const truth = snapshot.commits.findLast(({ walBytes }) => walBytes <= length)?.truth as Truth;
      const { report, lost, metLater, sessionsLost } = judgeFiles(
        { ...truth, ever: snapshot.truth.ever },
        { db: snapshot.db, wal: snapshot.wal.subarray(0, length) },
      );
      expect({ length, lost, metLater, sessionsLost }).toEqual({
        length,
        lost: [],
        metLater: '',
        sessionsLost: 0,
      });
      expect(report.outcome).toBe('opened');
    }
  });

  test('a transaction that was never finished is neither lost nor put aside', () => {
    const lastCommit = snapshot.commits.at(-2) as { walBytes: number; truth: Truth };
    const unfinished = snapshot.wal.subarray(0, lastCommit.walBytes + 2 * FRAME + 100);
    const { report, lost } = judgeFiles(lastCommit.truth, { db: snapshot.db, wal: unfinished });
    expect(lost).toEqual([]);
    expect(report.repairs).toEqual([]);
  });
});

describe('a write-ahead log with a hole', () => {
  test('wherever it is before the last commit: what lies behind it is kept', () => {
    const lastFrame = snapshot.wal.length - FRAME;
    for (let from = 32; from + PAGE < lastFrame; from += 5 * PAGE) {
      const { report, lost, metLater } = judgeFiles(snapshot.truth, {
        db: snapshot.db,
        wal: zeroed(snapshot.wal, from, from + PAGE),
      });
      expect({ from, metLater }).toEqual({ from, metLater: '' });
      expect(['salvaged', 'repaired']).toContain(report.outcome);
      // Two frames are hit: a page of batches each, and overflow pages of at most one batch each.
      expect(lost.length).toBeLessThanOrEqual(4);
    }
  });

  test('in the last transaction: its other batches are found, and no name is given again', () => {
    const store = makeSnapshot({ seed: 61, walLanes: 3 });
    const { walBytes, truth } = store.commits.at(-2) as { walBytes: number; truth: Truth };
    const added = store.truth.kept.size - truth.kept.size;
    expect(added).toBe(3);
    const wal = zeroed(store.wal, walBytes + 24 + 100, walBytes + FRAME);
    const { report, lost } = judgeFiles(store.truth, { db: store.db, wal });
    expect(report.repairs).toMatchObject([{ kind: 'wal-tail', batches: added - lost.length }]);
    expect(lost.length).toBeLessThanOrEqual(1);
  });

  test('in the last transaction, and a wrong bit before it: both are seen to', () => {
    const { walBytes } = snapshot.commits.at(-2) as { walBytes: number };
    const wal = zeroed(snapshot.wal, walBytes + 24 + 100, walBytes + FRAME);
    wal[32 + FRAME + 16] ^= 4;
    const { report, lost } = judgeFiles(snapshot.truth, { db: snapshot.db, wal });
    expect(report.repairs.map(({ kind }) => kind)).toEqual(['wal-bits', 'wal-tail']);
    expect(lost.length).toBeLessThanOrEqual(1);
  });

  test('in a page of many batches: only the one that was hit is lost, though the page is nowhere else', () => {
    const many = makeSnapshot({ seed: 60, batchesPerLane: 7, walCommits: 30, dataBytesMax: 300 });
    const cellAt = placeOfBatch(many, (many.commits.at(-2) as { walBytes: number }).walBytes);
    for (const mask of [1, 2]) many.wal[cellAt + 20 * mask] ^= mask;
    const { report, lost } = judgeFiles(many.truth, many);
    expect(report.outcome).toBe('salvaged');
    expect(lost.length).toBe(1);
    expect(report.salvage?.strayBatches).toBeGreaterThan(0);
  });

  test('its header gone: nothing is lost', () => {
    const wal = zeroed(snapshot.wal, 0, 32);
    const { report, lost } = judgeFiles(snapshot.truth, { db: snapshot.db, wal });
    expect(report.salvage?.reason).toBe('wal');
    expect(lost.length).toBeLessThanOrEqual(1); // the first frame's checksum continued the header's
  });

  test('nothing but zeros: what the database has is kept, and no name is given again', () => {
    const { truth } = snapshot.commits[0];
    const wal = Buffer.alloc(snapshot.wal.length);
    const { report, lost } = judgeFiles(
      { ...truth, nextOffset: snapshot.truth.nextOffset },
      { db: snapshot.db, wal },
    );
    expect(report.repairs).toMatchObject([{ kind: 'wal-tail', batches: 0 }]);
    expect(lost).toEqual([]);
  });
});

describe('a database that was torn off', () => {
  test('at 40 lengths: every batch whose pages are there is kept', () => {
    const random = randomOf(2);
    for (let i = 0; i < 40; i++) {
      const length = 1 + random(settled.db.length - 1);
      const { report, lost } = judgeFiles(settled.truth, { db: settled.db.subarray(0, length), wal: null });
      const firstGone = Math.floor(length / PAGE) + 1;
      const gone = batchesOn(Array.from({ length: pageCount - firstGone + 1 }, (_, k) => firstGone + k));
      expect(['size', 'header']).toContain(report.salvage?.reason);
      expect({ length, lost: lost.filter((id) => !gone.includes(id)) }).toEqual({ length, lost: [] });
    }
  });

  test.each([0, 1, 100, PAGE])(
    'to %i bytes: it starts, with lanes beyond every name that was given',
    (length) => {
      const { report, lost } = judgeFiles(settled.truth, { db: settled.db.subarray(0, length), wal: null });
      expect(report.outcome).toBe('salvaged');
      expect(lost.length).toBe(settled.truth.kept.size);
    },
  );
});

describe('a database with a page of zeros', () => {
  test('whichever it is: only batches on it are lost', () => {
    for (let page = 1; page <= pageCount; page += page < 20 ? 1 : 5) {
      const db = zeroed(settled.db, (page - 1) * PAGE, page * PAGE);
      const { lost, metLater, report } = judgeFiles(settled.truth, { db, wal: null });
      const onPage = batchesOn([page]);
      expect({ page, lost: lost.filter((id) => !onPage.includes(id)) }).toEqual({ page, lost: [] });
      if (lost.length > 0) expect(report.outcome !== 'opened' || metLater !== '').toBe(true);
    }
  });
});

describe('files that are no store', () => {
  test.each([
    ['zeros', Buffer.alloc(20 * PAGE)],
    ['garbage', Buffer.from(Array.from({ length: 3 * PAGE }, (_, i) => (i * 7919) & 0xff))],
    ['text', Buffer.from('this is not a database')],
  ])('%s: put aside, and an empty store is there', (_, db) => {
    const truth = { ...settled.truth, kept: new Set<number>(), sessions: new Map<string, string>() };
    const { report } = judgeFiles(truth, { db, wal: null });
    expect(report).toMatchObject({ outcome: 'salvaged', salvage: { batches: 0, records: 0 } });
  });

  test('a directory in the place of the database is put aside with what is in it', () => {
    inTemporaryDirectory((directory) => {
      mkdirSync(join(directory, 'sluice.db'));
      writeFileSync(join(directory, 'sluice.db', 'file'), 'content');
      const { report } = judge(
        directory,
        { ...settled.truth, kept: new Set(), sessions: new Map() },
        { db: Buffer.from('content'), wal: null },
      );
      expect(report.salvage?.reason).toBe('not-a-file');
    });
  });
});

describe('files that do not belong together', () => {
  test("another store's write-ahead log is put aside unread", () => {
    const other = makeSnapshot({ seed: 50, batchesPerLane: 30, gateway: 'other' });
    const { truth } = snapshot.commits[0];
    const files = { db: snapshot.db, wal: other.wal };
    const { report, lost } = judgeFiles({ ...truth, nextOffset: snapshot.truth.nextOffset }, files);
    expect(report.salvage?.reason).toBe('foreign-wal');
    expect(lost).toEqual([]);
  });

  test('a write-ahead log whose database was deleted gives what it has', () => {
    const { report, lost } = judgeFiles(snapshot.truth, { db: null, wal: snapshot.wal });
    expect(report.salvage?.reason).toBe('missing');
    expect(lost.length).toBeLessThan(snapshot.truth.kept.size);
  });

  test.each([
    ['missing', undefined],
    ['garbage', Buffer.alloc(32768, 0x5a)],
  ])('a shared-memory index that is %s changes nothing', (_, shm) => {
    const { report, lost } = judgeFiles(snapshot.truth, snapshot, (directory) => {
      if (shm !== undefined) writeFileSync(join(directory, 'sluice.db-shm'), shm);
    });
    expect(report).toMatchObject({ outcome: 'opened', repairs: [], salvage: null });
    expect(lost).toEqual([]);
  });
});

test('60 stores with several kinds of damage at once all open, and nothing in them is wrong', () => {
  const lastCommit = (snapshot.commits.at(-2) as { walBytes: number }).walBytes;
  for (let seed = 0; seed < 60; seed++) {
    const random = randomOf(seed + 700);
    const files = { db: Buffer.from(snapshot.db), wal: Buffer.from(snapshot.wal) };
    for (let i = random(5); i >= 0; i--) {
      const file = random(2) === 0 ? files.db : files.wal;
      const end = file === files.db ? file.length : lastCommit;
      const from = random(end);
      const to = Math.min(end, from + 1 + random(random(2) === 0 ? 64 : 3 * PAGE));
      for (let at = from; at < to; at++) file[at] = seed % 2 === 0 ? 0 : random(256);
    }
    inTemporaryDirectory((directory) => {
      writeStore(directory, files);
      try {
        judge(directory, snapshot.truth, files);
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    });
  }
});
