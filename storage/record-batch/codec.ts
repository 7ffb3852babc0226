// Record batch <-> bytes. The envelope is one CBOR data item (RFC 8949), self-described (tag 55799), so that any CBOR
// library opens it:
//
//   55799([ version, gateway, lane, firstOffset, count, baseTimeMs, bootId, baseMonotonicMs,
//           compression, bodyBytes, body, crc32 ])
//
// body (after decompression, `bodyBytes` long) is a CBOR map of columns; typed arrays are RFC 8746, little endian.
// crc32 (zlib's) is always the last five bytes (0x1a + big endian) and covers every byte before them.
// A reader must refuse a version it does not know. Version 2 is version 1 with dead letters among the records: known by
// the envelope, so that whoever sends batches on need not look into those that hold none. Vectors: storage/README.md.

import * as zlib from 'node:zlib';
import { Decoder, Encoder } from 'cbor-x';
import { messageOf, SluiceError } from '../../config/errors.ts';
import { type BatchHeader, type Compression, toColumns, toHeader } from './batch-shape.ts';
import { countBeforeDeadLetter, type RecordBatch, type RecordColumns } from './record-batch.ts';

export type { BatchHeader, Compression } from './batch-shape.ts';

const version = { plain: 1, withDeadLetters: 2 } as const;

export interface EncodeOptions {
  compression: Compression;
  /** zstd or gzip level; ignored for none. */
  level: number;
}

const MAGIC = [0xd9, 0xd9, 0xf7];
const CRC_ITEM_BYTES = 5;
/** Magic, array head, and twelve items with all texts and the body empty. */
const ENVELOPE_BYTES_MIN = 24;
const cborOptions = {
  tagUint8Array: false,
  useRecords: false,
  variableMapSize: true,
  mapsAsObjects: true,
} as const;
const encoder = new Encoder(cborOptions);
const decoder = new Decoder(cborOptions);

/** Encodes a batch; the result owns its memory, all of it: it can be transferred to another thread. */
export function encodeBatch(batch: RecordBatch, options: EncodeOptions): Buffer {
  const raw = encodeBody(batch);
  const body = compress(raw, options);
  return encodeEnvelope(batch, options.compression, raw.length, body);
}

/**
 * Reads the envelope and checks magic, version, shape and checksum; does not decompress.
 * Throws SluiceError BATCH_DAMAGED (not a batch, torn or flipped) or BATCH_VERSION (made by a newer gateway).
 */
export function decodeHeader(bytes: Uint8Array): BatchHeader {
  return decodeEnvelope(bytes).header;
}

/** Decodes a whole batch; errors as decodeHeader. */
export function decodeBatch(bytes: Uint8Array): RecordBatch {
  const { header, body } = decodeEnvelope(bytes);
  let columns: RecordColumns;
  try {
    columns = toColumns(decoder.decode(decompress(body, header)), header);
  } catch (cause) {
    throw damaged(`body: ${messageOf(cause)}`, cause);
  }
  const { gateway, lane, firstOffset, baseTimeMs, bootId, baseMonotonicMs } = header;
  return { gateway, lane, firstOffset, baseTimeMs, bootId, baseMonotonicMs, ...columns };
}

function encodeBody(batch: RecordBatch): Buffer {
  const columns: Record<string, unknown> = {
    devices: batch.devices,
    topics: batch.topics,
    device: batch.device,
    topic: batch.topic,
    timeMs: batch.timeMs,
    flags: batch.flags,
    payloadBytes: batch.payloadBytes,
  };
  if (batch.propertiesBytes !== null) columns.propertiesBytes = batch.propertiesBytes;
  if (batch.packetId !== null) columns.packetId = batch.packetId;
  if (batch.leftOutFrom !== undefined) columns.leftOutFrom = integer(batch.leftOutFrom);
  columns.data = batch.data;
  return encoder.encode(columns);
}

function encodeEnvelope(
  batch: RecordBatch,
  compression: Compression,
  bodyBytes: number,
  body: Uint8Array,
): Buffer {
  const hasDeadLetters = countBeforeDeadLetter(batch, 0, batch.count) < batch.count;
  const items = encoder.encode([
    hasDeadLetters ? version.withDeadLetters : version.plain,
    batch.gateway,
    batch.lane,
    integer(batch.firstOffset),
    batch.count,
    integer(batch.baseTimeMs),
    batch.bootId,
    integer(Math.trunc(batch.baseMonotonicMs)),
    compression,
    bodyBytes,
    body,
    0xffffffff, // place holder of the checksum: encodes as 0x1a and four bytes
  ]);
  const bytes = Buffer.allocUnsafeSlow(MAGIC.length + items.length);
  bytes.set(MAGIC, 0);
  bytes.set(items, MAGIC.length);
  const end = bytes.length - CRC_ITEM_BYTES;
  bytes.writeUInt32BE(zlib.crc32(bytes.subarray(0, end)), end + 1);
  return bytes;
}

/** cbor-x writes numbers beyond 32 bits as floats; as BigInt they become CBOR integers. */
function integer(value: number): number | bigint {
  return value > 0xffffffff || value < -0x80000000 ? BigInt(value) : value;
}

function decodeEnvelope(input: Uint8Array): { header: BatchHeader; body: Uint8Array } {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  if (bytes.length < ENVELOPE_BYTES_MIN || MAGIC.some((byte, i) => bytes[i] !== byte)) {
    throw damaged('it does not start as a batch does');
  }
  const end = bytes.length - CRC_ITEM_BYTES;
  if (bytes[end] !== 0x1a || bytes.readUInt32BE(end + 1) !== zlib.crc32(bytes.subarray(0, end))) {
    throw damaged('the checksum is wrong');
  }
  let items: unknown;
  try {
    items = decoder.decode(bytes.subarray(MAGIC.length));
  } catch (cause) {
    throw damaged(messageOf(cause), cause);
  }
  if (!Array.isArray(items) || items.length < 1) throw damaged('the envelope is no array');
  if (items[0] !== version.plain && items[0] !== version.withDeadLetters) {
    throw new SluiceError(
      'BATCH_VERSION',
      `record batch of version ${String(items[0])}, this program reads ${Object.values(version).join(' and ')}`,
      {
        kind: 'permanent',
        hint: 'Use the version of sluice that wrote it, or a newer one.',
      },
    );
  }
  try {
    return toHeader(items, items[0] === version.withDeadLetters);
  } catch (cause) {
    throw damaged(messageOf(cause), cause);
  }
}

function compress(raw: Buffer, options: EncodeOptions): Buffer {
  switch (options.compression) {
    case 'zstd':
      return zlib.zstdCompressSync(raw, {
        params: { [zlib.constants.ZSTD_c_compressionLevel]: options.level },
      });
    case 'gzip':
      return zlib.gzipSync(raw, { level: options.level });
    case 'none':
      return raw;
  }
}

function decompress(body: Uint8Array, header: BatchHeader): Uint8Array {
  const limit = { maxOutputLength: Math.max(header.bodyBytes, 1) };
  let raw: Uint8Array;
  switch (header.compression) {
    case 'zstd':
      raw = zlib.zstdDecompressSync(body, limit);
      break;
    case 'gzip':
      raw = zlib.gunzipSync(body, limit);
      break;
    case 'none':
      raw = body;
      break;
  }
  if (raw.length !== header.bodyBytes) throw new Error('the body has another length than the envelope says');
  return raw;
}

function damaged(what: string, cause?: unknown): SluiceError {
  return new SluiceError('BATCH_DAMAGED', `not a whole record batch: ${what}`, { kind: 'permanent', cause });
}
