// Walks the b-trees of tables: rows in order, whatever damage there is on the way reported and stepped over.
// Every page is entered once, so that pointers that were damaged into a circle end.

import { type BtreePage, type Cell, parsePage } from './btree-page.ts';
import { PAGE_BYTES, type Pages } from './page-source.ts';
import { decodeRecord, type Value } from './record-format.ts';

export interface RawRow {
  page: number;
  /** 0 in a table WITHOUT ROWID. */
  rowid: number;
  values: Value[];
}

/** What the walk tells its caller. */
export interface Trace {
  reached: PageSet;
  damaged(page: number, what: string): void;
}

/** A set of page numbers, one bit each. */
export class PageSet {
  #bits: Uint8Array;

  constructor(pages: number) {
    this.#bits = new Uint8Array((pages >> 3) + 1);
  }

  has(page: number): boolean {
    return ((this.#bits[page >> 3] ?? 0) & (1 << (page & 7))) !== 0;
  }

  /** False when it was in already, or cannot be. */
  add(page: number): boolean {
    if (page < 1 || page >> 3 >= this.#bits.length || this.has(page)) return false;
    this.#bits[page >> 3] |= 1 << (page & 7);
    return true;
  }
}

/** SQLite's own bound on the depth of a tree. */
const DEPTH_MAX = 20;
const OVERFLOW_BYTES = PAGE_BYTES - 4;

export function* rowsOf(source: Pages, root: number, trace: Trace, depth = 0): Generator<RawRow> {
  if (depth > DEPTH_MAX || !trace.reached.add(root)) return trace.damaged(root, 'a page is used twice');
  const bytes = source.page(root);
  const page = bytes === undefined ? undefined : parsePage(bytes, root);
  if (bytes === undefined || page === undefined)
    return trace.damaged(root, 'a page of a table cannot be read');
  if (!page.sound) trace.damaged(root, 'a page of a table does not add up');
  for (const cell of page.cells) {
    if (cell.leftChild !== 0) yield* rowsOf(source, cell.leftChild, trace, depth + 1);
    if (page.kind === 'table-interior') continue;
    const row = readRow(source, { page: root, bytes, cell }, trace.reached);
    if (row === undefined) trace.damaged(root, 'a row cannot be read');
    else yield row;
  }
  if (page.rightChild !== 0) yield* rowsOf(source, page.rightChild, trace, depth + 1);
}

export interface CellPlace {
  page: number;
  bytes: Buffer;
  cell: Cell;
}

/** The row in a cell, with its overflow pages; undefined when any part of it is missing or is no record. */
export function readRow(source: Pages, place: CellPlace, reached?: PageSet): RawRow | undefined {
  const payload = payloadOf(source, place, reached);
  const values = payload === undefined ? undefined : decodeRecord(payload);
  return values === undefined ? undefined : { page: place.page, rowid: place.cell.rowid, values };
}

function payloadOf(source: Pages, { bytes, cell }: CellPlace, reached?: PageSet): Buffer | undefined {
  const local = bytes.subarray(cell.localStart, cell.localStart + cell.localBytes);
  if (cell.overflow === 0) return local.length === cell.payloadBytes ? local : undefined;
  if (cell.payloadBytes / OVERFLOW_BYTES > source.pagesMax + 1) return undefined;
  const parts = [local];
  let missing = cell.payloadBytes - cell.localBytes;
  for (let next = cell.overflow; missing > 0; ) {
    const page = source.page(next);
    if (page === undefined) return undefined;
    reached?.add(next);
    const part = page.subarray(4, 4 + Math.min(missing, OVERFLOW_BYTES));
    parts.push(part);
    missing -= part.length;
    next = page.readUInt32BE(0);
    if (missing > 0 !== (next !== 0)) return undefined;
  }
  return Buffer.concat(parts);
}

export type LastRow = { kind: 'row'; row: RawRow } | { kind: 'none' } | { kind: 'damaged'; page: number };

/** The row with the largest rowid up to `max`: the pages on the way, and no others, are read and checked. */
export function lastRowUpTo(source: Pages, root: number, max: number, depth = 0): LastRow {
  const bytes = source.page(root);
  const page = bytes === undefined ? undefined : parsePage(bytes, root);
  if (bytes === undefined || !page?.sound || depth > DEPTH_MAX) return { kind: 'damaged', page: root };
  if (page.kind === 'table-interior') return lastRowBelow(source, page, { max, depth });
  if (page.kind !== 'table-leaf') return { kind: 'damaged', page: root };
  const cell = page.cells.findLast(({ rowid }) => rowid <= max);
  if (cell === undefined) return { kind: 'none' };
  const row = readRow(source, { page: root, bytes, cell });
  return row === undefined ? { kind: 'damaged', page: root } : { kind: 'row', row };
}

/**
 * A separator may outlive its row, so the child where `max` belongs can have none, and then its left
 * neighbour has.
 */
function lastRowBelow(
  source: Pages,
  page: BtreePage,
  { max, depth }: { max: number; depth: number },
): LastRow {
  const children = [...page.cells.map((cell) => cell.leftChild), page.rightChild];
  const belongs = page.cells.findIndex((cell) => cell.rowid >= max);
  for (let i = belongs < 0 ? children.length - 1 : belongs; i >= 0; i--) {
    const last = lastRowUpTo(source, children[i], max, depth + 1);
    if (last.kind !== 'none') return last;
  }
  return { kind: 'none' };
}
