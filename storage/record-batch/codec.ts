// Record batch <-> bytes. The envelope is one CBOR data item (RFC 8949), self-described (tag 55799), so that any CBOR
// library opens it:
//
//   55799([ version, gateway, lane, firstOffset, count, baseTimeMs, bootId, baseMonotonicMs,
//           compression, bodyBytes, body, crc32 ])
//
// body (after decompression, `bodyBytes` long) is a CBOR map of columns; typed arrays are RFC 8746, little endian.
// crc32 (zlib's) is always the last five bytes (0x1a + big endian) and covers every byte before them.
// A reader must refuse a version it does not know. Vectors: storage/README.md.

import * as zlib from 'node:zlib';
import { Decoder, Encoder } from 'cbor-x';
import { messageOf, SluiceError } from '../../config/errors.ts';
import type { RecordBatch, RecordColumns } from './record-batch.ts';

export const FORMAT_VERSION = 1;
export type Compression = 'zstd' | 'gzip' | 'none';

/** The parts of the envelope that can be read without decompressing the body. */
export interface BatchHeader {
  gateway: string;
  lane: string;
  firstOffset: number;
  count: number;
  baseTimeMs: number;
  bootId: string;
  baseMonotonicMs: number;
  compression: Compression;
  /** Bytes of the body before compression. */
  bodyBytes: number;
}

export interface EncodeOptions {
  compression: Compression;
  /** zstd or gzip level; ignored for none. */
  level: number;
}

const MAGIC = [0xd9, 0xd9, 0xf7];
const CRC_ITEM_BYTES = 5;
const ENVELOPE_ITEMS = 12;
/** Refused before it is decompressed: no batch of ours is larger, and a lying length must not take the memory. */
const BODY_BYTES_MAX = 512 * 1024 * 1024;
const cborOptions = { tagUint8Array: false, useRecords: false, variableMapSize: true, mapsAsObjects: true } as const;
const encoder = new Encoder(cborOptions);
const decoder = new Decoder(cborOptions);

/** Encodes a batch; the result owns its memory. */
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
    columns = toColumns(decoder.decode(decompress(body, header)), header.count);
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
  columns.data = batch.data;
  return encoder.encode(columns);
}

function encodeEnvelope(batch: RecordBatch, compression: Compression, bodyBytes: number, body: Uint8Array): Buffer {
  const items = encoder.encode([
    FORMAT_VERSION,
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
  const bytes = Buffer.allocUnsafe(MAGIC.length + items.length);
  bytes.set(MAGIC, 0);
  bytes.set(items, MAGIC.length);
  const end = bytes.length - CRC_ITEM_BYTES;
  bytes.writeUInt32BE(zlib.crc32(bytes.subarray(0, end)), end + 1);
  return bytes;
}

/** cbor-x writes numbers above 32 bits as floats; as BigInt they become CBOR integers. */
function integer(value: number): number | bigint {
  return value > 0xffffffff ? BigInt(value) : value;
}

function decodeEnvelope(input: Uint8Array): { header: BatchHeader; body: Uint8Array } {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  if (bytes.length < 32 || MAGIC.some((byte, i) => bytes[i] !== byte)) throw damaged('it does not start as a batch does');
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
  if (items[0] !== FORMAT_VERSION) {
    throw new SluiceError('BATCH_VERSION', `record batch of version ${String(items[0])}, this program reads ${FORMAT_VERSION}`, {
      kind: 'permanent',
      hint: 'Use the version of sluice that wrote it, or a newer one.',
    });
  }
  if (items.length !== ENVELOPE_ITEMS) throw damaged('the envelope has the wrong number of items');
  const [, gateway, lane, firstOffset, count, baseTimeMs, bootId, baseMonotonicMs, compression, bodyBytes, body] = items;
  if (!(body instanceof Uint8Array)) throw damaged('the body is no byte string');
  const header: BatchHeader = {
    gateway: String(gateway),
    lane: String(lane),
    firstOffset: Number(firstOffset),
    count: Number(count),
    baseTimeMs: Number(baseTimeMs),
    bootId: String(bootId),
    baseMonotonicMs: Number(baseMonotonicMs),
    compression,
    bodyBytes: Number(bodyBytes),
  };
  if (!(header.bodyBytes <= BODY_BYTES_MAX)) throw damaged('the body is too large');
  return { header, body };
}

function toColumns(body: unknown, count: number): RecordColumns {
  const map = body as Record<string, unknown>;
  const columns: RecordColumns = {
    count,
    devices: map.devices as string[],
    topics: map.topics as string[],
    device: map.device as Uint16Array,
    topic: map.topic as Uint16Array,
    timeMs: map.timeMs as Uint32Array,
    flags: map.flags as Uint8Array,
    payloadBytes: map.payloadBytes as Uint32Array,
    propertiesBytes: (map.propertiesBytes as Uint32Array | undefined) ?? null,
    packetId: (map.packetId as Uint16Array | undefined) ?? null,
    data: map.data as Uint8Array,
  };
  checkColumns(columns);
  return columns;
}

function checkColumns(columns: RecordColumns): void {
  const { count, device, topic, payloadBytes, propertiesBytes, packetId, data } = columns;
  const lists = [device, topic, columns.timeMs, columns.flags, payloadBytes, propertiesBytes, packetId];
  if (lists.some((list) => list !== null && list?.length !== count)) throw new Error('a column has the wrong length');
  if (!Array.isArray(columns.devices) || !Array.isArray(columns.topics) || !(data instanceof Uint8Array)) {
    throw new Error('a column is missing');
  }
  let bytes = 0;
  for (let i = 0; i < count; i++) {
    if (device[i] >= columns.devices.length || topic[i] >= columns.topics.length) throw new Error('an index is out of its table');
    bytes += payloadBytes[i] + (propertiesBytes === null ? 0 : propertiesBytes[i]);
  }
  if (bytes !== data.length) throw new Error('the lengths do not add up to the data');
}

function compress(raw: Buffer, options: EncodeOptions): Buffer {
  switch (options.compression) {
    case 'zstd':
      return zlib.zstdCompressSync(raw, { params: { [zlib.constants.ZSTD_c_compressionLevel]: options.level } });
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
    default:
      throw new Error(`unknown compression ${String(header.compression)}`);
  }
  if (raw.length !== header.bodyBytes) throw new Error('the body has another length than the envelope says');
  return raw;
}

function damaged(what: string, cause?: unknown): SluiceError {
  return new SluiceError('BATCH_DAMAGED', `not a whole record batch: ${what}`, { kind: 'permanent', cause });
}

