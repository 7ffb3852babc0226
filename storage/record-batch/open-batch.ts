// The batch that is being filled on the main thread: a record batch's columns at full capacity in one ArrayBuffer,
// so that handing it to the storage thread is one transfer and nothing is allocated per record.
//
// Layout for capacity N (records) and D (data bytes), each column aligned for its type:
//   timeMs u32[N] | payloadBytes u32[N] | propertiesBytes u32[N] |
//   device u16[N] | topic u16[N] | packetId u16[N] | flags u8[N] | data u8[D]

import type { RecordColumns } from './record-batch.ts';

export interface OpenBatchSize {
  recordsMax: number;
  dataBytesMax: number;
}

const COLUMN_BYTES_PER_RECORD = 4 + 4 + 4 + 2 + 2 + 2 + 1;

/** The typed arrays over one transferable buffer; the same on both threads. */
export class BatchMemory {
  readonly buffer: ArrayBuffer;
  readonly timeMs: Uint32Array;
  readonly payloadBytes: Uint32Array;
  readonly propertiesBytes: Uint32Array;
  readonly device: Uint16Array;
  readonly topic: Uint16Array;
  readonly packetId: Uint16Array;
  readonly flags: Uint8Array;
  readonly data: Buffer;

  constructor(size: OpenBatchSize, buffer?: ArrayBuffer) {
    const n = size.recordsMax;
    this.buffer = buffer ?? new ArrayBuffer(n * COLUMN_BYTES_PER_RECORD + size.dataBytesMax);
    const b = this.buffer;
    this.timeMs = new Uint32Array(b, 0, n);
    this.payloadBytes = new Uint32Array(b, 4 * n, n);
    this.propertiesBytes = new Uint32Array(b, 8 * n, n);
    this.device = new Uint16Array(b, 12 * n, n);
    this.topic = new Uint16Array(b, 14 * n, n);
    this.packetId = new Uint16Array(b, 16 * n, n);
    this.flags = new Uint8Array(b, 18 * n, n);
    this.data = Buffer.from(b, 19 * n, size.dataBytesMax);
  }
}

/** What crosses to the storage thread: the buffer (transferred) and what of it is used. */
export interface SealedBatch {
  lane: number;
  count: number;
  dataBytes: number;
  hasProperties: boolean;
  hasPacketIds: boolean;
  devices: string[];
  topics: string[];
  baseTimeMs: number;
  baseMonotonicMs: number;
  buffer: ArrayBuffer;
  /** For each of `devices` its key and its group's, whose bytes are counted; absent or null: nobody's are. */
  owners?: Float64Array | null;
}

/** The used part of a sealed batch as columns (views, nothing is copied). */
export function sealedColumns(sealed: SealedBatch, size: OpenBatchSize): RecordColumns {
  const memory = new BatchMemory(size, sealed.buffer);
  const n = sealed.count;
  return {
    count: n,
    devices: sealed.devices,
    topics: sealed.topics,
    device: memory.device.subarray(0, n),
    topic: memory.topic.subarray(0, n),
    timeMs: memory.timeMs.subarray(0, n),
    flags: memory.flags.subarray(0, n),
    payloadBytes: memory.payloadBytes.subarray(0, n),
    propertiesBytes: sealed.hasProperties ? memory.propertiesBytes.subarray(0, n) : null,
    packetId: sealed.hasPacketIds ? memory.packetId.subarray(0, n) : null,
    data: memory.data.subarray(0, sealed.dataBytes),
  };
}
