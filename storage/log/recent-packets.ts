// Which QoS 1 packets of persistent sessions were kept lately, so that one sent again with DUP after a lost PUBACK is
// acknowledged and not kept twice (MQTT 5.0 4.3.2, 4.4): same session, same packet id, same bytes.
//
// An entry is a packet id and a 53-bit hash of topic and data. Bounded per session (the receive maximum: no client has
// more in flight) and in all; after a crash it is rebuilt from the newest batches of the log, which carry packet ids.

import { type RecordColumns, RecordFlag } from '../record-batch/record-batch.ts';

const ENTRIES_MAX = 2_000_000;

export class RecentPackets {
  readonly #perSessionMax: number;
  /** Oldest session first; in a session, oldest packet first. */
  readonly #sessions = new Map<string, Map<number, number>>();
  #entries = 0;

  constructor(perSessionMax: number) {
    this.#perSessionMax = perSessionMax;
  }

  get entries(): number {
    return this.#entries;
  }

  /** A clean start: packet ids mean new packets from here on. */
  forget(device: string): void {
    this.#entries -= this.#sessions.get(device)?.size ?? 0;
    this.#sessions.delete(device);
  }

  /**
   * Notes the packets of a batch about to be stored and returns how many of them are kept already; those are marked in
   * `known` (one byte a record, at least `count` long, written for every record).
   */
  note(batch: RecordColumns, known: Uint8Array): number {
    const { packetId, propertiesBytes } = batch;
    if (packetId === null) return 0;
    const topicHashes = batch.topics.map(hashText);
    const data = Buffer.from(batch.data.buffer, batch.data.byteOffset, batch.data.byteLength);
    let duplicates = 0;
    let at = 0;
    for (let i = 0; i < batch.count; i++) {
      const end = at + batch.payloadBytes[i] + (propertiesBytes === null ? 0 : propertiesBytes[i]);
      known[i] = 0;
      if (packetId[i] !== 0) {
        const hash = hashBytes(data, at, end, topicHashes[batch.topic[i]]);
        const session = this.#session(batch.devices[batch.device[i]]);
        if ((batch.flags[i] & RecordFlag.dup) !== 0 && session.get(packetId[i]) === hash) {
          known[i] = 1;
          duplicates++;
        } else {
          this.#put(session, packetId[i], hash);
        }
      }
      at = end;
    }
    return duplicates;
  }

  #session(device: string): Map<number, number> {
    let session = this.#sessions.get(device);
    if (session === undefined) {
      session = new Map();
      this.#sessions.set(device, session);
      if (this.#entries > ENTRIES_MAX) this.forget(this.#sessions.keys().next().value as string);
    }
    return session;
  }

  #put(session: Map<number, number>, packetId: number, hash: number): void {
    if (session.delete(packetId)) this.#entries--;
    session.set(packetId, hash);
    this.#entries++;
    if (session.size > this.#perSessionMax) {
      session.delete(session.keys().next().value as number);
      this.#entries--;
    }
  }
}

/** Removes the records marked in `known`; the columns shrink in place. */
export function withoutKnown(batch: RecordColumns, known: Uint8Array): RecordColumns {
  const { propertiesBytes, packetId, data } = batch;
  let kept = 0;
  let from = 0;
  let to = 0;
  for (let i = 0; i < batch.count; i++) {
    const bytes = batch.payloadBytes[i] + (propertiesBytes === null ? 0 : propertiesBytes[i]);
    if (known[i] === 0) {
      batch.device[kept] = batch.device[i];
      batch.topic[kept] = batch.topic[i];
      batch.timeMs[kept] = batch.timeMs[i];
      batch.flags[kept] = batch.flags[i];
      batch.payloadBytes[kept] = batch.payloadBytes[i];
      if (propertiesBytes !== null) propertiesBytes[kept] = propertiesBytes[i];
      if (packetId !== null) packetId[kept] = packetId[i];
      if (to !== from) data.copyWithin(to, from, from + bytes);
      to += bytes;
      kept++;
    }
    from += bytes;
  }
  return {
    ...batch,
    count: kept,
    device: batch.device.subarray(0, kept),
    topic: batch.topic.subarray(0, kept),
    timeMs: batch.timeMs.subarray(0, kept),
    flags: batch.flags.subarray(0, kept),
    payloadBytes: batch.payloadBytes.subarray(0, kept),
    propertiesBytes: propertiesBytes?.subarray(0, kept) ?? null,
    packetId: packetId?.subarray(0, kept) ?? null,
    data: data.subarray(0, to),
  };
}

function hashText(text: string): number {
  const bytes = Buffer.from(text);
  return hashBytes(bytes, 0, bytes.length, 0) % 0xffffffff;
}

/** Two independent 32-bit multiplicative hashes over words, mixed to 53 bits. */
function hashBytes(bytes: Buffer, start: number, end: number, seed: number): number {
  let a = (seed ^ 0x9e3779b9) | 0;
  let b = (seed + (end - start)) | 0;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = bytes.readInt32LE(at);
    a = Math.imul(a ^ word, 0x85ebca6b);
    a ^= a >>> 15;
    b = Math.imul(b + word, 0xc2b2ae35);
    b ^= b >>> 13;
  }
  for (; at < end; at++) {
    a = Math.imul(a ^ bytes[at], 0x01000193);
    b = Math.imul(b + bytes[at] + 1, 0x27d4eb2f);
    b ^= b >>> 13;
  }
  a ^= a >>> 16;
  return (a >>> 0) * 0x200000 + (b >>> 11);
}
