// The sessions of the gateway: aedes's persistence (its asynchronous interface) and what the gateway itself needs. All
// state is mirrored in the main thread's memory and journaled to the storage thread; a promise of any method resolves
// when what it did is on disk. This file only hands on; the rules are in the parts it is made of.

import { Readable } from 'node:stream';
import type { Clock } from '../../config/clock.ts';
import { AtOnce } from './at-once.ts';
import type { UnreleasedIds } from './inbound-qos2.ts';
import type { Journal, OnDrop, SessionContext, SessionLimits } from './session-context.ts';
import { buildMirror, type SessionMirror, type SessionStats, statsOf } from './session-mirror.ts';
import type { SessionOp } from './session-ops.ts';
import type { SessionClient, SessionPacket } from './session-packet.ts';
import type { OpenOptions, RefusedOpening } from './session-registry.ts';
import type { SessionSnapshot } from './session-snapshot.ts';
import { Subscribing } from './subscribing.ts';
import {
  grantedQos,
  type MatchedSubscription,
  matchedOf,
  requestOf,
  type SubscriptionRequest,
} from './subscriptions.ts';
import type { LeftoverWill } from './wills.ts';

export interface SessionPersistenceOptions {
  snapshot: SessionSnapshot;
  journal: Journal;
  limits: SessionLimits;
  clock: Clock;
  onDrop: OnDrop;
}

export type Opened = { kind: 'opened'; sessionPresent: boolean } | RefusedOpening;

/**
 * What the gateway must do for the MQTT rules that aedes breaks:
 * - authenticate hook: `const opened = await openSession(client, ...)`; where it says `sessionPresent`, set
 *   `client.clean = false` (a resumed session with expiry 0 is still a session) and Session Present in
 *   CONNACK; where it says `refused`, refuse the connection: `sessions-full` with 0x97, `session-of-another` with 0x85;
 *   `connection-ended` needs no answer.
 * - authorizeForward hook: return `forward(client, packet)` for what is allowed.
 * - authorizeSubscribe hook: set `sub.qos = 128` on what it denies: aedes stores denied subscriptions. It is
 *   asked again when a session resumes: what it denies then must be taken away by `removeSubscriptions`.
 * - connection closed, also before aedes registered the client: `closeSession(client, ...)`.
 * - a publish with QoS > 0 or RETAIN that is committed by the gateway: `prepareFanout` and `prepareRetained`,
 *   their ops into the commit, then broker.publish, or `abandon`. Its brokerId must be one that aedes's own
 *   publishes do not use, one per QoS class, with counters in the order of publishing: aedes takes what comes
 *   out of order for a duplicate and drops it.
 * - now and then `expireSessions` and `expireMessages`; at start `leftoverWills`.
 */
export class SessionPersistence {
  /** aedes; set by `setup`. */
  broker: { id: string } = { id: '' };
  readonly #context: SessionContext;
  readonly #mirror: SessionMirror;
  #lastJournaled: Promise<void> = Promise.resolve();
  readonly #subscribing: Subscribing;

  constructor(options: SessionPersistenceOptions) {
    const { snapshot, limits, clock, onDrop } = options;
    let seq = snapshot.nextSeq;
    const journal = (ops: SessionOp[]) => this.#journal(options.journal, ops);
    const context: SessionContext = { clock, limits, onDrop, journal, nextSeq: () => seq++ };
    this.#context = context;
    this.#mirror = buildMirror(context, snapshot);
    this.#subscribing = new Subscribing(context, this.#mirror, () => this.#lastJournaled);
  }

  /**
   * aedes calls it before it listens. Sessions and messages whose time passed while the gateway was down end
   * here.
   */
  async setup(broker: { id: string }): Promise<void> {
    this.broker = broker;
    const nowMs = this.#context.clock.nowMs();
    await this.#context.journal(this.#mirror.sessions.disconnectAll(nowMs));
    await this.expireSessions(nowMs);
    await this.expireMessages(nowMs);
  }

