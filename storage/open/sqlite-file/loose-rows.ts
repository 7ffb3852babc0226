// Rows on a page that no tree leads to, or whose own pointers are damaged: whatever at any place of the page
// has the shape of a row. What is found may have been deleted long ago, so the caller must be able to tell by
// the row itself.

import { type Cell, cellAt, parsePage } from './btree-page.ts';
import type { Pages } from './page-source.ts';
import { recordTypes } from './record-format.ts';
import { type RawRow, readRow } from './tree-rows.ts';

export interface LoosePage {
  page: number;
  bytes: Buffer;
}

/** How the rows that are looked for can be told. */
export interface RowShape {
  /** Whether serial types (fileformat2 2.1) are those of a row of the table. */
  fits(types: number[]): boolean;
  /** What every row has within its first MARK_WITHIN_BYTES: elsewhere nobody needs to look. */
  mark: Buffer;
}

/** The lengths, a record header of a few columns, and their integers. */
const MARK_WITHIN_BYTES = 128;

export function* looseRows({ page, bytes }: LoosePage, pages: Pages, shape: RowShape): Generator<RawRow> {
  const parsed = parsePage(bytes, page);
  const looked = new Set<number>();
  if (parsed?.kind === 'table-leaf') {
    for (const cell of parsed.cells) {
      looked.add(cell.at);
      const row = readRow(pages, { page, bytes, cell });
      if (row !== undefined) yield row;
    }
    if (parsed.sound) return;
  }
  for (let mark = bytes.indexOf(shape.mark); mark >= 0; mark = bytes.indexOf(shape.mark, mark + 1)) {
    for (let at = Math.max(0, mark - MARK_WITHIN_BYTES); at < mark; at++) {
      if (looked.has(at)) continue;
      looked.add(at);
      const cell = cellAt(bytes, at, 'table-leaf');
      const row =
        cell === undefined || !hasShape(bytes, cell, shape)
          ? undefined
          : readRow(pages, { page, bytes, cell });
      if (row !== undefined) yield row;
    }
  }
}

function hasShape(bytes: Buffer, cell: Cell, { fits }: RowShape): boolean {
  const head = recordTypes(bytes.subarray(cell.localStart, cell.localStart + cell.localBytes));
  return head !== undefined && head.bodyStart + head.bodyBytes === cell.payloadBytes && fits(head.types);
}
