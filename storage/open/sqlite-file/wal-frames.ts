// Reads the frames of a write-ahead log one after the other, in chunks; knows their layout (wal-analysis.ts),
// not their meaning. A part that the disk does not give back reads as zeros, which no frame is.

import { readSync } from 'node:fs';
import type { WalChecksum } from './wal-checksum.ts';

export const WAL_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
export const FRAME_PAGE_BYTES = 4096;
const FRAME_BYTES = FRAME_HEADER_BYTES + FRAME_PAGE_BYTES;
const CHUNK_FRAMES = 32;

/** What the header says of all frames. */
export interface WalHeader {
  /** Of the words that are summed up; everything else is big endian. */
  bigEndian: boolean;
  salt1: number;
  salt2: number;
  /** The header's checksum, which the first frame's continues. */
  sum: WalChecksum;
}

export interface RawFrame {
  /** Where in the file the frame begins, and where its page does. */
  at: number;
  pageAt: number;
  page: number;
  commitPages: number;
  salt1: number;
  salt2: number;
  sum: WalChecksum;
  /** Head and page; valid until frames far away are read. */
  bytes: Buffer;
}

export class FrameReader {
  readonly count: number;
  readonly #fd: number;
  #chunk: Buffer = Buffer.alloc(0);
  #chunkStart = -1;

  constructor(fd: number, fileBytes: number) {
    this.#fd = fd;
    this.count = Math.max(0, Math.floor((fileBytes - WAL_HEADER_BYTES) / FRAME_BYTES));
  }

  header(): Buffer {
    return readOrZeros(this.#fd, 0, WAL_HEADER_BYTES);
  }

  read(index: number): RawFrame {
    const chunkStart = index - (index % CHUNK_FRAMES);
    if (chunkStart !== this.#chunkStart) {
      const frames = Math.min(CHUNK_FRAMES, this.count - chunkStart);
      this.#chunk = readOrZeros(this.#fd, WAL_HEADER_BYTES + chunkStart * FRAME_BYTES, frames * FRAME_BYTES);
      this.#chunkStart = chunkStart;
    }
    const start = (index - chunkStart) * FRAME_BYTES;
    return this.parse(
      this.#chunk.subarray(start, start + FRAME_BYTES),
      WAL_HEADER_BYTES + index * FRAME_BYTES,
    );
  }

  parse(bytes: Buffer, at: number): RawFrame {
    return {
      at,
      pageAt: at + FRAME_HEADER_BYTES,
      page: bytes.readUInt32BE(0),
      commitPages: bytes.readUInt32BE(4),
      salt1: bytes.readUInt32BE(8),
      salt2: bytes.readUInt32BE(12),
      sum: { s1: bytes.readInt32BE(16), s2: bytes.readInt32BE(20) },
      bytes,
    };
  }
}

/** The bytes of a file, zeros where it has ended or the device reports an error. */
export function readOrZeros(fd: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    try {
      const read = readSync(fd, bytes, done, length - done, at + done);
      if (read === 0) break;
      done += read;
    } catch {
      done += SECTOR_BYTES - ((at + done) % SECTOR_BYTES); // an unreadable sector: the next one may be readable
    }
  }
  return bytes;
}

const SECTOR_BYTES = 4096;
