// A record batch as whoever consumes it upstream sees it, written from the page that describes it (storage/README.md)
// and from nothing else: the verdict must not rest on the gateway's own decoder. All that the page tells a reader to
// check is checked; a batch of which any of it is not so is damaged as a whole.

import * as zlib from 'node:zlib';
import { messageOf } from '../../config/errors.ts';
import { CborReader } from './cbor-reader.ts';

export const BATCH_CONTENT_TYPE = 'application/vnd.sluice.batch+cbor';
const VERSION = 1;
/** d9 d9 f7: tag 55799, "self-described CBOR". */
const MAGIC = Buffer.from([0xd9, 0xd9, 0xf7]);
const ENVELOPE_ITEMS = 12;
/** 1a and four bytes. */
const CRC_ITEM_BYTES = 5;
const BODY_BYTES_MAX = 64 * 1024 * 1024;
const QOS_BITS = 0b11;

interface Columns {
  devices: string[];
  topics: string[];
  device: Uint16Array;
  topic: Uint16Array;
  timeMs: Uint32Array;
  flags: Buffer;
  payloadBytes: Uint32Array;
  propertiesBytes: Uint32Array | null;
  data: Buffer;
}

export interface ReceivedBatch extends Columns {
  gateway: string;
  lane: string;
  firstOffset: number;
  count: number;
  baseTimeMs: number;
}

export type BatchReading = { kind: 'batch'; batch: ReceivedBatch } | { kind: 'damaged'; reason: string };

export function looksLikeBatch(payload: Buffer): boolean {
  return payload.length >= MAGIC.length && payload.compare(MAGIC, 0, MAGIC.length, 0, MAGIC.length) === 0;
}

export function readBatch(payload: Buffer): BatchReading {
  try {
    return { kind: 'batch', batch: decode(payload) };
  } catch (error) {
    return { kind: 'damaged', reason: messageOf(error) };
  }
}

/**
 * Goes over the records of a batch without making an object for each: `while (cursor.next()) ...`. `payload` is a view
 * of the batch's memory.
 */
export class RecordCursor {
  readonly #batch: ReceivedBatch;
  #index = -1;
  #start = 0;
  #end = 0;

  constructor(batch: ReceivedBatch) {
    this.#batch = batch;
  }

  next(): boolean {
    const { count, payloadBytes, propertiesBytes } = this.#batch;
    if (this.#index + 1 >= count) return false;
    this.#index++;
    this.#start = this.#end + (propertiesBytes === null ? 0 : propertiesBytes[this.#index]);
    this.#end = this.#start + payloadBytes[this.#index];
    return true;
  }

  get offset(): number {
    return this.#batch.firstOffset + this.#index;
  }

  get payload(): Buffer {
    return this.#batch.data.subarray(this.#start, this.#end);
  }

  get topic(): string {
    return this.#batch.topics[this.#batch.topic[this.#index]];
  }

  get device(): string {
    return this.#batch.devices[this.#batch.device[this.#index]];
  }
}

function decode(payload: Buffer): ReceivedBatch {
  const end = payload.length - CRC_ITEM_BYTES;
  if (!looksLikeBatch(payload) || end < MAGIC.length) throw new Error('it does not begin as a batch does');
  if (payload[end] !== 0x1a || payload.readUInt32BE(end + 1) !== zlib.crc32(payload.subarray(0, end))) {
    throw new Error('the checksum is wrong');
  }
  const reader = new CborReader(payload, MAGIC.length);
  const items = reader.array();
  const version = reader.unsigned();
  if (version !== VERSION) throw new Error(`version ${version}, and only ${VERSION} is known`);
  if (items !== ENVELOPE_ITEMS) throw new Error(`${items} items instead of ${ENVELOPE_ITEMS}`);
  const gateway = reader.text();
  const lane = reader.text();
  const firstOffset = reader.unsigned();
  const count = reader.unsigned();
  const baseTimeMs = reader.integer();
  reader.text(); // boot id
  reader.integer(); // monotonic clock
  const compression = reader.text();
  const bodyBytes = reader.unsigned();
  const body = reader.byteString();
  if (reader.at !== end) throw new Error('the checksum is not the last item');
  if (!Number.isSafeInteger(firstOffset + count)) throw new Error('offsets beyond 2^53');
  const columns = readColumns(new CborReader(decompress(body, compression, bodyBytes)));
  checkColumns(columns, count);
  return { gateway, lane, firstOffset, count, baseTimeMs, ...columns };
}

function decompress(body: Buffer, compression: string, bodyBytes: number): Buffer {
  if (bodyBytes > BODY_BYTES_MAX) throw new Error(`a body of ${bodyBytes} bytes`);
  const limit = { maxOutputLength: Math.max(1, bodyBytes) };
  let raw = body;
  if (compression === 'zstd') raw = zlib.zstdDecompressSync(body, limit);
  else if (compression === 'gzip') raw = zlib.gunzipSync(body, limit);
  else if (compression !== 'none') throw new Error(`unknown compression ${compression.slice(0, 32)}`);
  if (raw.length !== bodyBytes) throw new Error('the body has another length than the envelope says');
  return raw;
}

function readColumns(reader: CborReader): Columns {
  const columns: Partial<Columns> = { propertiesBytes: null };
  for (let left = reader.map(); left > 0; left--) {
    const name = reader.text();
    switch (name) {
      case 'devices':
      case 'topics':
        columns[name] = reader.texts();
        break;
      case 'device':
      case 'topic':
        columns[name] = reader.uint16s();
        break;
      case 'timeMs':
      case 'payloadBytes':
      case 'propertiesBytes':
        columns[name] = reader.uint32s();
        break;
      case 'flags':
      case 'data':
        columns[name] = reader.byteString();
        break;
      default:
        reader.skip(); // packetId, and what a later writer may add
    }
  }
  for (const name of ['devices', 'topics', 'data'] as const) {
    if (columns[name] === undefined) throw new Error(`column ${name} is missing`);
  }
  return columns as Columns;
}

function checkColumns(columns: Columns, count: number): void {
  for (const name of ['device', 'topic', 'timeMs', 'flags', 'payloadBytes'] as const) {
    if (columns[name]?.length !== count) throw new Error(`column ${name} has not ${count} entries`);
  }
  const { devices, topics, device, topic, flags, payloadBytes, propertiesBytes, data } = columns;
  if (propertiesBytes !== null && propertiesBytes.length !== count) {
    throw new Error(`column propertiesBytes has not ${count} entries`);
  }
  let bytes = 0;
  for (let i = 0; i < count; i++) {
    if (device[i] >= devices.length || topic[i] >= topics.length)
      throw new Error('an index is out of its table');
    if ((flags[i] & QOS_BITS) === QOS_BITS) throw new Error('a record has QoS 3');
    bytes += payloadBytes[i] + (propertiesBytes === null ? 0 : propertiesBytes[i]);
  }
  if (bytes !== data.length) throw new Error('the lengths do not add up to the data');
}
