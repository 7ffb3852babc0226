// Whether a frame of a write-ahead log checks, and if not, which single wrong bit is to blame. A high bit of
// a word leaves the checksum undecided (wal-checksum.ts); then the next frame, and the order of pages, may
// still decide.

import {
  bitsDifferent,
  sameChecksum,
  type WalChecksum,
  type WrongBit,
  walChecksum,
  wrongBits,
} from './wal-checksum.ts';
import type { RawFrame, WalHeader } from './wal-frames.ts';

/** What makes a frame check: nothing, or a bit, relative to the frame. */
export interface Patch {
  bits: WrongBit[];
  /** There were several such bits: it is a version of one of these pages, and has a wrong bit somewhere. */
  doubtful: number[];
}

interface FrameContext {
  header: WalHeader;
  /** The checksum of everything before the frame. */
  seed: WalChecksum;
  before: RawFrame | undefined;
  next: RawFrame | undefined;
}

/** Undefined: the frame does not check, and no single bit is to blame. */
export function patchOf(frame: RawFrame, context: FrameContext): Patch | undefined {
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
  const sumBit = wrongSumBit(computed, frame.sum, 16);
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
function wrongFrameBits(frame: RawFrame, { bigEndian }: WalHeader, seed: WalChecksum): WrongBit[] {
  const bytes = Buffer.concat([frame.bytes.subarray(0, 8), frame.bytes.subarray(24)]);
  const bits = [...wrongBits({ bytes, start: 0, end: bytes.length, bigEndian }, seed, frame.sum)];
  return bits.map(({ at, mask }) => ({ at: at < 8 ? at : at + 16, mask }));
}

export function frameChecksum(frame: RawFrame, { bigEndian }: WalHeader, seed: WalChecksum): WalChecksum {
  const { bytes } = frame;
  const head = walChecksum({ bytes, start: 0, end: 8, bigEndian }, seed);
  return walChecksum({ bytes, start: 24, end: bytes.length, bigEndian }, head);
}

/** A wrong bit in the stored checksum itself. */
export function wrongSumBit(
  computed: WalChecksum,
  stored: WalChecksum,
  storedAt: number,
): WrongBit | undefined {
  if (bitsDifferent(computed.s1, stored.s1) + bitsDifferent(computed.s2, stored.s2) !== 1) return undefined;
  const inFirst = computed.s1 !== stored.s1;
  const bit = 31 - Math.clz32(inFirst ? computed.s1 ^ stored.s1 : computed.s2 ^ stored.s2);
  return { at: storedAt + (inFirst ? 0 : 4) + 3 - (bit >> 3), mask: 1 << (bit & 7) };
}
