// What a write-ahead log holds, read without SQLite (sqlite.org/fileformat2.html 4), because SQLite takes
// every frame that does not check for the end of the log: one wrong bit would silently undo all later
// commits.
//
//   header: magic, version, page size, sequence, salt1, salt2, checksum (2 x u32), 32 bytes, big endian
//   frame:  page number, pages after commit or 0, salt1, salt2, checksum (2 x u32), 24 bytes, then the page
//
// A frame's checksum continues its predecessor's. Frames with other salts are left from an earlier round of
// the log. With synchronous=FULL a transaction is synced before the next begins to be written; so a frame
// that does not check, with a commit behind it that another frame continues, was damaged - otherwise it may
// just not have been written yet.

import { sameChecksum, type WrongBit } from './wal-checksum.ts';
import { FrameReader, type RawFrame, WAL_HEADER_BYTES, type WalHeader } from './wal-frames.ts';
import { guessedHeader, readHeader } from './wal-header.ts';
import { frameChecksum, type Patch, patchOf } from './wal-patch.ts';

export type WalVerdict =
  /** Nothing to read, or everything up to the last commit checks. */
  | 'sound'
  /**
   * SQLite would stop at a bit that `patches` put right; what comes after shows when they have been applied.
   */
  | 'mendable'
  /** Commits that were on disk cannot be read whole. */
  | 'broken'
  /** The last transaction cannot be read whole: damaged, or never finished. */
  | 'suspect';

export interface WalAnalysis {
  verdict: WalVerdict;
  /** Where to find the newest trusted version of a page: offset of its bytes in the file. */
  newest: Map<number, number>;
  /** Pages of the database after the last trusted commit; 0: no commit. */
  pageCount: number;
  /** Pages whose newest version cannot be trusted. */
  poisoned: Set<number>;
  /** Pages whose newest version has a wrong bit, or of which a newer version than can be seen. */
  doubtful: Set<number>;
  /** All pages of this round of the log, old versions and untrusted ones too, in order of writing. */
  versions: PagePlace[];
  /** Pages of the frames that may be a last transaction (suspect), in order of writing. */
  tail: PagePlace[];
  patches: WrongBit[];
}

/** A page's number and where in the file its bytes are. */
export interface PagePlace {
  page: number;
  at: number;
}

interface RestFrame extends RawFrame {
  linked: boolean;
}

export function emptyWal(): WalAnalysis {
  return {
    verdict: 'sound',
    newest: new Map(),
    pageCount: 0,
    poisoned: new Set(),
    doubtful: new Set(),
    versions: [],
    tail: [],
    patches: [],
  };
}

/** Reads the file once; memory: a few numbers for each frame. */
export function analyseWal(fd: number, fileBytes: number): WalAnalysis {
  const wal = emptyWal();
  // A log begins with its header synced; nothing was ever behind this one.
  if (fileBytes <= WAL_HEADER_BYTES) return wal;
  const frames = new FrameReader(fd, fileBytes);
  const known = readHeader(frames, wal.patches);
  const header = known ?? guessedHeader(frames);
  if (header === undefined) return { ...wal, verdict: 'suspect' };
  const broken = known === undefined ? 0 : readChain(frames, header, wal);
  if (broken < frames.count) judgeRest(readRest(frames, header, broken), wal, known === undefined);
  if (wal.poisoned.size > 0 || wal.doubtful.size > 0) wal.verdict = 'broken';
  if (wal.verdict !== 'broken' && wal.patches.length > 0) wal.verdict = 'mendable';
  return wal;
}

/**
 * Follows the checksums from the header on; returns the first frame that does not check even with one bit put
 * right.
 */
function readChain(frames: FrameReader, header: WalHeader, wal: WalAnalysis): number {
  let pending: (PagePlace & Patch)[] = [];
  let seed = header.sum;
  let i = 0;
  for (; i < frames.count; i++) {
    const frame = frames.read(i);
    const before = i > 0 ? frames.read(i - 1) : undefined;
    const next = i + 1 < frames.count ? frames.read(i + 1) : undefined;
    const patch = patchOf(frame, { header, seed, before, next });
    if (patch === undefined) break;
    for (const bit of patch.bits) frame.bytes[bit.at] ^= bit.mask;
    const { page, commitPages, sum } = frames.parse(frame.bytes, frame.at);
    seed = sum;
    pending.push({
      page,
      at: frame.pageAt,
      ...patch,
      bits: patch.bits.map(({ at, mask }) => ({ at: frame.at + at, mask })),
    });
    wal.versions.push({ page, at: frame.pageAt });
    if (commitPages === 0) continue;
    for (const entry of pending) takeFrame(entry, wal);
    wal.pageCount = commitPages;
    pending = [];
  }
  if (pending.some(({ bits }) => bits.length > 0)) {
    wal.verdict = 'suspect'; // the wrong bit may have said that this was a commit
    wal.tail = pending;
  }
  return i;
}

function takeFrame({ page, at, bits, doubtful }: PagePlace & Patch, wal: WalAnalysis): void {
  wal.patches.push(...bits);
  wal.newest.set(page, at);
  wal.doubtful.delete(page);
  for (const other of doubtful) wal.doubtful.add(other);
}

/** The frames of this round from the break on, each with whether it continues its neighbour. */
function readRest(frames: FrameReader, header: WalHeader, from: number): RestFrame[] {
  const rest: RestFrame[] = [];
  let before: RawFrame | undefined = from === 0 ? undefined : frames.read(from - 1);
  for (let i = from; i < frames.count; i++) {
    const frame = frames.read(i);
    const current = frame.page > 0 && (frame.salt1 === header.salt1 || frame.salt2 === header.salt2);
    const linked =
      current && before !== undefined && sameChecksum(frameChecksum(frame, header, before.sum), frame.sum);
    if (current) rest.push({ ...frame, bytes: NO_BYTES, linked });
    before = current ? frame : undefined;
  }
  return rest;
}

function judgeRest(rest: RestFrame[], wal: WalAnalysis, headerLost: boolean): void {
  const lastCommit = rest.findLastIndex((frame) => frame.commitPages !== 0);
  if (lastCommit < 0) {
    if (headerLost) wal.verdict = 'suspect';
    return; // a transaction that was never finished
  }
  const proven = rest.findLastIndex((frame, i) => frame.commitPages !== 0 && rest[i + 1]?.linked === true);
  for (const frame of rest) wal.versions.push(placeOf(frame));
  if (proven < 0) {
    wal.verdict = 'suspect';
    wal.tail = rest.slice(0, lastCommit + 1).map(placeOf);
    return;
  }
  wal.verdict = 'broken';
  let end = proven;
  for (let i = proven + 1; i < rest.length && rest[i].linked; i++) if (rest[i].commitPages !== 0) end = i;
  for (const frame of rest.slice(0, end + 1)) {
    if (frame.linked) {
      wal.newest.set(frame.page, frame.pageAt);
      wal.poisoned.delete(frame.page);
      wal.pageCount = frame.commitPages || wal.pageCount;
    } else {
      wal.poisoned.add(frame.page);
    }
  }
  wal.tail = rest.slice(end + 1, lastCommit + 1).map(placeOf);
}

function placeOf(frame: RawFrame): PagePlace {
  return { page: frame.page, at: frame.pageAt };
}

/** A rest frame's bytes are not kept: there may be many. */
const NO_BYTES = Buffer.alloc(0);
