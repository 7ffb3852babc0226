// The header of a write-ahead log (layout: wal-analysis.ts): as it is, with one wrong bit put right, or -
// when it is lost altogether - what can be told of it from the frames.

import { endianness } from 'node:os';
import { sameChecksum, type WrongBit, walChecksum, wrongBits } from './wal-checksum.ts';
import { FRAME_PAGE_BYTES, type FrameReader, type WalHeader } from './wal-frames.ts';
import { frameChecksum, wrongSumBit } from './wal-patch.ts';

const MAGIC_LITTLE_ENDIAN = 0x377f0682;
const VERSION = 3007000;
const NO_SEED = { s1: 0, s2: 0 };

/**
 * As it is, or with the one bit put right that gives it its checksum and lets the first frame continue it.
 */
export function readHeader(frames: FrameReader, patches: WrongBit[]): WalHeader | undefined {
  const stored = frames.header();
  const sum = { s1: stored.readInt32BE(24), s2: stored.readInt32BE(28) };
  for (const bigEndian of [false, true]) {
    const covered = { bytes: stored, start: 0, end: 24, bigEndian };
    const computed = walChecksum(covered, NO_SEED);
    if (sameChecksum(computed, sum)) return headerOf(stored, bigEndian);
    const sumBit = wrongSumBit(computed, sum, 24);
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

function isContinued(header: WalHeader, frames: FrameReader): boolean {
  if (frames.count === 0) return false;
  const first = frames.read(0);
  const isSalted = first.salt1 === header.salt1 && first.salt2 === header.salt2;
  return isSalted && sameChecksum(frameChecksum(first, header, header.sum), first.sum);
}

/** Undefined when it is not a log as our stores have it. */
function headerOf(bytes: Buffer, bigEndian: boolean): WalHeader | undefined {
  const sum = { s1: bytes.readInt32BE(24), s2: bytes.readInt32BE(28) };
  const header = { bigEndian, salt1: bytes.readUInt32BE(16), salt2: bytes.readUInt32BE(20), sum };
  return isOurs(bytes, bigEndian) ? header : undefined;
}

function isOurs(bytes: Buffer, bigEndian: boolean): boolean {
  const magic = MAGIC_LITTLE_ENDIAN + (bigEndian ? 1 : 0);
  return (
    bytes.readUInt32BE(0) === magic &&
    bytes.readUInt32BE(4) === VERSION &&
    bytes.readUInt32BE(8) === FRAME_PAGE_BYTES
  );
}

/** The header is lost: two neighbours that agree tell the salts. */
export function guessedHeader(frames: FrameReader): WalHeader | undefined {
  for (let i = 0; i + 1 < Math.min(frames.count, 8); i++) {
    const { salt1, salt2 } = frames.read(i);
    const next = frames.read(i + 1);
    if (salt1 === next.salt1 && salt2 === next.salt2 && (salt1 !== 0 || salt2 !== 0)) {
      return { bigEndian: endianness() === 'BE', salt1, salt2, sum: NO_SEED };
    }
  }
  return undefined;
}
