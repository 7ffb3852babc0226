// Which sessions there are, and their life: opened by CONNECT, kept over disconnects until their expiry
// interval has passed, ended by a clean start or by having none (MQTT 5.0 3.1.2.4, 3.1.2.11.2, 4.1).
//
// A session, and the name of a connected client, belongs to the user who made it: as long as it lives nobody else gets
// it, whoever else is let in under the same client id. What a client without a user has made is nobody's, because
// anybody could have made it; a user who opens it makes it his.
//
// Changes are made in memory at once and returned as ops for the caller to journal: what the next call sees
// is what the disk will say, in the same order.

import { SluiceError } from '../../config/errors.ts';
import type { QueuedMessages } from './queued-messages.ts';
import { EXPIRY_NEVER_S, Session } from './session.ts';
import type { DropReason, SessionContext } from './session-context.ts';
import type { SessionOp, SessionRow } from './session-ops.ts';
import type { SessionClient } from './session-packet.ts';
import type { Subscriptions } from './subscriptions.ts';

export interface OpenOptions {
  /** MQTT 5.0 3.1.2.4 Clean Start; for MQTT 3.1.1 Clean Session. */
  cleanStart: boolean;
  /** MQTT 5.0 3.1.2.11.2 Session Expiry Interval; for MQTT 3.1.1 0 with Clean Session, else 0xFFFFFFFF. */
  expiryS: number;
  protocolVersion: number;
  /** The user who opens it; absent or empty for a client without one. */
  owner?: string | undefined;
}

export type RefusedOpening = {
  kind: 'refused';
  reason: 'sessions-full' | 'wills-full' | 'session-of-another' | 'connection-ended';
};

export type OpenResult = { kind: 'opened'; sessionPresent: boolean; ops: SessionOp[] } | RefusedOpening;

export class SessionRegistry {
  readonly #context: SessionContext;
  readonly #subscriptions: Subscriptions;
  readonly #messages: QueuedMessages;
  readonly #byClient = new Map<string, Session>();
  /** Connected clients that have a user, whether they have a session or not. */
  readonly #present = new Map<string, { client: SessionClient; owner: string }>();
  #nextSid: number;

  constructor(
    context: SessionContext,
    subscriptions: Subscriptions,
    messages: QueuedMessages,
    nextSid: number,
  ) {
    this.#context = context;
    this.#subscriptions = subscriptions;
    this.#messages = messages;
    this.#nextSid = nextSid;
  }

  get size(): number {
    return this.#byClient.size;
  }

  get(clientId: string): Session | undefined {
    return this.#byClient.get(clientId);
  }

  all(): IterableIterator<Session> {
    return this.#byClient.values();
  }

