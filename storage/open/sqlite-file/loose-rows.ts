// Rows on a page that no tree leads to, or whose own pointers are damaged: whatever at any place of the page
// has the shape of a row. What is found may have been deleted long ago, so the caller must be able to tell by
// the row itself.

import { cellAt, parsePage } from './btree-page.ts';
import { PAGE_BYTES, type Pages } from './page-source.ts';
import { recordTypes } from './record-format.ts';
import { type RawRow, readRow } from './tree-rows.ts';

export interface LoosePage {
  page: number;
  bytes: Buffer;
}

/** `fits`: whether serial types (fileformat2 2.1) are those of a row of the table. */
export function* looseRows(
  { page, bytes }: LoosePage,
  pages: Pages,
  fits: (types: number[]) => boolean,
): Generator<RawRow> {
  const parsed = parsePage(bytes, page);
  const pointed = new Set<number>();
  if (parsed?.kind === 'table-leaf') {
    for (const cell of parsed.cells) {
      pointed.add(cell.at);
      const row = readRow(pages, { page, bytes, cell });
      if (row !== undefined) yield row;
    }
    if (parsed.sound) return;
  }
  for (let at = 0; at < PAGE_BYTES; at++) {
    const cell = pointed.has(at) ? undefined : cellAt(bytes, at, 'table-leaf');
    if (cell === undefined) continue;
    const head = recordTypes(bytes.subarray(cell.localStart, cell.localStart + cell.localBytes));
    if (head === undefined || head.bodyStart + head.bodyBytes !== cell.payloadBytes || !fits(head.types))
      continue;
    const row = readRow(pages, { page, bytes, cell });
    if (row !== undefined) yield row;
  }
}
