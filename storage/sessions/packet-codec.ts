// A kept message as bytes, in the sessions' tables (retained, queued, wills):
//
//   [0] format version (1)   [1..4] crc32 of the rest, big endian   [5..] CBOR (RFC 8949)
//   CBOR: [topic, payload (bytes or text), qos, retain, messageExpiryMs | null, [[name, value], ...] | null]
//
// User properties are a list of pairs, so that no name a device chooses can meet a JavaScript object's own
// names. The checksum is there because SQLite has none: a flipped bit must not reach a device.

import * as zlib from 'node:zlib';
import { Decoder, Encoder } from 'cbor-x';
import type { PublishProperties, StoredPacket } from './session-packet.ts';

const FORMAT_VERSION = 1;
const HEADER_BYTES = 5;
const options = {
  tagUint8Array: false,
  useRecords: false,
  variableMapSize: true,
  mapsAsObjects: false,
} as const;
const encoder = new Encoder(options);
const decoder = new Decoder(options);

/** The result owns its memory exactly, so that it can be cloned or transferred to another thread. */
export function encodePacket(packet: StoredPacket): Uint8Array {
  const body = encoder.encode([
    packet.topic,
    packet.payload,
    packet.qos,
    packet.retain,
    packet.messageExpiry ?? null,
    packet.properties === undefined ? null : pairsOf(packet.properties),
  ]);
  const bytes = Buffer.allocUnsafeSlow(HEADER_BYTES + body.length);
  bytes[0] = FORMAT_VERSION;
  bytes.writeUInt32BE(zlib.crc32(body), 1);
  bytes.set(body, HEADER_BYTES);
  return bytes;
}

/** Throws an Error that says what is wrong with the bytes. */
export function decodePacket(bytes: Uint8Array): StoredPacket {
  if (bytes.length <= HEADER_BYTES) throw new Error('too short');
  if (bytes[0] !== FORMAT_VERSION) throw new Error(`format version ${bytes[0]}, expected ${FORMAT_VERSION}`);
  const body = Buffer.from(bytes.buffer, bytes.byteOffset + HEADER_BYTES, bytes.length - HEADER_BYTES);
  const crc = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  if (crc !== zlib.crc32(body)) throw new Error('the checksum is wrong');
  const items: unknown = decoder.decode(body);
  if (!Array.isArray(items) || items.length !== 6) throw new Error('not a packet');
  const [topic, payload, qos, retain, messageExpiry, pairs] = items;
  if (typeof topic !== 'string' || typeof retain !== 'boolean') throw new Error('not a packet');
  if (qos !== 0 && qos !== 1 && qos !== 2) throw new Error('not a packet: QoS');
  return {
    topic,
    payload: typeof payload === 'string' ? payload : bufferOf(payload),
    qos,
    retain,
    properties: pairs === null ? undefined : propertiesOf(pairs),
    messageExpiry: messageExpiry === null ? undefined : Number(messageExpiry),
  };
}

/** Buffers become plain Uint8Array on their way between threads; mqtt-packet wants Buffers. */
export function asBuffers(packet: StoredPacket): StoredPacket {
  const payload = typeof packet.payload === 'string' ? packet.payload : bufferOf(packet.payload);
  if (packet.properties === undefined) return { ...packet, payload };
  const properties = { ...packet.properties };
  for (const [name, value] of Object.entries(properties)) {
    if (value instanceof Uint8Array) properties[name] = bufferOf(value);
  }
  return { ...packet, payload, properties };
}

function bufferOf(value: unknown): Buffer {
  if (Buffer.isBuffer(value)) return value;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  throw new Error('not bytes');
}

type Pair = [name: string, value: unknown];

function pairsOf(properties: PublishProperties): Pair[] {
  const pairs: Pair[] = [];
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    pairs.push([name, name === 'userProperties' ? Object.entries(value as object) : value]);
  }
  return pairs;
}

function propertiesOf(pairs: unknown): PublishProperties {
  const properties: PublishProperties = {};
  for (const [name, value] of checkedPairs(pairs)) {
    if (name === '__proto__') throw new Error('not a property');
    properties[name] = name === 'userProperties' ? userPropertiesOf(value) : value;
  }
  return properties;
}

/** Without a prototype, as mqtt-packet makes it. */
function userPropertiesOf(pairs: unknown): Record<string, unknown> {
  const properties: Record<string, unknown> = Object.create(null);
  for (const [name, value] of checkedPairs(pairs)) properties[name] = value;
  return properties;
}

function checkedPairs(pairs: unknown): Pair[] {
  if (!Array.isArray(pairs)) throw new Error('not a list of properties');
  for (const pair of pairs) {
    if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[0] !== 'string')
      throw new Error('not a property');
  }
  return pairs as Pair[];
}
