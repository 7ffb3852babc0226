// One page of a b-tree (sqlite.org/fileformat2.html 1.6): a header, pointers to cells, free space, cells.
// Every cell is looked at for itself, so that one that is damaged does not take its neighbours along; `sound`
// says whether every byte of the page is accounted for.

import { PAGE_BYTES } from './page-source.ts';
import { readVarint } from './record-format.ts';

export type PageKind = 'table-leaf' | 'table-interior' | 'index-leaf' | 'index-interior';

export interface Cell {
  at: number;
  /** Bytes it takes on the page. */
  bytes: number;
  /** 0 on a leaf. */
  leftChild: number;
  /** 0 in an index. */
  rowid: number;
  payloadBytes: number;
  localStart: number;
  localBytes: number;
  /** First overflow page, 0 when all of the payload is here. */
  overflow: number;
}

export interface BtreePage {
  kind: PageKind;
  cells: Cell[];
  /** 0 on a leaf. */
  rightChild: number;
  sound: boolean;
}

const KINDS: { [type: number]: PageKind } = {
  2: 'index-interior',
  5: 'table-interior',
  10: 'index-leaf',
  13: 'table-leaf',
};
const CELL_BYTES_MIN = 4;

/** Undefined when it is no b-tree page at all. `number`: the first page begins with the file's header. */
export function parsePage(bytes: Buffer, number: number): BtreePage | undefined {
  const start = number === 1 ? 100 : 0;
  const kind = KINDS[bytes[start]];
  if (kind === undefined) return undefined;
  const interior = kind === 'table-interior' || kind === 'index-interior';
  const pointersAt = start + (interior ? 12 : 8);
  const cellCount = bytes.readUInt16BE(start + 3);
  const pointersEnd = pointersAt + 2 * cellCount;
  if (pointersEnd > PAGE_BYTES) return { kind, cells: [], rightChild: 0, sound: false };
  const cells: Cell[] = [];
  let sound = true;
  for (let at = pointersAt; at < pointersEnd; at += 2) {
    const pointer = bytes.readUInt16BE(at);
    const cell = pointer < pointersEnd ? undefined : cellAt(bytes, pointer, kind);
    if (cell === undefined) sound = false;
    else cells.push(cell);
  }
  const rightChild = interior ? bytes.readUInt32BE(start + 8) : 0;
  sound &&= spaceIsAccountedFor(bytes, { start, pointersEnd, cells }) && rowidsAscend(cells, kind);
  return { kind, cells, rightChild, sound };
}

/** The cell that begins at `at`, if its lengths are possible. */
export function cellAt(bytes: Buffer, at: number, kind: PageKind): Cell | undefined {
  const interior = kind === 'table-interior' || kind === 'index-interior';
  let end = at + (interior ? 4 : 0);
  if (end > PAGE_BYTES - 1) return undefined;
  const leftChild = interior ? bytes.readUInt32BE(at) : 0;
  let payloadBytes = 0;
  let rowid = 0;
  if (kind !== 'table-interior') {
    const length = readVarint(bytes, end, PAGE_BYTES);
    if (length === undefined || length.value > 2 ** 31) return undefined;
    payloadBytes = length.value;
    end += length.bytes;
  }
  if (kind === 'table-interior' || kind === 'table-leaf') {
    const id = readVarint(bytes, end, PAGE_BYTES);
    if (id === undefined) return undefined;
    rowid = id.value;
    end += id.bytes;
  }
  const localStart = end;
  const localBytes = kind === 'table-interior' ? 0 : localPart(payloadBytes, kind);
  end += localBytes;
  let overflow = 0;
  if (localBytes < payloadBytes) {
    if (end + 4 > PAGE_BYTES) return undefined;
    overflow = bytes.readUInt32BE(end);
    end += 4;
  }
  if (end > PAGE_BYTES) return undefined;
  return {
    at,
    bytes: Math.max(end - at, CELL_BYTES_MIN),
    leftChild,
    rowid,
    payloadBytes,
    localStart,
    localBytes,
    overflow,
  };
}

/** How much of a payload stays on the page ("the amount of payload stored", fileformat2 1.6). */
function localPart(payloadBytes: number, kind: PageKind): number {
  const most = kind === 'table-leaf' ? PAGE_BYTES - 35 : Math.floor(((PAGE_BYTES - 12) * 64) / 255) - 23;
  if (payloadBytes <= most) return payloadBytes;
  const least = Math.floor(((PAGE_BYTES - 12) * 32) / 255) - 23;
  const fitting = least + ((payloadBytes - least) % (PAGE_BYTES - 4));
  return fitting <= most ? fitting : least;
}

interface PageSpace {
  start: number;
  pointersEnd: number;
  cells: Cell[];
}

/** Cells, free blocks and fragments fill the content area exactly. */
function spaceIsAccountedFor(bytes: Buffer, { start, pointersEnd, cells }: PageSpace): boolean {
  const contentStart = bytes.readUInt16BE(start + 5) || 65536;
  if (contentStart < pointersEnd || contentStart > PAGE_BYTES) return false;
  const used: { at: number; end: number }[] = cells.map((cell) => ({
    at: cell.at,
    end: cell.at + cell.bytes,
  }));
  for (let at = bytes.readUInt16BE(start + 1), before = 0; at !== 0; ) {
    if (at <= before || at + 4 > PAGE_BYTES) return false;
    const blockBytes = bytes.readUInt16BE(at + 2);
    if (blockBytes < 4) return false;
    used.push({ at, end: at + blockBytes });
    before = at;
    at = bytes.readUInt16BE(at);
  }
  used.sort((a, b) => a.at - b.at);
  let end = contentStart;
  let fragments = 0;
  for (const part of used) {
    if (part.at < end) return false;
    fragments += part.at - end;
    end = part.end;
  }
  return end <= PAGE_BYTES && fragments + PAGE_BYTES - end === bytes[start + 7];
}

function rowidsAscend(cells: Cell[], kind: PageKind): boolean {
  if (kind !== 'table-leaf' && kind !== 'table-interior') return true;
  return cells.every((cell, i) => i === 0 || cells[i - 1].rowid < cell.rowid);
}
