import { describe, expect, test } from 'vitest';
import { judge, type Judgement } from './judge.ts';
import { inTemporaryDirectory, makeSnapshot, randomOf, type Snapshot, writeStore } from './store-fixture.ts';

const SEEDS = [1, 2, 3];
const FLIPS_PER_FILE = 60;

function flipped(bytes: Buffer, at: number, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] ^= 1 << bit;
  return copy;
}

function judgeDamaged(snapshot: Snapshot, files: { db: Buffer | null; wal: Buffer | null }): Judgement {
  return inTemporaryDirectory((directory) => {
    writeStore(directory, files);
    return judge(directory, snapshot.truth, files);
  });
}

describe.each(SEEDS)('one flipped bit, seed %i', (seed) => {
  const snapshot = makeSnapshot({ seed });
  const { db, wal } = snapshot;
  test('an undamaged store that was not closed opens with nothing lost and nothing put aside', () => {
    const { reports, lost, sessionsLost } = judgeDamaged(snapshot, { db, wal });
    expect({ reports, lost, sessionsLost }).toEqual({
      reports: [{ outcome: 'opened', lastStopWasClean: false, repairs: [], salvage: null }],
      lost: [],
      sessionsLost: 0,
    });
  });

  test('in the write-ahead log: nothing is lost', () => {
    const outcomes: Record<string, number> = {};
    const random = randomOf(seed);
    for (let i = 0; i < FLIPS_PER_FILE; i++) {
      const at = random(wal.length);
      const bit = random(8);
      try {
      const { lost, undecodable, sessionsLost, reports } = judgeDamaged(snapshot, { db, wal: flipped(wal, at, bit) });
      const k = reports.map((r) => r.outcome + ':' + (r.salvage?.reason ?? '') + r.repairs.map((x) => x.kind)).join() + ` lost ${lost.length} und ${undecodable.length} sess ${sessionsLost}`;
      outcomes[k] = (outcomes[k] ?? 0) + 1;
      } catch (e) { console.log('CASE', seed, at, bit); throw e; }
    }
    console.log(outcomes);
  });

  test('in the database: something', () => {
    const random = randomOf(seed + 100);
    const outcomes: Record<string, number> = {};
    for (let i = 0; i < FLIPS_PER_FILE; i++) {
      const at = random(db.length);
      const bit = random(8);
      try {
      const { lost, undecodable, sessionsLost, reports } = judgeDamaged(snapshot, { db: flipped(db, at, bit), wal });
      const k = reports.map((r) => r.outcome + ':' + (r.salvage?.reason ?? '') + r.repairs.map((x) => x.kind)).join() + ` lost ${lost.length} und ${undecodable.length} sess ${sessionsLost}`;
      outcomes[k] = (outcomes[k] ?? 0) + 1;
      } catch (e) { console.log('CASE', seed, at, bit); throw e; }
    }
    console.log(outcomes);
  });
});
