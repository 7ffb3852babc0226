import { describe, expect, test } from 'vitest';
import { parsePage } from '../../../../storage/open/sqlite-file/btree-page.ts';
import { checkpointed, makeSnapshot, randomOf } from '../../../fault/damage/store-fixture.ts';

const { db } = checkpointed(makeSnapshot({ seed: 4, batchesPerLane: 60, dataBytesMax: 1500 }));
const pages = Array.from({ length: db.length / 4096 }, (_, i) => i + 1).flatMap((number) => {
  const bytes = db.subarray((number - 1) * 4096, number * 4096);
  const page = parsePage(bytes, number);
  return page === undefined ? [] : [{ number, bytes, page }];
});

describe('a page of a tree', () => {
  test('of a whole store is sound, of whatever kind', () => {
    const kinds = new Set(pages.map(({ page }) => page.kind));
    expect(kinds).toEqual(new Set(['table-leaf', 'table-interior', 'index-leaf', 'index-interior']));
    expect(pages.filter(({ page }) => !page.sound)).toEqual([]);
  });

  test('is not sound any more, or no page, after one bit of its head or its pointers turned over', () => {
    const random = randomOf(1);
    let flips = 0;
    for (const { number, bytes, page } of pages) {
      const start = number === 1 ? 100 : 0;
      const headBytes = page.kind.endsWith('interior') ? 12 : 8;
      for (let i = 0; i < 12; i++) {
        const inHead = random(headBytes + 2 * page.cells.length);
        // The right child is a page number, and any number looks as good as another.
        if (headBytes === 12 && inHead >= 8 && inHead < 12) continue;
        const copy = Buffer.from(bytes);
        copy[start + inHead] ^= 1 << random(8);
        const turned = parsePage(copy, number);
        // An empty page of one kind is an empty page of another.
        const isSound = turned?.sound === true && turned.kind === page.kind;
        expect({ number, inHead, isSound }).toEqual({ number, inHead, isSound: false });
        flips++;
      }
    }
    expect(flips).toBeGreaterThan(500);
  });
});
