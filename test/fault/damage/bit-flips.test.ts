import { describe, expect, test } from 'vitest';
import { type Judgement, judge } from './judge.ts';
import {
  checkpointed,
  inTemporaryDirectory,
  makeSnapshot,
  pagesOf,
  randomOf,
  type Snapshot,
  writeStore,
} from './store-fixture.ts';

const SEEDS = [1, 2];
const FLIPS = 50;

interface Flip {
  file: 'db' | 'wal';
  at: number;
  bit: number;
}

function judgeFlipped(snapshot: Snapshot, { file, at, bit }: Flip): Judgement {
  const files = { db: snapshot.db, wal: snapshot.wal };
  files[file] = Buffer.from(files[file]);
  files[file][at] ^= 1 << bit;
  return inTemporaryDirectory((directory) => {
    writeStore(directory, files);
    try {
      return judge(directory, snapshot.truth, files);
    } catch (error) {
      throw new Error(`bit ${bit} of byte ${at} of ${file}`, { cause: error });
    }
  });
}

/** How often damage was met: a test that damages nothing that matters would show nothing. */
function metCount(judgements: Judgement[]): number {
  return judgements.filter(({ report, metLater }) => report.outcome !== 'opened' || metLater !== '').length;
}

describe.each(SEEDS)('one flipped bit, seed %i', (seed) => {
  const snapshot = makeSnapshot({ seed });
  const settled = checkpointed(makeSnapshot({ seed: seed + 10, batchesPerLane: 60, dataBytesMax: 2500 }));
  const { kinds, batches } = pagesOf(settled.db);

  test('no flip: the store of a killed gateway opens with nothing lost, repaired or put aside', () => {
    const { report, lost, sessionsLost, metLater } = inTemporaryDirectory((directory) => {
      writeStore(directory, snapshot);
      return judge(directory, snapshot.truth, snapshot);
    });
    expect(report).toEqual({ outcome: 'opened', lastStopWasClean: false, repairs: [], salvage: null });
    expect({ lost, sessionsLost, metLater }).toEqual({ lost: [], sessionsLost: 0, metLater: '' });
  });

  test('in the write-ahead log: it is met at the start, most are put right, else one page is lost', () => {
    const random = randomOf(seed);
    const judgements = Array.from({ length: FLIPS }, () =>
      judgeFlipped(snapshot, { file: 'wal', at: random(snapshot.wal.length), bit: random(8) }),
    );
    const repaired = judgements.filter(({ report }) => report.outcome === 'repaired');
    for (const { lost, sessionsLost, metLater } of repaired) {
      expect({ lost, sessionsLost, metLater }).toEqual({ lost: [], sessionsLost: 0, metLater: '' });
    }
    expect(repaired.length).toBeGreaterThan(FLIPS / 2);
    for (const { report, lost, metLater } of judgements) {
      expect(['repaired', 'salvaged']).toContain(report.outcome);
      expect(metLater).toBe('');
      expect(lost.length).toBeLessThanOrEqual(1);
    }
    expect(judgements.flatMap(({ resurrected }) => resurrected)).toEqual([]);
  });

  test('anywhere in the database: only batches with a part on the page of the flip are lost', () => {
    const random = randomOf(seed + 1000);
    const judgements = Array.from({ length: FLIPS }, () => {
      const at = random(settled.db.length);
      const judgement = judgeFlipped(settled, { file: 'db', at, bit: random(8) });
      const onPage = batches.get(1 + Math.floor(at / 4096)) ?? [];
      expect(judgement.lost.filter((id) => !onPage.includes(id))).toEqual([]);
      expect(judgement.resurrected).toEqual([]);
      return judgement;
    });
    expect(metCount(judgements)).toBeGreaterThan(FLIPS / 3);
  });

  test('in the heads and pointers of tree pages: at most one batch is lost', () => {
    const random = randomOf(seed + 2000);
    const trees = kinds.flatMap((kind, page) => (kind === 'overflow' || kind === 'none' ? [] : [page]));
    const judgements = Array.from({ length: FLIPS }, () => {
      const page = trees[random(trees.length)];
      const at = (page - 1) * 4096 + (page === 1 ? random(140) : random(40));
      const judgement = judgeFlipped(settled, { file: 'db', at, bit: random(8) });
      const onPage = batches.get(page) ?? [];
      expect(judgement.lost.filter((id) => !onPage.includes(id))).toEqual([]);
      expect(judgement.lost.length).toBeLessThanOrEqual(1);
      expect(judgement.resurrected).toEqual([]);
      return judgement;
    });
    expect(metCount(judgements)).toBeGreaterThan(FLIPS / 20);
  });

  test('in the pages that all else hangs on (schema, roots, lanes, cursors, meta): no batch is lost', () => {
    const random = randomOf(seed + 3000);
    const judgements = Array.from({ length: FLIPS }, () => {
      const at = random(7 * 4096);
      const judgement = judgeFlipped(settled, { file: 'db', at, bit: random(8) });
      expect(judgement.lost).toEqual([]);
      return judgement;
    });
    expect(metCount(judgements)).toBeGreaterThan(FLIPS / 20);
  });
});
