// One message from upstream becomes what it holds: a record batch (format `batch`, known by its content type or by its
// first bytes), a single record (format `each`, which bears its name in the user property `sluice`), or neither.

import type { IPublishPacket } from 'mqtt';
import { messageOf, SluiceError } from '../../config/errors.ts';
import { decodeBatch } from '../../storage/record-batch/codec.ts';
import { decodeProperties } from '../../storage/record-batch/mqtt-properties.ts';
import { type RecordBatch, recordsOf } from '../../storage/record-batch/record-batch.ts';
import type { OffsetRange } from './offset-intervals.ts';
import type { ReceivedRecord } from './record-line.ts';

export const BATCH_CONTENT_TYPE = 'application/vnd.sluice.batch+cbor';
/** The user property of format `each` that holds a record's name: `<gateway>/<lane>/<offset>`. */
export const NAME_PROPERTY = 'sluice';

export type UpstreamMessage =
  | { kind: 'batch'; batch: RecordBatch }
  | { kind: 'record'; record: ReceivedRecord; leftOut?: OffsetRange }
  /** Says that it is ours and is not whole. */
  | { kind: 'damaged'; reason: string }
  /** Somebody else's. */
  | { kind: 'foreign' };

/**
 * The user property of format `each` on the first record after names that were left out: `<from>/<to>`, `to` not
 * included.
 */
const LEFT_OUT_PROPERTY = 'sluice-left-out';
const LEFT_OUT_RANGE = /^(?<from>\d{1,16})\/(?<to>\d{1,16})$/;

const MAGIC = Buffer.from([0xd9, 0xd9, 0xf7]);
const RECORD_NAME = /^(?<gateway>[A-Za-z0-9._-]{1,64})\/(?<lane>[a-z0-9-]{1,32})\/(?<offset>\d{1,16})$/;

/** Throws BATCH_VERSION: a newer program can read it, so it must not be acknowledged by this one. */
export function parseUpstreamMessage(packet: IPublishPacket): UpstreamMessage {
  const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload;
  const isBatch = packet.properties?.contentType === BATCH_CONTENT_TYPE;
  if (isBatch || payload.subarray(0, MAGIC.length).equals(MAGIC)) return parseBatch(payload);
  const name = [packet.properties?.userProperties?.[NAME_PROPERTY]].flat().at(-1);
  return name === undefined ? { kind: 'foreign' } : parseRecord(packet, payload, name);
}

function parseBatch(payload: Buffer): UpstreamMessage {
  try {
    const batch = decodeBatch(payload);
    checkProperties(batch);
    return { kind: 'batch', batch };
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'BATCH_VERSION') throw error;
    return { kind: 'damaged', reason: messageOf(error) };
  }
}

/**
 * Now, so that a batch is taken or damaged as a whole, and never found damaged when half of it is printed.
 */
function checkProperties(batch: RecordBatch): void {
  if (batch.propertiesBytes === null) return;
  for (const { properties } of recordsOf(batch)) if (properties.length > 0) decodeProperties(properties);
}

function parseRecord(packet: IPublishPacket, payload: Buffer, name: string): UpstreamMessage {
  const parts = RECORD_NAME.exec(name)?.groups;
  const offset = Number(parts?.offset);
  if (parts === undefined || !Number.isSafeInteger(offset + 1)) {
    return { kind: 'damaged', reason: `'${name.slice(0, 128)}' is no name of a record` };
  }
  const {
    [NAME_PROPERTY]: _,
    [LEFT_OUT_PROPERTY]: range,
    ...userProperties
  } = packet.properties?.userProperties ?? {};
  const { userProperties: __, ...properties } = packet.properties ?? {};
  const record: ReceivedRecord = {
    gateway: parts.gateway,
    lane: parts.lane,
    offset,
    device: undefined,
    topic: packet.topic,
    timeMs: undefined,
    qos: packet.qos,
    retain: packet.retain,
    dup: undefined,
    will: undefined,
    payload,
    properties: Object.keys(userProperties).length === 0 ? properties : { ...properties, userProperties },
  };
  const leftOut = leftOutRange([range].flat().at(-1));
  return leftOut === undefined ? { kind: 'record', record } : { kind: 'record', record, leftOut };
}

/** What is no range is nobody's word for anything: the names then count as missing. */
function leftOutRange(text: string | undefined): OffsetRange | undefined {
  const parts = LEFT_OUT_RANGE.exec(text ?? '')?.groups;
  const range = { from: Number(parts?.from), to: Number(parts?.to) };
  return Number.isSafeInteger(range.to) && range.from < range.to ? range : undefined;
}