  /** False for a session whose time has passed although nobody has removed it yet. */
  exists(clientId: string): boolean {
    const session = this.#byClient.get(clientId);
    return session !== undefined && !session.hasExpired(this.#context.clock.nowMs());
  }

  /** The user the client id belongs to now; undefined: nobody. */
  ownerOf(clientId: string): string | undefined {
    const session = this.#byClient.get(clientId);
    const isLive = session !== undefined && !session.hasExpired(this.#context.clock.nowMs());
    return (isLive ? session.owner : undefined) ?? this.#present.get(clientId)?.owner;
  }

  /** One that was on disk. Of two for the same client the newer wins. */
  restore(row: SessionRow): Session {
    const session = new Session(row);
    this.#byClient.set(row.client, session);
    return session;
  }

  open(client: SessionClient, options: OpenOptions): OpenResult {
    // Nobody would tell of its end any more: the session would be taken for connected, and its name be held, for ever.
    if (client.closed === true) return { kind: 'refused', reason: 'connection-ended' };
    const nowMs = this.#context.clock.nowMs();
    const owner = options.owner || undefined;
    const holder = this.ownerOf(client.id);
    if (holder !== undefined && holder !== owner) return { kind: 'refused', reason: 'session-of-another' };
    const existing = this.#byClient.get(client.id);
    const resumes = existing !== undefined && !options.cleanStart && !existing.hasExpired(nowMs);
    const outlives = options.expiryS > 0;
    if (existing === undefined && outlives && this.size >= this.#context.limits.sessionsMax) {
      return { kind: 'refused', reason: 'sessions-full' };
    }
    if (owner !== undefined) this.#present.set(client.id, { client, owner });
    if (resumes) {
      existing.connect(client);
      existing.owner ??= owner;
      existing.expiryS = options.expiryS;
      existing.protocolVersion = options.protocolVersion;
      return { kind: 'opened', sessionPresent: true, ops: [{ kind: 'session-put', ...existing.row() }] };
    }
    const ops: SessionOp[] = [];
    if (existing !== undefined)
      ops.push(...this.end(existing, options.cleanStart ? 'session-ended' : 'session-expired'));
    if (outlives) {
      const { session, ops: created } = this.#create(client.id, options);
      session.connect(client);
      ops.push(...created);
    }
    return { kind: 'opened', sessionPresent: false, ops };
  }

  /** The network connection ended (MQTT 5.0 3.14.2.2.2: DISCONNECT may have changed the interval). */
  close(client: SessionClient, expiryS: number): SessionOp[] {
    if (this.#present.get(client.id)?.client === client) this.#present.delete(client.id);
    const session = this.#byClient.get(client.id);
    if (session === undefined || session.connection?.client !== client) return [];
    session.disconnect(this.#context.clock.nowMs());
    session.expiryS = expiryS;
    if (expiryS === 0) return this.end(session, 'session-ended');
    return [{ kind: 'session-put', ...session.row() }];
  }

  end(session: Session, reason: DropReason): SessionOp[] {
    this.#byClient.delete(session.clientId);
    session.connection = null;
    return [this.#wipe(session, reason)];
  }

  /** The session goes on with nothing in it. */
  clear(session: Session): SessionOp[] {
    if (session.subscriptions.size === 0 && session.queue.isEmpty() && session.inboundQos2.size === 0)
      return [];
    return [this.#wipe(session, 'session-ended'), { kind: 'session-put', ...session.row() }];
  }

  endExpired(nowMs: number): { count: number; ops: SessionOp[] } {
    const ops: SessionOp[] = [];
    let count = 0;
    for (const session of [...this.#byClient.values()]) {
      if (!session.hasExpired(nowMs)) continue;
      ops.push(...this.end(session, 'session-expired'));
      count++;
    }
    return { count, ops };
  }

  /**
   * After a start nobody is connected: sessions that were when the process ended count from now, and those
   * that were to end with their connection have ended.
   */
  disconnectAll(nowMs: number): SessionOp[] {
    const ops: SessionOp[] = [];
    for (const session of this.#byClient.values()) {
      if (session.disconnectedAtMs !== null) continue;
      session.disconnectedAtMs = nowMs;
      if (session.expiryS > 0) ops.push({ kind: 'session-put', ...session.row() });
    }
    return ops;
  }

  /**
   * For a client that subscribes without having been opened: its session never expires. Throws SESSIONS_FULL.
   */
  require(clientId: string): { session: Session; ops: SessionOp[] } {
    const session = this.#byClient.get(clientId);
    if (session !== undefined) return { session, ops: [] };
    const { sessionsMax } = this.#context.limits;
    if (this.size >= sessionsMax) {
      throw new SluiceError('SESSIONS_FULL', `there are ${sessionsMax} sessions already`, {
        kind: 'transient',
      });
    }
    const owner = this.ownerOf(clientId);
    return this.#create(clientId, { expiryS: EXPIRY_NEVER_S, protocolVersion: 4, owner });
  }

  #create(
    client: string,
    options: Pick<OpenOptions, 'expiryS' | 'protocolVersion' | 'owner'>,
  ): { session: Session; ops: SessionOp[] } {
    const { expiryS, protocolVersion, owner } = options;
    const session = new Session({
      sid: this.#nextSid++,
      client,
      expiryS,
      protocolVersion,
      disconnectedAtMs: null,
      owner: owner || undefined,
    });
    this.#byClient.set(client, session);
    return { session, ops: [{ kind: 'session-put', ...session.row() }] };
  }

  #wipe(session: Session, reason: DropReason): SessionOp {
    this.#subscriptions.forget(session);
    session.inboundQos2.clear();
    const outgoing: number[] = [];
    const messages: number[] = [];
    let dropped = 0;
    for (const entry of [...session.queue.released(), ...session.queue.entries()]) {
      outgoing.push(entry.seq);
      const message = session.queue.remove(entry);
      session.connection?.settled(entry);
      if (message === null) continue;
      dropped++;
      if (this.#messages.release(message)) messages.push(message.id);
    }
    if (dropped > 0) this.#context.onDrop(reason, dropped);
    return { kind: 'session-end', sid: session.sid, outgoing, messages };
  }
}
