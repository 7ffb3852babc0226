import { test } from 'vitest';
import { judge } from './judge.ts';
import { checkpointed, inTemporaryDirectory, makeSnapshot, pagesOf, randomOf, writeStore } from './store-fixture.ts';
test('24', () => {
  const settled = checkpointed(makeSnapshot({ seed: 34, batchesPerLane: 60, dataBytesMax: 2500 }));
  const random = randomOf(24 + 3000);
  const { kinds, batches } = pagesOf(settled.db);
  for (let i = 0; i < 150; i++) {
    const at = random(7 * 4096), bit = random(8);
    const db = Buffer.from(settled.db); db[at] ^= 1 << bit;
    inTemporaryDirectory((d) => { writeStore(d, { db, wal: settled.wal }); const j = judge(d, settled.truth, { db, wal: settled.wal });
      if (j.lost.length) console.log(at, bit, at % 4096, Math.floor(at / 4096) + 1, j.lost, JSON.stringify(j, null, 1), [...batches].filter(([p, ids]) => ids.includes(j.lost[0])), kinds.slice(0, 9)); });
  }
}, 100000);
test('27', () => {
  const snapshot = makeSnapshot({ seed: 27 });
  for (let k = 0; k < 40; k++) { const random = randomOf(27 + 1 * k); for (let i = 0; i < 150; i++) {
    const at = random(snapshot.wal.length), bit = random(8);
    if (((at - 32) % 4120 - 24) % 4 !== 3) continue;
    const wal = Buffer.from(snapshot.wal); wal[at] ^= 1 << bit;
    inTemporaryDirectory((d) => { writeStore(d, { db: snapshot.db, wal }); const j = judge(d, snapshot.truth, { db: snapshot.db, wal });
      if (j.lost.length > 1) { console.log(at, bit, (at - 32) % 4120, Math.floor((at - 32) / 4120), snapshot.wal.readUInt32BE(32 + 4120 * Math.floor((at - 32) / 4120)), j.lost, JSON.stringify(j.salvage)); } });
  } }
}, 100000);
