// Record batches made of plain objects, for tests.

import { type RecordBatch, RecordFlag } from '../../storage/record-batch/record-batch.ts';

export interface TestRecord {
  device?: string;
  topic?: string;
  payload?: string | Uint8Array;
  qos?: 0 | 1 | 2;
  retain?: boolean;
  /** Kept as one: its payload is not the UTF-8 it is said to be. */
  deadLetter?: boolean;
  /** MQTT 5 properties as on the wire, without their length. */
  properties?: Uint8Array;
  /** After the batch's base time. */
  timeMs?: number;
  packetId?: number;
}

export type BatchEnvelope = Partial<
  Pick<RecordBatch, 'gateway' | 'lane' | 'firstOffset' | 'baseTimeMs' | 'bootId' | 'baseMonotonicMs'>
>;

export function recordBatch(records: readonly TestRecord[], envelope: BatchEnvelope = {}): RecordBatch {
  const devices = new StringIndex();
  const topics = new StringIndex();
  const payloads = records.map(({ payload = '' }) => Buffer.from(payload));
  const properties = records.map((record) => record.properties ?? new Uint8Array());
  return {
    gateway: 'gw',
    lane: 'main',
    firstOffset: 0,
    baseTimeMs: 1_700_000_000_000,
    bootId: 'boot-1',
    baseMonotonicMs: 1000,
    ...envelope,
    count: records.length,
    device: Uint16Array.from(records, ({ device = 'dev-1' }) => devices.of(device)),
    topic: Uint16Array.from(records, ({ topic = 'plant/1' }) => topics.of(topic)),
    devices: devices.strings,
    topics: topics.strings,
    timeMs: Uint32Array.from(records, ({ timeMs = 0 }) => timeMs),
    flags: Uint8Array.from(records, flagsOf),
    payloadBytes: Uint32Array.from(payloads, (payload) => payload.length),
    propertiesBytes: records.some((record) => record.properties !== undefined)
      ? Uint32Array.from(properties, (bytes) => bytes.length)
      : null,
    packetId: records.some((record) => record.packetId !== undefined)
      ? Uint16Array.from(records, ({ packetId = 0 }) => packetId)
      : null,
    data: Buffer.concat(records.flatMap((_, i) => [properties[i], payloads[i]])),
  };
}

function flagsOf({ qos = 1, retain = false, deadLetter = false }: TestRecord): number {
  return qos | (retain ? RecordFlag.retain : 0) | (deadLetter ? RecordFlag.deadLetterPayloadFormat : 0);
}

/**
 * `count` records from `firstOffset` on, of `devices` devices in turn; the payload is the offset. Those with the offsets
 * `deadLetters` were kept as such.
 */
export function numberedBatch(
  firstOffset: number,
  count: number,
  options: { devices?: number; payloadBytes?: number; deadLetters?: readonly number[] } & BatchEnvelope = {},
): RecordBatch {
  const { devices = 5, payloadBytes = 0, deadLetters = [], ...envelope } = options;
  const records = Array.from({ length: count }, (_, i) => {
    const offset = firstOffset + i;
    return {
      device: `dev-${offset % devices}`,
      topic: `plant/${offset % devices}`,
      payload: String(offset).padEnd(payloadBytes, '.'),
      deadLetter: deadLetters.includes(offset),
    };
  });
  return recordBatch(records, { firstOffset, ...envelope });
}

class StringIndex {
  readonly strings: string[] = [];

  of(text: string): number {
    const known = this.strings.indexOf(text);
    return known >= 0 ? known : this.strings.push(text) - 1;
  }
}
