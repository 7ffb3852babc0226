// Step 4: several record batches become one, and one becomes several. Only columns are moved: string tables
// are remapped once per table entry, payloads are copied as one block. The records keep their offsets, so
// what is merged must be contiguous and share a time base; `sharesTimeBase` judges that from the envelopes
// alone. The result carries no packet ids (they are the storage's own) and no table entries that its records
// do not use.

import type { BatchHeader } from '../storage/record-batch/codec.ts';
import type { RecordBatch } from '../storage/record-batch/record-batch.ts';

/** Table indexes are 16 bits wide. */
const TABLE_ENTRIES_MAX = 0x10000;
/** Times are 32 bits of milliseconds after the first batch's. */
const SPAN_MS_MAX = 0x7fffffff;
/**
 * How far wall clock and monotonic clock may drift apart inside one batch before its time base would be
 * wrong.
 */
const CLOCK_DRIFT_MS_MAX = 100;

/** Whether records of `next` may stand in one batch with those of `first`, as far as time and origin go. */
export function sharesTimeBase(first: BatchHeader, next: BatchHeader): boolean {
  const wallMs = next.baseTimeMs - first.baseTimeMs;
  const monotonicMs = next.baseMonotonicMs - first.baseMonotonicMs;
  return (
    first.gateway === next.gateway &&
    first.lane === next.lane &&
    first.bootId === next.bootId &&
    wallMs >= 0 &&
    wallMs <= SPAN_MS_MAX &&
    Math.abs(wallMs - monotonicMs) <= CLOCK_DRIFT_MS_MAX
  );
}

/** Records `from` up to `from + count` of a batch; the columns are views of the batch's. */
export function sliceBatch(batch: RecordBatch, from: number, count: number): RecordBatch {
  if (from === 0 && count === batch.count) return batch;
  const to = from + count;
  const { leftOutFrom, ...rest } = batch;
  const dataFrom = dataBytes(batch, 0, from);
  return {
    ...rest,
    ...(from === 0 && leftOutFrom !== undefined ? { leftOutFrom } : {}),
    firstOffset: batch.firstOffset + from,
    count,
    device: batch.device.subarray(from, to),
    topic: batch.topic.subarray(from, to),
    timeMs: batch.timeMs.subarray(from, to),
    flags: batch.flags.subarray(from, to),
    payloadBytes: batch.payloadBytes.subarray(from, to),
    propertiesBytes: batch.propertiesBytes?.subarray(from, to) ?? null,
    packetId: batch.packetId?.subarray(from, to) ?? null,
    data: batch.data.subarray(dataFrom, dataFrom + dataBytes(batch, from, to)),
  };
}

function dataBytes(batch: RecordBatch, from: number, to: number): number {
  let bytes = 0;
  for (let i = from; i < to; i++) bytes += batch.payloadBytes[i] + (batch.propertiesBytes?.[i] ?? 0);
  return bytes;
}

/**
 * The records of contiguous batches that share a time base, as one batch with its own memory. When the string
 * tables would overflow, only as many of the batches as fit, at least one.
 */
export function mergeBatches(parts: readonly RecordBatch[]): RecordBatch {
  const taken = partsWithinTables(parts);
  const merged = emptyLike(taken);
  const devices = new StringTable();
  const topics = new StringTable();
  let record = 0;
  let at = 0;
  for (const part of taken) {
    devices.remap(part.devices, part.device, merged.device.subarray(record));
    topics.remap(part.topics, part.topic, merged.topic.subarray(record));
    const shiftMs = part.baseTimeMs - merged.baseTimeMs;
    for (let i = 0; i < part.count; i++) merged.timeMs[record + i] = part.timeMs[i] + shiftMs;
    merged.flags.set(part.flags, record);
    merged.payloadBytes.set(part.payloadBytes, record);
    if (part.propertiesBytes !== null) merged.propertiesBytes!.set(part.propertiesBytes, record);
    merged.data.set(part.data, at);
    record += part.count;
    at += part.data.length;
  }
  return { ...merged, devices: devices.strings, topics: topics.strings };
}

function partsWithinTables(parts: readonly RecordBatch[]): readonly RecordBatch[] {
  let devices = 0;
  let topics = 0;
  const fitting = parts.findIndex((part) => {
    devices += part.devices.length;
    topics += part.topics.length;
    return devices > TABLE_ENTRIES_MAX || topics > TABLE_ENTRIES_MAX;
  });
  return fitting < 0 ? parts : parts.slice(0, Math.max(1, fitting));
}

function emptyLike(parts: readonly RecordBatch[]): RecordBatch {
  const first = parts[0];
  let count = 0;
  let bytes = 0;
  for (const part of parts) {
    count += part.count;
    bytes += part.data.length;
  }
  const hasProperties = parts.some((part) => part.propertiesBytes !== null);
  return {
    gateway: first.gateway,
    lane: first.lane,
    firstOffset: first.firstOffset,
    baseTimeMs: first.baseTimeMs,
    bootId: first.bootId,
    baseMonotonicMs: first.baseMonotonicMs,
    count,
    devices: [],
    topics: [],
    device: new Uint16Array(count),
    topic: new Uint16Array(count),
    timeMs: new Uint32Array(count),
    flags: new Uint8Array(count),
    payloadBytes: new Uint32Array(count),
    propertiesBytes: hasProperties ? new Uint32Array(count) : null,
    ...(first.leftOutFrom === undefined ? {} : { leftOutFrom: first.leftOutFrom }),
    packetId: null,
    data: new Uint8Array(bytes),
  };
}

/** Strings in order of first use, each once. */
class StringTable {
  readonly strings: string[] = [];
  readonly #indexes = new Map<string, number>();

  /** Writes to `to` where the strings that `from` points at in `table` stand in this one. */
  remap(table: readonly string[], from: Uint16Array, to: Uint16Array): void {
    const indexes = new Int32Array(table.length).fill(-1);
    for (let i = 0; i < from.length; i++) {
      const old = from[i];
      if (indexes[old] < 0) indexes[old] = this.#indexOf(table[old]);
      to[i] = indexes[old];
    }
  }

  #indexOf(text: string): number {
    let index = this.#indexes.get(text);
    if (index === undefined) {
      index = this.strings.length;
      this.strings.push(text);
      this.#indexes.set(text, index);
    }
    return index;
  }
}
