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

import { endianness } from 'node:os';
import {
  bitsDifferent,
  sameChecksum,
  type WalChecksum,
  type WrongBit,
  walChecksum,
  wrongBits,
} from './wal-checksum.ts';
import { FrameReader, type RawFrame, WAL_HEADER_BYTES } from './wal-frames.ts';

export type WalVerdict =
  /** Nothing to read, or everything up to the last commit checks. */
  | 'sound'
  /** Everything checks once `patches` are applied. */
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

interface Header {
  bigEndian: boolean;
  salt1: number;
  salt2: number;
  seed: WalChecksum;
}

interface RestFrame extends RawFrame {
  linked: boolean;
}

const MAGIC_LITTLE_ENDIAN = 0x377f0682;
const VERSION = 3007000;
export const PAGE_BYTES = 4096;

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
  if (wal.verdict === 'sound' && wal.patches.length > 0) wal.verdict = 'mendable';
  return wal;
}

/**
 * As it is, or with the one bit put right that gives it its checksum and lets the first frame continue it.
 */
function readHeader(frames: FrameReader, patches: WrongBit[]): Header | undefined {
  const stored = frames.header();
  const sum = { s1: stored.readInt32BE(24), s2: stored.readInt32BE(28) };
  for (const bigEndian of [false, true]) {
    const covered = { bytes: stored, start: 0, end: 24, bigEndian };
    const computed = walChecksum(covered, NO_SEED);
    if (sameChecksum(computed, sum)) return headerOf(stored, bigEndian);
    const sumBit = wrongSum(computed, sum, 24);
    for (const patch of [...(sumBit === undefined ? [] : [sumBit]), ...wrongBits(covered, NO_SEED, sum)]) {
      const bytes = Buffer.from(stored);
      bytes[patch.at] ^= patch.mask;
      const header = headerOf(bytes, bigEndian);
      if (header === undefined || !isContinued(header, frames)) continue;
      patches.push(patch);
      return header;
    }
  }
  return undefined;
}

function isContinued(header: Header, frames: FrameReader): boolean {
  if (frames.count === 0) return false;
  const first = frames.read(0);
  const isSalted = first.salt1 === header.salt1 && first.salt2 === header.salt2;
  return isSalted && sameChecksum(frameChecksum(first, header, header.seed), first.sum);
}

/** Undefined when it is not a log as our stores have it. */
function headerOf(bytes: Buffer, bigEndian: boolean): Header | undefined {
  const seed = { s1: bytes.readInt32BE(24), s2: bytes.readInt32BE(28) };
  const header = { bigEndian, salt1: bytes.readUInt32BE(16), salt2: bytes.readUInt32BE(20), seed };
  return isOurs(bytes, bigEndian) ? header : undefined;
}

function isOurs(bytes: Buffer, bigEndian: boolean): boolean {
  const magic = MAGIC_LITTLE_ENDIAN + (bigEndian ? 1 : 0);
  return (
    bytes.readUInt32BE(0) === magic &&
    bytes.readUInt32BE(4) === VERSION &&
    bytes.readUInt32BE(8) === PAGE_BYTES
  );
}

/** A wrong bit in the stored checksum itself. */
function wrongSum(computed: WalChecksum, stored: WalChecksum, storedAt: number): WrongBit | undefined {
  if (bitsDifferent(computed.s1, stored.s1) + bitsDifferent(computed.s2, stored.s2) !== 1) return undefined;
  const inFirst = computed.s1 !== stored.s1;
  const bit = 31 - Math.clz32(inFirst ? computed.s1 ^ stored.s1 : computed.s2 ^ stored.s2);
  return { at: storedAt + (inFirst ? 0 : 4) + 3 - (bit >> 3), mask: 1 << (bit & 7) };
}

/** The header is lost: two neighbours that agree tell the salts. */
function guessedHeader(frames: FrameReader): Header | undefined {
  for (let i = 0; i + 1 < Math.min(frames.count, 8); i++) {
    const { salt1, salt2 } = frames.read(i);
    const next = frames.read(i + 1);
    if (salt1 === next.salt1 && salt2 === next.salt2 && (salt1 !== 0 || salt2 !== 0)) {
      return { bigEndian: endianness() === 'BE', salt1, salt2, seed: { s1: 0, s2: 0 } };
    }
  }
  return undefined;
}

