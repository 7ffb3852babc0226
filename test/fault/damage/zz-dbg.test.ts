import { test } from 'vitest';
import { writeFileSync, openSync } from 'node:fs';
import { makeSnapshot, randomOf, inTemporaryDirectory, writeStore } from '/work/main/test/fault/damage/store-fixture.ts';
import { judge } from '/work/main/test/fault/damage/judge.ts';
import { analyseWal } from '/work/main/storage/open/sqlite-file/wal-analysis.ts';
test('x', () => {
  const { db, wal, truth } = makeSnapshot({ seed: 1 });
  const random = randomOf(1);
  for (let i = 0; i < 60; i++) {
    const at = random(wal.length), bit = random(8);
    const w = Buffer.from(wal); w[at] ^= 1 << bit;
    writeFileSync('/tmp/so/w', w);
    const a = analyseWal(openSync('/tmp/so/w', 'r'), w.length);
    if (a.verdict === 'mendable' && (a.patches[0].at !== at || a.patches[0].mask !== 1 << bit)) {
      const f = Math.floor((at - 32) / 4120), g = Math.floor((a.patches[0].at - 32) / 4120);
      console.log(i, at, bit, a.patches, f, (at - 32) % 4120, g, (a.patches[0].at - 32) % 4120, wal.readUInt32BE(32 + f * 4120), [...a.poisoned]);
      for (let k=0;k<(wal.length-32)/4120;k++) if (wal.readUInt32BE(32+k*4120)===wal.readUInt32BE(32 + f * 4120)) console.log('frame', k);
    }
  }
});
