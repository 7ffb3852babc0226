// From decoded CBOR to a record batch's types. The checksum says that the bytes are those that were written, not that
// a sane program wrote them: here every field is checked once, so that everybody behind it can trust what it holds.
// Throws plain errors that say what is wrong; codec.ts, which knows the bytes, makes them into BATCH_DAMAGED.

import { type RecordColumns, RecordFlag } from './record-batch.ts';

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
  /** There are dead letters among the records (version 2): they must not be sent on. */
  hasDeadLetters: boolean;
}

/**
 * Larger bodies are refused before they are decompressed, so that a lying length cannot take the memory. The largest
 * of ours: 16 MiB of data (limits.batchBytes), or one packet as large, with 19 bytes of columns for a million records.
 */
export const BODY_BYTES_MAX = 64 * 1024 * 1024;

const ENVELOPE_ITEMS = 12;
/** The last instant that a Date can hold (ECMA-262 21.4.1.1), less what `timeMs` can add. */
const TIME_MS_MAX = 8.64e15 - 0xffffffff;

/** The envelope's items of version 1 and 2, which differ in nothing else, without the checksum. */
export function toHeader(
  items: unknown[],
  hasDeadLetters: boolean,
): { header: BatchHeader; body: Uint8Array } {
  if (items.length !== ENVELOPE_ITEMS) throw new Error('the envelope has the wrong number of items');
  const [, gateway, lane, firstOffset, count, baseTimeMs, bootId, baseMonotonicMs, method, bodyBytes, body] =
    items;
  if (!(body instanceof Uint8Array)) throw new Error('the body is no byte string');
  const header: BatchHeader = {
    gateway: text(gateway, 'gateway'),
    lane: text(lane, 'lane'),
    firstOffset: whole(firstOffset, 'firstOffset', { max: Number.MAX_SAFE_INTEGER }),
    count: whole(count, 'count', { max: BODY_BYTES_MAX }),
    // Clocks can be set to anything: what one said is never a reason not to read a batch.
    baseTimeMs: whole(baseTimeMs, 'baseTimeMs', { min: -TIME_MS_MAX, max: TIME_MS_MAX }),
    bootId: text(bootId, 'bootId'),
    baseMonotonicMs: whole(baseMonotonicMs, 'baseMonotonicMs', {
      min: Number.MIN_SAFE_INTEGER,
      max: Number.MAX_SAFE_INTEGER,
    }),
    compression: compressionOf(method),
    bodyBytes: whole(bodyBytes, 'bodyBytes', { max: BODY_BYTES_MAX }),
    hasDeadLetters,
  };
  whole(header.firstOffset + header.count, 'firstOffset + count', { max: Number.MAX_SAFE_INTEGER });
  return { header, body };
}

/** The body's map of columns. Unknown columns are ignored: a later version 1 writer may add some. */
export function toColumns(body: unknown, { count, firstOffset }: BatchHeader): RecordColumns {
  if (typeof body !== 'object' || body === null) throw new Error('the body is no map');
  const map = body as Record<string, unknown>;
  const columns: RecordColumns = {
    count,
    devices: textTable(map.devices, 'devices'),
    topics: textTable(map.topics, 'topics'),
    device: column(map.device, Uint16Array, { name: 'device', count }),
    topic: column(map.topic, Uint16Array, { name: 'topic', count }),
    timeMs: column(map.timeMs, Uint32Array, { name: 'timeMs', count }),
    flags: column(map.flags, Uint8Array, { name: 'flags', count }),
    payloadBytes: column(map.payloadBytes, Uint32Array, { name: 'payloadBytes', count }),
    propertiesBytes: null,
    packetId: null,
    data: map.data as Uint8Array,
  };
  if (!(columns.data instanceof Uint8Array)) throw new Error('column data is no byte string');
  if (map.propertiesBytes !== undefined) {
    columns.propertiesBytes = column(map.propertiesBytes, Uint32Array, { name: 'propertiesBytes', count });
  }
  if (map.packetId !== undefined)
    columns.packetId = column(map.packetId, Uint16Array, { name: 'packetId', count });
  if (map.leftOutFrom !== undefined)
    columns.leftOutFrom = whole(map.leftOutFrom, 'leftOutFrom', { max: firstOffset });
  checkRecords(columns);
  return columns;
}

function checkRecords(columns: RecordColumns): void {
  const { count, device, topic, flags, payloadBytes, propertiesBytes } = columns;
  const devicesCount = columns.devices.length;
  const topicsCount = columns.topics.length;
  let bytes = 0;
  for (let i = 0; i < count; i++) {
    if (device[i] >= devicesCount || topic[i] >= topicsCount) throw new Error('an index is out of its table');
    if ((flags[i] & RecordFlag.qosMask) === RecordFlag.qosMask) throw new Error('a record has QoS 3');
    bytes += payloadBytes[i] + (propertiesBytes === null ? 0 : propertiesBytes[i]);
  }
  if (bytes !== columns.data.length) throw new Error('the lengths do not add up to the data');
}

function column<T extends Uint8Array | Uint16Array | Uint32Array>(
  value: unknown,
  type: new (length: number) => T,
  { name, count }: { name: string; count: number },
): T {
  if (!(value instanceof type)) throw new Error(`column ${name} is missing or of another type`);
  if (value.length !== count) throw new Error(`column ${name} has the wrong length`);
  return value;
}

function textTable(value: unknown, name: string): string[] {
  if (!Array.isArray(value)) throw new Error(`table ${name} is missing`);
  for (const entry of value)
    if (typeof entry !== 'string') throw new Error(`table ${name} has an entry that is no text`);
  return value;
}

function text(value: unknown, name: string): string {
  if (typeof value !== 'string') throw new Error(`${name} is no text`);
  return value;
}

function whole(value: unknown, name: string, { min = 0, max }: { min?: number; max: number }): number {
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isInteger(number) || number < min || number > max) {
    throw new Error(`${name} is no whole number from ${min} to ${max}`);
  }
  return number;
}

function compressionOf(value: unknown): Compression {
  if (value === 'zstd' || value === 'gzip' || value === 'none') return value;
  throw new Error(`unknown compression ${String(value).slice(0, 32)}`);
}
