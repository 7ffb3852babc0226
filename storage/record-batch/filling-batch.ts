// A record batch while it is being filled: the memory (open-batch.ts), how much of it is used, and the string tables.

import type { RecordInput, RecordSource, TopicSlot } from '../record-source.ts';
import { BatchMemory, type OpenBatchSize, type SealedBatch } from './open-batch.ts';

export interface FillingBatchOptions extends OpenBatchSize {
  /** Sources say whose bytes their records are: the batch hands it on. */
  countsShares?: boolean;
}

export class FillingBatch {
  readonly #size: OpenBatchSize;
  readonly #memory: BatchMemory;
  /** Unique among all batches of this run: tells whether an index remembered elsewhere is this batch's. */
  readonly #serial: number;
  readonly #devices: string[] = [];
  readonly #topics: string[] = [];
  /** Of each device its key and its group's. */
  readonly #owners: number[] | null;
  #dataBytes = 0;
  #hasProperties = false;
  #hasPacketIds = false;
  #baseTimeMs = 0;
  #baseMonotonicMs = 0;
  count = 0;

  constructor(size: FillingBatchOptions, serial: number, buffer?: ArrayBuffer) {
    this.#size = size;
    this.#serial = serial;
    this.#owners = size.countsShares === true ? [] : null;
    this.#memory = new BatchMemory(size, buffer);
  }

  hasRoom(record: RecordInput): boolean {
    const bytes = record.payloadEnd - record.payloadStart + (record.properties?.length ?? 0);
    return this.count < this.#size.recordsMax && this.#dataBytes + bytes <= this.#size.dataBytesMax;
  }

  begin(nowMs: number, monotonicMs: number): void {
    this.#baseTimeMs = nowMs;
    this.#baseMonotonicMs = monotonicMs;
  }

  /** Appends a record that has room; returns the bytes of data it took. */
  append(record: RecordInput, nowMs: number): number {
    const { source, topic, properties } = record;
    const memory = this.#memory;
    const i = this.count;
    const propertiesBytes = properties === null ? 0 : properties.length;
    const payloadBytes = record.payloadEnd - record.payloadStart;
    memory.timeMs[i] = nowMs > this.#baseTimeMs ? nowMs - this.#baseTimeMs : 0; // the wall clock may step back
    memory.flags[i] = record.flags;
    memory.payloadBytes[i] = payloadBytes;
    memory.propertiesBytes[i] = propertiesBytes;
    memory.device[i] = this.#deviceIndex(source, topic.lane);
    memory.topic[i] = this.#topicIndex(topic);
    memory.packetId[i] = record.keepPacketId ? record.packetId : 0;
    if (record.keepPacketId) this.#hasPacketIds = true;
    let at = this.#dataBytes;
    if (properties !== null) {
      this.#hasProperties = true;
      memory.data.set(properties, at);
      at += propertiesBytes;
    }
    record.bytes.copy(memory.data, at, record.payloadStart, record.payloadEnd);
    this.#dataBytes = at + payloadBytes;
    this.count = i + 1;
    return propertiesBytes + payloadBytes;
  }

  seal(lane: number): SealedBatch {
    return {
      lane,
      count: this.count,
      dataBytes: this.#dataBytes,
      hasProperties: this.#hasProperties,
      hasPacketIds: this.#hasPacketIds,
      devices: this.#devices,
      topics: this.#topics,
      baseTimeMs: this.#baseTimeMs,
      baseMonotonicMs: this.#baseMonotonicMs,
      buffer: this.#memory.buffer,
      owners: this.#owners === null ? null : new Float64Array(this.#owners),
    };
  }

  #deviceIndex(source: RecordSource, lane: number): number {
    const { batchSerial, deviceIndex } = source.slots;
    if (batchSerial[lane] !== this.#serial) {
      batchSerial[lane] = this.#serial;
      deviceIndex[lane] = this.#devices.push(source.device) - 1;
      this.#owners?.push(source.deviceKey ?? 0, source.groupKey ?? 0);
    }
    return deviceIndex[lane];
  }

  #topicIndex(topic: TopicSlot): number {
    if (topic.batchSerial !== this.#serial) {
      topic.batchSerial = this.#serial;
      topic.batchIndex = this.#topics.push(topic.text) - 1;
    }
    return topic.batchIndex;
  }
}