  /** Resolves when all that was journaled is on disk, or never will be. */
  async destroy(): Promise<void> {
    await this.#lastJournaled.catch(() => {
      // whoever asked for it was told
    });
  }

  stats(): SessionStats {
    return statsOf(this.#mirror);
  }

  // Sessions (MQTT 5.0 4.1)

  sessionExists(clientId: string): boolean {
    return this.#mirror.sessions.exists(clientId);
  }

  /**
   * The user to whom the client id belongs: whose session is kept or who is connected; undefined: nobody. Another one's
   * `openSession` is refused; asked before, this saves the session engine a CONNECT.
   */
  ownerOf(clientId: string): string | undefined {
    return this.#mirror.sessions.ownerOf(clientId);
  }

  /**
   * CONNECT was accepted. A clean start takes subscriptions, queue, will and QoS 2 ids of the former session
   * away in one journal call (MQTT 5.0 3.1.2.4). Nothing is kept for a session that neither exists nor
   * outlives `client`. Its will has its room from now on.
   */
  async openSession(client: SessionClient, options: OpenOptions, will?: SessionPacket): Promise<Opened> {
    const { sessions, wills } = this.#mirror;
    if (will !== undefined && !wills.reserve(client, will)) return { kind: 'refused', reason: 'wills-full' };
    const opened = sessions.open(client, options);
    if (opened.kind === 'refused') {
      wills.unreserve(client);
      return opened;
    }
    const { sessionPresent, ops } = opened;
    await this.#context.journal(sessionPresent ? ops : [...ops, ...wills.forget(client.id)]);
    return { kind: 'opened', sessionPresent };
  }

  /** The connection ended. Does nothing when another one has taken the session over. */
  async closeSession(client: SessionClient, options: { expiryS: number }): Promise<void> {
    this.#mirror.wills.unreserve(client);
    await this.#context.journal(this.#mirror.sessions.close(client, options.expiryS));
  }

  /** Close the client's connection first. */
  async endSession(clientId: string): Promise<void> {
    const session = this.#mirror.sessions.get(clientId);
    if (session !== undefined)
      await this.#context.journal(this.#mirror.sessions.end(session, 'session-ended'));
  }

  /** Ends the sessions whose Session Expiry Interval has passed; returns how many. */
  async expireSessions(nowMs: number): Promise<number> {
    const { count, ops } = this.#mirror.sessions.endExpired(nowMs);
    this.#mirror.inbound.recount();
    await this.#context.journal(ops);
    return count;
  }

  /** Removes queued and retained messages whose Message Expiry Interval has passed. */
  async expireMessages(nowMs: number): Promise<void> {
    const ops = [
      ...this.#mirror.delivery.removeExpired(nowMs),
      ...this.#mirror.retained.removeExpired(nowMs),
    ];
    await this.#context.journal(ops);
  }

  // Publishing in the gateway's own commits

  /** Whether a publish with QoS > 0 on the topic would be queued for anybody. Cache it by `fanoutVersion`. */
  hasFanout(topic: string): boolean {
    return this.#mirror.subscriptions.hasMatch(topic);
  }

  get fanoutVersion(): number {
    return this.#mirror.subscriptions.version;
  }

  /**
   * Makes the queue rows of a publish that is about to be committed; null when nobody's queue wants it. After
   * a non-null answer the packet must be published after the commit, or abandoned: it holds its place in the
   * queues. `packet` needs brokerId, brokerCounter and - for No Local - clientId; messageExpiry is set where
   * it has an interval.
   */
  prepareFanout(packet: SessionPacket): { ops: SessionOp[] } | null {
    const ops = this.#mirror.fanOut.prepare(packet);
    return ops === null ? null : { ops };
  }

  /** The same for the retained message; null when nothing changes. */
  prepareRetained(packet: SessionPacket): { ops: SessionOp[] } | null {
    const ops = this.#mirror.retained.prepare(packet);
    return ops === null ? null : { ops };
  }

  /** The commit failed for good: nothing of what was prepared is on disk. */
  abandon(packet: SessionPacket): void {
    this.#mirror.fanOut.abandon(packet);
    this.#mirror.retained.abandon(packet);
  }

  /**
   * For aedes's authorizeForward: the packet if aedes shall deliver it, null if the session's queue does.
   * Messages with QoS > 0 for an opened session are the queue's.
   */
  forward(client: SessionClient, packet: SessionPacket): SessionPacket | null {
    if (!packet.qos || packet.messageId || (packet.cmd ?? 'publish') !== 'publish') return packet;
    const session = this.#mirror.sessions.get(client.id);
    if (session === undefined || session.connection === null) return packet;
    if (session.connection.client !== client) return null;
    if (packet.retain && !packet.brokerId) return this.#mirror.fanOut.enqueueRetained(session, packet);
    // Queued, refused by a full queue, or acknowledged already; or wanted with QoS 0 only, which is not
    // queued.
    return grantedQos(session, packet.topic) === 0 ? packet : null;
  }

  /** Packet ids of unreleased inbound QoS 2 publishes; their ops go into the caller's commits. */
  qos2Open(clientId: string): UnreleasedIds {
    return this.#mirror.inbound.open(clientId);
  }

  /** Wills of earlier boots. Publish each after its delay if `getWill` still has it, then `delWill`. */
  leftoverWills(currentBrokerId: string): LeftoverWill[] {
    return this.#mirror.wills.leftover(
      currentBrokerId,
      (clientId) => this.#mirror.sessions.get(clientId)?.expiryS ?? 0,
    );
  }

  // aedes: retained messages

  storeRetained(packet: SessionPacket): PromiseLike<void> {
    return this.#mirror.retained.store(packet);
  }

  createRetainedStream(filter: string): Readable {
    return this.createRetainedStreamCombi([filter]);
  }

  createRetainedStreamCombi(filters: string[]): Readable {
    return Readable.from(this.#mirror.retained.matching(filters));
  }

  // aedes: subscriptions

  /**
   * Whether a client may have a subscription to `filter` if its session may have `most`; yes takes its place until
   * `addSubscriptions`. Undefined: it has no session.
   */
  grantSubscription(clientId: string, filter: string, most: number): boolean | undefined {
    return this.#subscribing.grant(clientId, filter, most);
  }

  /** Of all sessions: how many there are, and the topic levels in them. */
  get subscriptionTotals(): { count: number; levels: number } {
    const { count, levels } = this.#mirror.subscriptions;
    return { count, levels };
  }

  async addSubscriptions(client: SessionClient, requests: SubscriptionRequest[]): Promise<void> {
    await this.#subscribing.add(client, requests);
  }

  async removeSubscriptions(client: SessionClient, filters: string[]): Promise<void> {
    await this.#subscribing.remove(client, filters);
  }

  async subscriptionsByClient(client: SessionClient): Promise<SubscriptionRequest[]> {
    const session = this.#mirror.sessions.get(client.id);
    return session === undefined ? [] : [...session.subscriptions.values()].map(requestOf);
  }

  subscriptionsByTopic(topic: string): PromiseLike<MatchedSubscription[]> {
    return new AtOnce(this.#mirror.subscriptions.matching(topic).map(matchedOf));
  }

  async countOffline(): Promise<{ subsCount: number; clientsCount: number }> {
    const clients = [...this.#mirror.sessions.all()].filter((session) => session.subscriptions.size > 0);
    return { subsCount: this.#mirror.subscriptions.size, clientsCount: clients.length };
  }

  /**
   * At a clean start, and when a session has ended: takes everything but the will, which has calls of its
   * own.
   */
  async cleanSubscriptions(client: SessionClient): Promise<void> {
    const session = this.#mirror.sessions.get(client.id);
    if (session === undefined || session.isForeign(client)) return;
    await this.#context.journal(this.#mirror.sessions.clear(session));
  }

  getClientList(filter: string): Readable {
    const clients = [...this.#mirror.sessions.all()].filter((session) => session.subscriptions.has(filter));
    return Readable.from(clients.map((session) => session.clientId));
  }

  // aedes: the outgoing queue

  async outgoingEnqueue(subscription: MatchedSubscription, packet: SessionPacket): Promise<void> {
    await this.#mirror.fanOut.enqueue([subscription], packet);
  }

  outgoingEnqueueCombi(subscriptions: MatchedSubscription[], packet: SessionPacket): PromiseLike<void> {
    return this.#mirror.fanOut.enqueue(subscriptions, packet);
  }

  async outgoingUpdate(client: SessionClient, packet: SessionPacket): Promise<void> {
    await this.#mirror.delivery.update(client, packet);
  }

  async outgoingClearMessageId(
    client: SessionClient,
    packet: SessionPacket,
  ): Promise<SessionPacket | undefined> {
    return await this.#mirror.delivery.acknowledge(client, packet);
  }

  outgoingStream(client: SessionClient): Readable {
    return this.#mirror.delivery.stream(client);
  }

  // aedes: inbound QoS 2

  async incomingStorePacket(client: SessionClient, packet: SessionPacket): Promise<void> {
    await this.#mirror.inbound.store(client, packet);
  }

  async incomingGetPacket(client: SessionClient, packet: SessionPacket): Promise<SessionPacket> {
    const found = this.#mirror.inbound.get(client, packet.messageId ?? 0);
    if (found === undefined) throw new Error('no such packet');
    return found;
  }

  async incomingDelPacket(client: SessionClient, packet: SessionPacket): Promise<void> {
    if (!(await this.#mirror.inbound.remove(client, packet.messageId ?? 0)))
      throw new Error('no such packet');
  }

  // aedes: wills

  async putWill(client: SessionClient, packet: SessionPacket): Promise<void> {
    await this.#context.journal(this.#mirror.wills.put(client, packet, this.broker.id));
  }

  async getWill(client: SessionClient): Promise<SessionPacket | undefined> {
    return this.#mirror.wills.get(client.id);
  }

  async delWill(client: SessionClient): Promise<SessionPacket | undefined> {
    const { packet, ops } = this.#mirror.wills.remove(client);
    await this.#context.journal(ops);
    return packet;
  }

  streamWill(brokers: Record<string, unknown> = {}): Readable {
    return Readable.from(this.#mirror.wills.orphans(brokers));
  }

  #journal(journal: Journal, ops: SessionOp[]): Promise<void> {
    if (ops.length === 0) return Promise.resolve();
    this.#lastJournaled = journal(ops);
    return this.#lastJournaled;
  }
}
