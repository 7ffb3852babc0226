// Step 4: decides which records make the next upstream batch, from the stored batches that were read ahead.
// Small ones are merged, large ones split; a stored batch that is about right as it is goes out byte for
// byte, without being decoded (it may then carry the storage's own column of packet ids, which readers
// ignore). Nothing is skipped: what cannot be read, or cannot be made small enough, is handed back as such. So is what
// was kept as a dead letter: a batch ends before it, and it is never part of one.

import { type Compression, encodeBatch } from '../storage/record-batch/codec.ts';
import {
  countBeforeDeadLetter,
  deadLetterReason,
  type RecordBatch,
} from '../storage/record-batch/record-batch.ts';
import { mergeBatches, sharesTimeBase, sliceBatch } from './merge.ts';
import type { HeldBatch } from './read-ahead.ts';
import type { UpstreamBatch } from './sinks/sink.ts';

/** What an upstream batch may be, for one call. */
export interface BatchLimits {
  /** Aimed at, of the encoded batch; one record may be larger. */
  bytesMax: number;
  messagesMax: number;
  /** The upstream refuses more than this. */
  messageBytesMax: number;
}

export interface AssembleRequest extends BatchLimits {
  /** Contiguous or not; the first one holds `from`. */
  held: readonly HeldBatch[];
  from: number;
  /** Records at and after this offset are not wanted. */
  until: number;
  /** A batch that is not full may be left to grow. */
  mayWait: boolean;
  takes: 'encoded' | 'records';
  compression: Compression;
}

export type Assembled =
  | { kind: 'batch'; batch: UpstreamBatch; bytes: number }
  /** Not full, and `mayWait`. */
  | { kind: 'wait' }
  /** These records cannot be sent, or are not to be; `bytes` is what there is of them. */
  | { kind: 'unsendable'; count: number; reason: string; bytes: Uint8Array };

/** The levels for batches that are encoded anew: bytes upstream cost more than a little CPU. */
const LEVELS = { zstd: 3, gzip: 6, none: 0 } as const satisfies Record<Compression, number>;

/** A stretch of one stored batch, with no dead letter in it. */
interface Piece {
  held: HeldBatch;
  /** Index of its first record within the stored batch. */
  start: number;
  /** 0: the record at `start` is a dead letter. */
  count: number;
  /** Of the stored batch, where it is wanted no further; more than `start + count` when a dead letter follows. */
  end: number;
  /** Its share of what the stored batch will take upstream. */
  bytes: number;
}

export function encodeAs(batch: RecordBatch, compression: Compression): Buffer {
  return encodeBatch(batch, { compression, level: LEVELS[compression] });
}

export function assemble(request: AssembleRequest): Assembled {
  const first = request.held[0];
  if (first.fault !== null) return unreadable(first, request);
  const piece = pieceOf(first, request);
  if (piece.count === 0) return deadLetters(piece, request);
  return request.takes === 'records' ? assembleRecords(piece, request) : assembleEncoded(piece, request);
}

function pieceOf(held: HeldBatch, request: AssembleRequest): Piece {
  const { from, until } = request;
  const start = Math.max(0, from - held.firstOffset);
  const end = Math.min(held.end, until) - held.firstOffset;
  const batch = held.header?.hasDeadLetters === true ? held.decode() : null;
  const count = batch === null ? end - start : countBeforeDeadLetter(batch, start, end);
  return { held, start, count, end, bytes: Math.ceil((sizeOf(held, request) * count) / held.count) };
}

/** The dead letters that a piece begins with, as far as their reason is one. */
function deadLetters({ held, start, end }: Piece, { compression }: AssembleRequest): Assembled {
  const batch = held.decode()!;
  const reason = deadLetterReason(batch.flags[start]);
  let to = start + 1;
  while (to < end && deadLetterReason(batch.flags[to]) === reason) to++;
  const letters = mergeBatches([sliceBatch(batch, start, to - start)]);
  return { kind: 'unsendable', count: letters.count, reason, bytes: encodeAs(letters, compression) };
}

/** About how large the batch will be on its way; rather too large than too small. */
function sizeOf({ header, bytes }: HeldBatch, { takes, compression }: AssembleRequest): number {
  if (header === null) return bytes.length;
  const goesPlain = takes === 'records' || compression === 'none';
  return goesPlain && header.compression !== 'none' ? header.bodyBytes : bytes.length;
}

function unreadable(held: HeldBatch, request: AssembleRequest): Assembled {
  const { start, end } = pieceOf(held, request);
  return { kind: 'unsendable', count: end - start, reason: held.fault!, bytes: held.bytes };
}

