// How many bytes of a batch are whose: pairs of an owner's key (owner-keys.ts) and a number of bytes. What counts of
// a record is its topic's name in UTF-8, its MQTT 5 properties as they are kept, and its payload: what it would be
// without compression and without columns.
//
// On disk ten bytes an owner, big endian:   key u48 | bytes u32   (at most 2^32 - 1)
// Owners may occur more than once; readers add up.

import type { RecordColumns } from '../record-batch/record-batch.ts';

/** key, bytes, key, bytes, ... */
export type OwnerShares = Float64Array;

const KEY_BYTES = 6;
const SHARE_BYTES = 10;
const SHARE_BYTES_MAX = 0xffffffff;

/**
 * `owners`: for each of the batch's devices the key of the device and the key of its group, 0 for nobody; null: nobody
 * at all.
 */
export function sharesOf(columns: RecordColumns, owners: Float64Array | null): OwnerShares {
  if (owners === null) return new Float64Array(0);
  const perDevice = bytesPerDevice(columns);
  const groups = new Map<number, number>();
  const shares: number[] = [];
  for (let i = 0; i < perDevice.length; i++) {
    if (perDevice[i] === 0) continue;
    const group = owners[2 * i + 1];
    if (owners[2 * i] !== 0) shares.push(owners[2 * i], perDevice[i]);
    if (group !== 0) groups.set(group, (groups.get(group) ?? 0) + perDevice[i]);
  }
  for (const [group, bytes] of groups) shares.push(group, bytes);
  return new Float64Array(shares);
}

function bytesPerDevice(columns: RecordColumns): Float64Array {
  const { device, topic, payloadBytes, propertiesBytes } = columns;
  const perDevice = new Float64Array(columns.devices.length);
  const topicBytes = Uint32Array.from(columns.topics, (text) => Buffer.byteLength(text));
  for (let i = 0; i < columns.count; i++) perDevice[device[i]] += payloadBytes[i] + topicBytes[topic[i]];
  if (propertiesBytes !== null)
    for (let i = 0; i < columns.count; i++) perDevice[device[i]] += propertiesBytes[i];
  return perDevice;
}

export function encodeShares(shares: OwnerShares): Buffer {
  const bytes = Buffer.allocUnsafe((shares.length / 2) * SHARE_BYTES);
  for (let i = 0, at = 0; i < shares.length; i += 2, at += SHARE_BYTES) {
    bytes.writeUIntBE(shares[i], at, KEY_BYTES);
    bytes.writeUInt32BE(Math.min(shares[i + 1], SHARE_BYTES_MAX), at + KEY_BYTES);
  }
  return bytes;
}

/** As many as are whole. */
export function decodeShares(bytes: Buffer): OwnerShares {
  const shares = new Float64Array(2 * Math.floor(bytes.length / SHARE_BYTES));
  for (let i = 0, at = 0; i < shares.length; i += 2, at += SHARE_BYTES) {
    shares[i] = bytes.readUIntBE(at, KEY_BYTES);
    shares[i + 1] = bytes.readUInt32BE(at + KEY_BYTES);
  }
  return shares;
}
