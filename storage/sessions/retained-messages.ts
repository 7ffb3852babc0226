// The last message of each topic that was published with RETAIN (MQTT 5.0 3.3.1.3).
//
// A message is seen by new subscribers when it is on disk and aedes publishes it; of two for the same topic
// the one whose op was made later stays, whichever is published last, because that is what the disk has.

import { clientLimits } from '../../config/limits.ts';
import { AtOnce } from './at-once.ts';
import { encodePacket } from './packet-codec.ts';
import type { SessionContext } from './session-context.ts';
import type { SessionOp } from './session-ops.ts';
import type { SessionPacket, StoredPacket } from './session-packet.ts';
import { copyPayload, expiryOf, forwardedProperties, identityOf } from './session-packet.ts';
import { TopicTrie } from './topic-trie.ts';

interface Retained {
  packet: SessionPacket;
  bytes: number;
  seq: number;
}

/**
 * What storing a packet does: to the disk by `ops`, to memory by `message` (null: nothing is retained any
 * more).
 */
interface Plan {
  seq: number;
  ops: SessionOp[];
  message: Retained | null;
  /** By how much it changes the totals, as far as was known when it was made. */
  addsCount: number;
  addsBytes: number;
}

export class RetainedMessages {
  readonly #context: SessionContext;
  readonly #byTopic = new TopicTrie<Retained>();
  readonly #prepared = new Map<string, Plan>();
  /** Topics emptied while older plans are still to be carried out. */
  readonly #emptied = new Map<string, number>();
  #bytes = 0;
  /** Plans that were made and not carried out yet take their room already. */
  #outstanding = 0;
  #reservedCount = 0;
  #reservedBytes = 0;

  constructor(context: SessionContext) {
    this.#context = context;
  }

  get count(): number {
    return this.#byTopic.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  restore(stored: StoredPacket, bytes: number): void {
    const { topic, payload, qos, properties, messageExpiry } = stored;
    const packet: SessionPacket = { cmd: 'publish', topic, payload, qos, retain: true, dup: false };
    if (properties !== undefined) packet.properties = properties;
    if (messageExpiry !== undefined) packet.messageExpiry = messageExpiry;
    this.#set(topic, { packet, bytes, seq: 0 });
  }

  /** The ops that store the packet; null when it changes nothing. */
  prepare(packet: SessionPacket): SessionOp[] | null {
    const identity = identityOf(packet);
    if (identity === null || !packet.retain) return null;
    const plan = this.#plan(packet);
    this.#prepared.set(identity, plan);
    this.#count(plan, 1);
    return plan.ops.length === 0 ? null : plan.ops;
  }

  abandon(packet: SessionPacket): void {
    this.#takePrepared(packet);
  }

  /** aedes publishes: carries out what was prepared, or does it all. */
  store(packet: SessionPacket): PromiseLike<void> {
    const prepared = this.#takePrepared(packet);
    if (prepared === undefined) return this.#storeUnprepared(packet);
    this.#carryOut(packet.topic, prepared);
    return new AtOnce(undefined);
  }

