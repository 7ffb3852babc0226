// Cuts a file into records, reading it by chunks: one record is held at a time, and none may be longer than a
// bound. A record ends with its line (LF or CRLF), in CSV only outside quotes. Empty lines are no records but count
// as lines.

import { readSync } from 'node:fs';
import { MiB } from '../../config/limits.ts';

export interface FoundRecord {
  text: string;
  /** Where it begins in the file. */
  offset: number;
  /** Its first line in the file, from 1. */
  line: number;
}

export interface FileSpan {
  descriptor: number;
  fromByte: number;
  /** Infinity: to the end of the file. */
  toByte: number;
  /** A line break between double quotes ends no record. */
  isQuoted: boolean;
}

export const RECORD_BYTES_MAX = 1 * MiB;
const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const QUOTE = 0x22;

/** Throws RangeError with the line in `cause` for a record that is too long. */
export function* recordsIn({ descriptor, fromByte, toByte, isQuoted }: FileSpan): Generator<FoundRecord> {
  let held: Buffer = Buffer.alloc(0);
  let offset = fromByte;
  let line = 1;
  let readTo = fromByte;
  for (let isAtEnd = false; !isAtEnd; ) {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, toByte - readTo));
    const count = chunk.length === 0 ? 0 : readSync(descriptor, chunk, 0, chunk.length, readTo);
    isAtEnd = count === 0;
    readTo += count;
    held = held.length === 0 ? chunk.subarray(0, count) : Buffer.concat([held, chunk.subarray(0, count)]);
    let start = 0;
    while (start < held.length) {
      const found = endOf(held, { start, isQuoted });
      if (found.end < 0 && !isAtEnd) break;
      const end = found.end < 0 ? held.length : found.end;
      const bytes = held.subarray(start, end > start && held[end - 1] === RETURN ? end - 1 : end);
      if (bytes.length > RECORD_BYTES_MAX) throw tooLong(line);
      if (bytes.length > 0) yield { text: bytes.toString(), offset: offset + start, line };
      line += found.lines;
      start = end + 1;
    }
    if (held.length - start > RECORD_BYTES_MAX) throw tooLong(line);
    offset += Math.min(start, held.length);
    held = held.subarray(start);
  }
}

function endOf(bytes: Buffer, { start, isQuoted }: { start: number; isQuoted: boolean }) {
  if (!isQuoted) return { end: bytes.indexOf(NEWLINE, start), lines: 1 };
  let isInside = false;
  let lines = 1;
  for (let at = start; at < bytes.length; at++) {
    if (bytes[at] === QUOTE) isInside = !isInside;
    else if (bytes[at] !== NEWLINE) continue;
    else if (!isInside) return { end: at, lines };
    else lines++;
  }
  return { end: -1, lines };
}

function tooLong(line: number): RangeError {
  return new RangeError(`is longer than ${RECORD_BYTES_MAX / MiB} MiB`, { cause: line });
}
