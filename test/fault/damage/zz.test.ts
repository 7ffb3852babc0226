import { test } from 'vitest';
import Database from 'better-sqlite3';
import { checkpointed, inTemporaryDirectory, makeSnapshot, pagesOf, randomOf, writeStore } from './store-fixture.ts';
import { parsePage } from '../../../storage/open/sqlite-file/btree-page.ts';
test('24', () => {
  const settled = checkpointed(makeSnapshot({ seed: 34, batchesPerLane: 60, dataBytesMax: 2500 }));
    const at = 20246, bit = 0;
    const db = Buffer.from(settled.db); db[at] ^= 1 << bit;
    console.log(parsePage(settled.db.subarray(4*4096,5*4096),5)!.cells.filter(c=>c.at<=3862&&c.at+c.bytes>3862), parsePage(db.subarray(4*4096,5*4096),5)!.cells.filter(c=>c.at<=3862&&c.at+c.bytes>3862));
    inTemporaryDirectory((d) => { writeStore(d, { db, wal: settled.wal }); const x = new Database(d + '/sluice.db');
      console.log(x.prepare('select id, first, count from log where id < 2000').all(), x.prepare('select id from log').pluck().all().slice(0, 10));
      console.log(x.prepare('select id, first, count from log where id >= ? and id < ? order by id').all(0, 2**48).slice(0, 10));
      });
}, 100000);