/** Records one by one: no merging, no waiting, only cut so that little has to be sent again. */
function assembleRecords(piece: Piece, request: AssembleRequest): Assembled {
  const batch = piece.held.decode();
  if (batch === null) return unreadable(piece.held, request);
  const records = sliceBatch(batch, piece.start, countWithin(piece, request));
  const body = { kind: 'records', records } as const;
  return { kind: 'batch', batch: upstreamBatch(records, body), bytes: records.data.length };
}

function assembleEncoded(first: Piece, request: AssembleRequest): Assembled {
  const { pieces, full } = gather(first, request);
  if (!full && request.mayWait) return { kind: 'wait' };
  if (pieces.length === 1 && fitsAsItIs(first, request)) {
    const { gateway, lane } = first.held.header!;
    const body = { kind: 'encoded', bytes: first.held.bytes } as const;
    const { firstOffset, count } = first.held;
    return {
      kind: 'batch',
      batch: { gateway, lane, firstOffset, count, body },
      bytes: first.held.bytes.length,
    };
  }
  const parts: RecordBatch[] = [];
  for (const piece of pieces) {
    const batch = piece.held.decode();
    if (batch === null) break; // sent without it; the next call meets it as its first
    parts.push(
      sliceBatch(batch, piece.start, pieces.length === 1 ? countWithin(piece, request) : piece.count),
    );
  }
  if (parts.length === 0) return unreadable(first.held, request);
  return encodeWithin(mergeBatches(parts), request);
}

/** As many contiguous pieces as fit; `full` when more would not, or could not be merged. */
function gather(first: Piece, request: AssembleRequest): { pieces: Piece[]; full: boolean } {
  const pieces = [first];
  let { bytes, count } = first;
  let end = endOf(first);
  for (const held of request.held.slice(1)) {
    if (bytes >= request.bytesMax || count >= request.messagesMax) break;
    if (end >= request.until || held.firstOffset !== end || held.fault !== null)
      return { pieces, full: true };
    const piece = pieceOf(held, request);
    if (piece.count === 0) return { pieces, full: true };
    const fits = bytes + piece.bytes <= request.bytesMax && count + piece.count <= request.messagesMax;
    if (!fits || !sharesTimeBase(first.held.header!, held.header!)) return { pieces, full: true };
    pieces.push(piece);
    bytes += piece.bytes;
    count += piece.count;
    end = endOf(piece);
  }
  const isEnded = end >= request.until || isCut(pieces.at(-1)!);
  return { pieces, full: isEnded || bytes >= request.bytesMax || count >= request.messagesMax };
}

/** The offset behind it. */
function endOf({ held, start, count }: Piece): number {
  return held.firstOffset + start + count;
}

function isCut({ start, count, end }: Piece): boolean {
  return start + count < end;
}

function fitsAsItIs({ held, start, count }: Piece, request: AssembleRequest): boolean {
  return (
    start === 0 &&
    count === held.count &&
    !held.header!.hasDeadLetters &&
    count <= request.messagesMax &&
    held.bytes.length <= Math.min(request.bytesMax, request.messageBytesMax) &&
    held.header!.compression === request.compression
  );
}

/** How many of the piece's records make one batch, when it is cut into equal ones. */
function countWithin({ count, bytes }: Piece, { bytesMax, messagesMax }: AssembleRequest): number {
  const cuts = Math.max(Math.ceil(bytes / bytesMax), Math.ceil(count / messagesMax));
  return Math.max(1, Math.ceil(count / cuts));
}

/** Encodes the batch, or as much of its beginning as the upstream lets into one message. */
function encodeWithin(whole: RecordBatch, { compression, messageBytesMax }: AssembleRequest): Assembled {
  for (let count = whole.count; ; count = Math.ceil(count / 2)) {
    const part = count === whole.count ? whole : mergeBatches([sliceBatch(whole, 0, count)]);
    const bytes = encodeAs(part, compression);
    if (bytes.length <= messageBytesMax) {
      return { kind: 'batch', batch: upstreamBatch(part, { kind: 'encoded', bytes }), bytes: bytes.length };
    }
    if (count === 1) return { kind: 'unsendable', count, reason: 'too-large', bytes };
  }
}

function upstreamBatch(records: RecordBatch, body: UpstreamBatch['body']): UpstreamBatch {
  const { gateway, lane, firstOffset, count } = records;
  return { gateway, lane, firstOffset, count, body };
}
