// The wills of connected clients (MQTT 5.0 3.1.2.5), on disk so that they are published even when it is the
// gateway that disappears: those of an earlier boot are left over, and the gateway publishes them after its
// start.

import { encodePacket } from './packet-codec.ts';
import type { SessionContext } from './session-context.ts';
import type { SessionOp } from './session-ops.ts';
import { type SessionClient, type SessionPacket, storedPacketOf } from './session-packet.ts';
import type { StoredWill } from './session-snapshot.ts';

export interface LeftoverWill {
  clientId: string;
  /** Of the boot that it is from; pass it to `delWill`. */
  brokerId: string;
  /** Ready for broker.publish. */
  packet: SessionPacket;
  /** MQTT 5.0 3.1.3.2.2 Will Delay Interval, at most until the session ends. */
  delayMs: number;
}

interface Will {
  /** Encoded. */
  bytes: number;
  /** aedes's own object. */
  packet: SessionPacket;
  /**
   * Null for one of an earlier boot. Weak: a delayed will is here for long after its client has gone, with its
   * connection
   * and all that hangs on it.
   */
  owner: WeakRef<SessionClient> | null;
  brokerId: string;
  delayS: number;
}

export class Wills {
  readonly #context: SessionContext;
  readonly #byClient = new Map<string, Will>();
  #bytes = 0;
  /** Of clients that are being let in: their wills come when their sessions are open. */
  readonly #reserved = new Map<SessionClient, number>();
  #reservedBytes = 0;
  readonly #startedAtMs: number;

  constructor(context: SessionContext) {
    this.#context = context;
    this.#startedAtMs = context.clock.monotonicMs();
  }

  /** Encoded, of all wills. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps room for the will of a client until `put` or `unreserve`. False: there is none. */
  reserve(client: SessionClient, packet: SessionPacket): boolean {
    const bytes = this.#encoded(packet).length;
    const replaced = this.#byClient.get(client.id)?.bytes ?? 0;
    const taken = this.#bytes + this.#reservedBytes - replaced;
    if (taken + bytes > this.#context.limits.willsBytesMax) return false;
    this.#reserved.set(client, bytes);
    this.#reservedBytes += bytes;
    return true;
  }

  /** Repeatable. */
  unreserve(client: SessionClient): void {
    this.#reservedBytes -= this.#reserved.get(client) ?? 0;
    this.#reserved.delete(client);
  }

  restore(stored: StoredWill): void {
    const { client: clientId, brokerId, delayS } = stored;
    const { topic, payload, qos, retain, properties } = stored.packet;
    const packet: SessionPacket = { topic, payload, qos, retain, brokerId, clientId };
    if (properties !== undefined) packet.properties = properties;
    this.#set(clientId, { packet, owner: null, brokerId, delayS, bytes: this.#encoded(packet).length });
  }

  put(client: SessionClient, packet: SessionPacket, brokerId: string): SessionOp[] {
    packet.brokerId = brokerId;
    packet.clientId = client.id;
    const delayS = packet.properties?.willDelayInterval ?? 0;
    const owner = client.closed === undefined ? null : new WeakRef(client);
    const encoded = this.#encoded(packet);
    this.unreserve(client);
    this.#set(client.id, { packet, owner, brokerId, delayS, bytes: encoded.length });
    return [{ kind: 'will-put', client: client.id, brokerId, bytes: encoded, delayS }];
  }

  get(clientId: string): SessionPacket | undefined {
    return this.#byClient.get(clientId)?.packet;
  }

  /**
   * Removes the will, unless it is another one than is meant: of another boot, or - when a client took its
   * own session over - that of the connection which goes on, while `client` only names the one that ended.
   */
  remove(client: SessionClient): { packet: SessionPacket | undefined; ops: SessionOp[] } {
    const will = this.#byClient.get(client.id);
    if (will === undefined) return { packet: undefined, ops: [] };
    const isOtherBoot = client.brokerId !== undefined && client.brokerId !== will.brokerId;
    const isByName = client.closed === undefined;
    if (isOtherBoot || (isByName && will.owner?.deref()?.closed === false))
      return { packet: undefined, ops: [] };
    return { packet: will.packet, ops: this.forget(client.id) };
  }

  /** Whatever will the client has. */
  forget(clientId: string): SessionOp[] {
    this.#bytes -= this.#byClient.get(clientId)?.bytes ?? 0;
    return this.#byClient.delete(clientId) ? [{ kind: 'will-remove', client: clientId }] : [];
  }

  #set(clientId: string, will: Will): void {
    this.#bytes += will.bytes - (this.#byClient.get(clientId)?.bytes ?? 0);
    this.#byClient.set(clientId, will);
  }

  #encoded(packet: SessionPacket): Uint8Array {
    return encodePacket({ ...storedPacketOf(packet, this.#context.clock.nowMs()), messageExpiry: undefined });
  }

  /**
   * Wills whose broker is not among `brokers`, but for those not yet due, and those of this boot's
   * connections, which aedes publishes when they close - it would publish them here when its clock jumps.
   */
  *orphans(brokers: Record<string, unknown>): Generator<SessionPacket> {
    const waitedMs = this.#context.clock.monotonicMs() - this.#startedAtMs;
    for (const will of this.#byClient.values()) {
      if (brokers[will.brokerId] !== undefined || will.owner !== null) continue;
      if (will.delayS * 1000 > waitedMs) continue;
      yield will.packet;
    }
  }

  /** `sessionEndsInS` says how long a client's session goes on without a connection. */
  leftover(currentBrokerId: string, sessionEndsInS: (clientId: string) => number): LeftoverWill[] {
    const leftover: LeftoverWill[] = [];
    for (const [clientId, { packet, brokerId, delayS }] of this.#byClient) {
      if (brokerId === currentBrokerId) continue;
      const { topic, payload, qos, retain, properties } = packet;
      const will: SessionPacket = { cmd: 'publish', topic, payload, qos, retain };
      if (properties !== undefined) will.properties = properties;
      const delayMs = Math.min(delayS, sessionEndsInS(clientId)) * 1000;
      leftover.push({ clientId, brokerId, packet: will, delayMs });
    }
    return leftover;
  }
}
