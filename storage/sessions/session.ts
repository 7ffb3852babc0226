// A session as the main thread sees it: what MQTT 5.0 4.1 counts as its state, and its connection while there
// is one.

import { OutgoingQueue, type QueueEntry } from './outgoing-queue.ts';
import { SessionConnection } from './session-connection.ts';
import type { SessionRow } from './session-ops.ts';
import type { SessionClient } from './session-packet.ts';

/** MQTT 5.0 3.1.2.11.2. */
export const EXPIRY_NEVER_S = 0xffff_ffff;

export interface Subscription {
  readonly session: Session;
  readonly filter: string;
  qos: number;
  rh: number | undefined;
  rap: boolean | undefined;
  nl: boolean | undefined;
  subscriptionIdentifier: number | undefined;
}

export class Session {
  readonly sid: number;
  readonly clientId: string;
  protocolVersion: number;
  expiryS: number;
  disconnectedAtMs: number | null;
  /** The user it belongs to; undefined: nobody's. */
  owner: string | undefined;
  connection: SessionConnection | null = null;
  readonly subscriptions = new Map<string, Subscription>();
  /** Filters that were granted and are about to be subscriptions. */
  readonly granted = new Set<string>();
  readonly queue = new OutgoingQueue();
  /** Packet ids of PUBLISHes with QoS 2 that were received and not yet released. */
  readonly inboundQos2 = new Set<number>();

  constructor(row: SessionRow) {
    this.sid = row.sid;
    this.clientId = row.client;
    this.protocolVersion = row.protocolVersion;
    this.expiryS = row.expiryS;
    this.disconnectedAtMs = row.disconnectedAtMs;
    this.owner = row.owner;
  }

  row(): SessionRow {
    const { sid, clientId: client, protocolVersion, expiryS, disconnectedAtMs, owner } = this;
    return { sid, client, protocolVersion, expiryS, disconnectedAtMs, owner };
  }

  connect(client: SessionClient): void {
    this.connection = new SessionConnection(client);
    for (const entry of this.queue.entries()) this.connection.wait(entry);
    this.disconnectedAtMs = null;
  }

  disconnect(nowMs: number): void {
    this.connection = null;
    this.disconnectedAtMs = nowMs;
  }

  enqueue(entry: QueueEntry): void {
    this.queue.add(entry);
    this.connection?.wait(entry);
  }

  hasExpired(nowMs: number): boolean {
    if (this.connection !== null || this.disconnectedAtMs === null || this.expiryS >= EXPIRY_NEVER_S)
      return false;
    return this.disconnectedAtMs + this.expiryS * 1000 <= nowMs;
  }

  /**
   * True for what an older connection of the same client still does while or after a newer one takes the
   * session over (MQTT 5.0 3.1.4). Objects that are no connection (no `closed`) are never foreign.
   */
  isForeign(client: SessionClient): boolean {
    return this.connection !== null && client.closed !== undefined && this.connection.client !== client;
  }
}