  async #storeUnprepared(packet: SessionPacket): Promise<void> {
    const plan = this.#plan(packet);
    this.#count(plan, 1);
    try {
      await this.#context.journal(plan.ops);
    } finally {
      this.#count(plan, -1);
    }
    this.#carryOut(packet.topic, plan);
  }

  /** For each filter the messages of matching topics. */
  *matching(filters: string[]): Generator<SessionPacket> {
    const nowMs = this.#context.clock.nowMs();
    for (const filter of filters) {
      for (const { packet } of this.#byTopic.matching(filter)) {
        if (!hasExpired(packet, nowMs)) yield packet;
      }
    }
  }

  /** MQTT 5.0 3.3.2.3.3. */
  removeExpired(nowMs: number): SessionOp[] {
    const ops: SessionOp[] = [];
    for (const { packet } of [...this.#byTopic.values()]) {
      if (!hasExpired(packet, nowMs)) continue;
      this.#remove(packet.topic);
      ops.push({ kind: 'retained-remove', topic: packet.topic });
    }
    if (ops.length > 0) this.#context.onDrop('retained-expired', ops.length);
    return ops;
  }

  #plan(packet: SessionPacket): Plan {
    const { topic } = packet;
    const plan = { seq: this.#context.nextSeq(), ops: [], message: null, addsCount: 0, addsBytes: 0 };
    const current = this.#byTopic.get(topic);
    const removal: SessionOp[] = [{ kind: 'retained-remove', topic }];
    const ifNone = current !== undefined || this.#outstanding > 0 ? { ...plan, ops: removal } : plan;
    if (packet.payload === undefined || packet.payload.length === 0) return ifNone;
    const kept = keptPacketOf(packet, this.#context.clock.nowMs());
    const encoded = encodePacket(storedOf(kept));
    const addsCount = current === undefined ? 1 : 0;
    const addsBytes = encoded.length - (current?.bytes ?? 0);
    if (!this.#hasRoom(addsCount, addsBytes)) {
      this.#context.onDrop('retained-full', 1);
      return ifNone; // better none than one that is out of date
    }
    const message = { packet: kept, bytes: encoded.length, seq: plan.seq };
    return { ...plan, ops: [{ kind: 'retained-put', topic, bytes: encoded }], message, addsCount, addsBytes };
  }

  #hasRoom(addsCount: number, addsBytes: number): boolean {
    const { retainedMessagesMax, retainedBytesMax } = this.#context.limits;
    if (addsCount > 0) {
      if (this.count + this.#reservedCount + addsCount > retainedMessagesMax) return false;
      if (this.#byTopic.nodes >= retainedMessagesMax * clientLimits.levelsPerTopic) return false;
    }
    return addsBytes <= 0 || this.#bytes + this.#reservedBytes + addsBytes <= retainedBytesMax;
  }

  #carryOut(topic: string, plan: Plan): void {
    const latest = this.#byTopic.get(topic)?.seq ?? this.#emptied.get(topic) ?? -1;
    if (latest < plan.seq) {
      if (plan.message !== null) this.#set(topic, plan.message);
      else if (plan.ops.length > 0) this.#remove(topic);
      if (plan.message === null && this.#outstanding > 0) this.#emptied.set(topic, plan.seq);
    }
    if (this.#outstanding === 0 && this.#emptied.size > 0) this.#emptied.clear();
  }

  #takePrepared(packet: SessionPacket): Plan | undefined {
    const identity = identityOf(packet);
    if (identity === null) return undefined;
    const plan = this.#prepared.get(identity);
    if (plan === undefined) return undefined;
    this.#prepared.delete(identity);
    this.#count(plan, -1);
    return plan;
  }

  #count(plan: Plan, by: 1 | -1): void {
    this.#outstanding += by;
    this.#reservedCount += by * plan.addsCount;
    this.#reservedBytes += by * plan.addsBytes;
  }

  #set(topic: string, retained: Retained): void {
    this.#remove(topic);
    this.#byTopic.set(topic, retained);
    this.#bytes += retained.bytes;
  }

  #remove(topic: string): void {
    const current = this.#byTopic.get(topic);
    if (current === undefined) return;
    this.#byTopic.delete(topic);
    this.#bytes -= current.bytes;
  }
}

function hasExpired(packet: SessionPacket, nowMs: number): boolean {
  return packet.messageExpiry !== undefined && packet.messageExpiry <= nowMs;
}

/** A copy as aedes gets it back. */
function keptPacketOf(packet: SessionPacket, nowMs: number): SessionPacket {
  const kept: SessionPacket = { ...packet, payload: copyPayload(packet.payload) };
  const properties = forwardedProperties(packet.properties);
  if (properties === undefined) delete kept.properties;
  else kept.properties = properties;
  const messageExpiry = expiryOf(packet, nowMs);
  if (messageExpiry !== undefined) kept.messageExpiry = messageExpiry;
  return kept;
}

function storedOf(kept: SessionPacket): StoredPacket {
  const { topic, payload, qos, properties, messageExpiry } = kept;
  return {
    topic,
    payload: payload as Buffer | string,
    qos: qos ?? 0,
    retain: true,
    properties,
    messageExpiry,
  };
}