/**
 * Follows the checksums from the header on; returns the first frame that does not check even with one bit put
 * right.
 */
function readChain(frames: FrameReader, header: Header, wal: WalAnalysis): number {
  let pending: (PagePlace & Patch)[] = [];
  let seed = header.seed;
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

/** What makes a frame check: nothing, or a bit, relative to the frame. */
interface Patch {
  bits: WrongBit[];
  /** There were several such bits: it is a version of one of these pages, and has a wrong bit somewhere. */
  doubtful: number[];
}

interface FrameContext {
  header: Header;
  /** The checksum of everything before the frame. */
  seed: WalChecksum;
  before: RawFrame | undefined;
  next: RawFrame | undefined;
}

/** Undefined: the frame does not check, and no single bit is to blame. */
function patchOf(frame: RawFrame, context: FrameContext): Patch | undefined {
  const { header, seed, next } = context;
  const saltBits = bitsDifferent(frame.salt1, header.salt1) + bitsDifferent(frame.salt2, header.salt2);
  if (saltBits > 1) return undefined;
  const computed = frameChecksum(frame, header, seed);
  if (sameChecksum(computed, frame.sum)) {
    if (saltBits === 0) return frame.page === 0 ? undefined : { bits: [], doubtful: [] };
    const inFirst = frame.salt1 !== header.salt1;
    const bit = 31 - Math.clz32(inFirst ? frame.salt1 ^ header.salt1 : frame.salt2 ^ header.salt2);
    return { bits: [{ at: (inFirst ? 8 : 12) + 3 - (bit >> 3), mask: 1 << (bit & 7) }], doubtful: [] };
  }
  if (saltBits !== 0) return undefined;
  const nextChecks = (sum: WalChecksum): boolean =>
    next !== undefined && sameChecksum(frameChecksum(next, header, sum), next.sum);
  const sumBit = wrongSum(computed, frame.sum, 16);
  if (sumBit !== undefined && nextChecks(computed)) return { bits: [sumBit], doubtful: [] };
  const bits = wrongFrameBits(frame, header, seed);
  if (sumBit !== undefined && !nextChecks(frame.sum)) bits.unshift(sumBit);
  if (bits.length === 0) return undefined;
  return {
    bits: [bits[0]],
    doubtful: bits.length === 1 ? [] : [frame.page, ...otherPages(frame, bits, context)],
  };
}

/** Which other pages it may be a version of: SQLite writes those of a transaction in ascending order. */
function otherPages(frame: RawFrame, bits: WrongBit[], { before, next }: FrameContext): number[] {
  const least = before === undefined || before.commitPages !== 0 ? 1 : before.page + 1;
  const most = next === undefined || frame.commitPages !== 0 ? Number.POSITIVE_INFINITY : next.page - 1;
  const pages = bits
    .filter(({ at }) => at < 4)
    .map(({ at, mask }) => (frame.page ^ (mask << (8 * (3 - at)))) >>> 0);
  return pages.filter((page) => page >= least && page <= most);
}

/**
 * The checksum leaves out salts and itself (8..24): the head and the page are looked at as if they touched.
 */
function wrongFrameBits(frame: RawFrame, { bigEndian }: Header, seed: WalChecksum): WrongBit[] {
  const bytes = Buffer.concat([frame.bytes.subarray(0, 8), frame.bytes.subarray(24)]);
  const bits = [...wrongBits({ bytes, start: 0, end: bytes.length, bigEndian }, seed, frame.sum)];
  return bits.map(({ at, mask }) => ({ at: at < 8 ? at : at + 16, mask }));
}

function frameChecksum(frame: RawFrame, { bigEndian }: Header, seed: WalChecksum): WalChecksum {
  const { bytes } = frame;
  const head = walChecksum({ bytes, start: 0, end: 8, bigEndian }, seed);
  return walChecksum({ bytes, start: 24, end: bytes.length, bigEndian }, head);
}

/** The frames of this round from the break on, each with whether it continues its neighbour. */
function readRest(frames: FrameReader, header: Header, from: number): RestFrame[] {
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

const NO_SEED = { s1: 0, s2: 0 };
/** A rest frame's bytes are not kept: there may be many. */
const NO_BYTES = Buffer.alloc(0);
