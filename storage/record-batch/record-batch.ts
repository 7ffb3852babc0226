// The record batch: what many publishes become, in memory, on disk and on the wire. Records are columns, not objects:
// string tables for devices and topics, then for each record the index of both, its time, flags and lengths, and one
// contiguous data area that holds every record's MQTT 5 properties (if any) followed by its payload.
//
// A record's name for life is (gateway, lane, offset); record i of a batch has offset firstOffset + i.
// The encoding is in codec.ts, its description and test vectors in storage/README.md.

export interface RecordColumns {
  count: number;
  devices: string[];
  topics: string[];
  /** Index into `devices`. */
  device: Uint16Array;
  /** Index into `topics`. */
  topic: Uint16Array;
  /** Milliseconds since the batch's `baseTimeMs`, when the publish was read off the socket. */
  timeMs: Uint32Array;
  flags: Uint8Array;
  /** Bytes of payload of each record. */
  payloadBytes: Uint32Array;
  /** Bytes of MQTT 5 properties of each record, null when no record has any. */
  propertiesBytes: Uint32Array | null;
  /** MQTT packet id of a QoS 1 publish of a persistent session, 0 otherwise; null when all are 0. */
  packetId: Uint16Array | null;
  /** properties0 payload0 properties1 payload1 ... */
  data: Uint8Array;
  /**
   * The lane's names from here up to the batch's first were left out (open/known-gaps.ts): a consumer need not look for
   * them. Absent in nearly every batch: the one before it is its neighbour.
   */
  leftOutFrom?: number;
}

export interface RecordBatch extends RecordColumns {
  gateway: string;
  lane: string;
  firstOffset: number;
  /** Wall clock of the batch's first record, ms since 1970. */
  baseTimeMs: number;
  /**
   * Which boot of the gateway took the records, and the monotonic clock at baseTimeMs: a wall clock that was
   * wrong at boot can be repaired later.
   */
  bootId: string;
  baseMonotonicMs: number;
}

/** Bits of `flags`. QoS is the lowest two bits. */
export const RecordFlag = {
  qosMask: 0b11,
  retain: 1 << 2,
  /** The device sent it with DUP set. */
  dup: 1 << 3,
  /** A will, published by the gateway in the device's name. */
  will: 1 << 4,
  /** A number of `deadLetterReasons`; 0: no dead letter. */
  deadLetterMask: 0b11 << 5,
  /** Its MQTT 5 properties say that the payload is UTF-8, and it is not. */
  deadLetterPayloadFormat: 1 << 5,
} as const;

/** Short, as dead letters of a sink are named; the last two are for gateways to come. */
export const deadLetterReasons: readonly string[] = ['', 'payload-format', 'unknown', 'unknown'];

/**
 * Why a record was kept as a dead letter: acknowledged, named and kept like any other, and never sent on. Empty: it is
 * none.
 */
export function deadLetterReason(flags: number): string {
  return deadLetterReasons[(flags & RecordFlag.deadLetterMask) >> 5];
}

/** How many records from `from` on, before `to`, come before the next dead letter. */
export function countBeforeDeadLetter({ flags }: RecordColumns, from: number, to: number): number {
  let at = from;
  while (at < to && (flags[at] & RecordFlag.deadLetterMask) === 0) at++;
  return at - from;
}

/** One record as an object: for decoding tools, `each` sinks and tests, never between socket and disk. */
export interface RecordView {
  gateway: string;
  lane: string;
  offset: number;
  device: string;
  topic: string;
  timeMs: number;
  qos: 0 | 1 | 2;
  retain: boolean;
  dup: boolean;
  will: boolean;
  /** Why it was kept as a dead letter; absent: it is none. */
  deadLetter?: string;
  payload: Uint8Array;
  /** MQTT 5 properties as on the wire (MQTT 5.0 2.2.2.2), without their length; empty when there are none. */
  properties: Uint8Array;
}

/** Iterates the records of a batch in order. The views share the batch's memory. */
export function* recordsOf(batch: RecordBatch): Generator<RecordView> {
  let at = 0;
  for (let i = 0; i < batch.count; i++) {
    const propertiesEnd = at + (batch.propertiesBytes === null ? 0 : batch.propertiesBytes[i]);
    const end = propertiesEnd + batch.payloadBytes[i];
    const flags = batch.flags[i];
    const deadLetter = deadLetterReason(flags);
    yield {
      gateway: batch.gateway,
      lane: batch.lane,
      offset: batch.firstOffset + i,
      device: batch.devices[batch.device[i]],
      topic: batch.topics[batch.topic[i]],
      timeMs: batch.baseTimeMs + batch.timeMs[i],
      qos: (flags & RecordFlag.qosMask) as 0 | 1 | 2,
      retain: (flags & RecordFlag.retain) !== 0,
      dup: (flags & RecordFlag.dup) !== 0,
      will: (flags & RecordFlag.will) !== 0,
      ...(deadLetter === '' ? {} : { deadLetter }),
      payload: batch.data.subarray(propertiesEnd, end),
      properties: batch.data.subarray(at, propertiesEnd),
    };
    at = end;
  }
}
