// Puts a message into the queues of the sessions that want it (MQTT 5.0 3.3.4, 4.1): one entry per session
// however many of its subscriptions match, with the highest QoS they grant and all their identifiers.
//
// An entry takes its place in the queue when its row is made, and is sent when the row is on disk and aedes
// publishes the message. Nothing behind it is sent before: the order on disk is the order on the wire.

import { AtOnce } from './at-once.ts';
import type { Delivery } from './delivery.ts';
import type { QueueEntry } from './outgoing-queue.ts';
import type { QueuedMessage, QueuedMessages } from './queued-messages.ts';
import type { Session } from './session.ts';
import { ignoreFailure, type SessionContext } from './session-context.ts';
import type { OutgoingRow, SessionOp } from './session-ops.ts';
import { expiryOf, identityOf, type SessionPacket } from './session-packet.ts';
import type { SessionRegistry } from './session-registry.ts';
import {
  grantedQos,
  type MatchedSubscription,
  matchedOf,
  type Subscriptions,
  sessionOf,
} from './subscriptions.ts';

interface Target {
  qos: number;
  retain: boolean;
  subscriptionIds: number[] | null;
}

interface Reservation {
  /** Also of those whose queue was full: they are not asked again. */
  clients: Set<string>;
  entries: QueueEntry[];
  ops: SessionOp[];
}

export class FanOut {
  readonly #context: SessionContext;
  readonly #sessions: SessionRegistry;
  readonly #subscriptions: Subscriptions;
  readonly #messages: QueuedMessages;
  readonly #delivery: Delivery;
  readonly #prepared = new Map<string, Reservation>();

  constructor(parts: {
    context: SessionContext;
    sessions: SessionRegistry;
    subscriptions: Subscriptions;
    messages: QueuedMessages;
    delivery: Delivery;
  }) {
    this.#context = parts.context;
    this.#sessions = parts.sessions;
    this.#subscriptions = parts.subscriptions;
    this.#messages = parts.messages;
    this.#delivery = parts.delivery;
  }

  /** Reserves the entries of a packet that is going to be published; null when no session wants it. */
  prepare(packet: SessionPacket): SessionOp[] | null {
    const identity = identityOf(packet);
    if (identity === null || !packet.qos) return null;
    const matched = this.#subscriptions.matching(packet.topic);
    if (matched.length === 0) return null;
    packet.messageExpiry ??= expiryOf(packet, this.#context.clock.nowMs());
    if (packet.messageExpiry === undefined) delete packet.messageExpiry;
    const targets = this.#targetsOf(matched.map(matchedOf), packet);
    if (targets.size === 0) return null;
    const reservation = this.#reserve(targets, packet);
    this.#prepared.set(identity, reservation);
    return reservation.ops;
  }

  /** The prepared packet is not going to be published. */
  abandon(packet: SessionPacket): void {
    const reservation = this.#takePrepared(packet);
    if (reservation !== undefined) this.#undo(reservation.entries);
  }

  /** aedes publishes: what was prepared is shown, what was not is journaled first. */
  enqueue(subscriptions: MatchedSubscription[], packet: SessionPacket): PromiseLike<void> {
    const prepared = this.#takePrepared(packet);
    if (prepared !== undefined) this.#delivery.show(prepared.entries);
    const rest = subscriptions.filter((subscription) => !prepared?.clients.has(subscription.clientId));
    if (rest.length === 0) return new AtOnce(undefined);
    const { entries, ops } = this.#reserve(this.#targetsOf(rest, packet), packet);
    return this.#journal(ops, entries);
  }

  /**
   * A retained message for a new subscription of a connected session (MQTT 5.0 3.3.1.3): queued like any
   * other, so that its packet id is the session's own and it is sent again after a reconnect. Null, or the
   * packet to send now when its QoS is 0.
   */
  enqueueRetained(session: Session, packet: SessionPacket): SessionPacket | null {
    const qos = Math.min(packet.qos ?? 0, Math.max(0, grantedQos(session, packet.topic)));
    if (qos === 0) return { ...packet, qos: 0 };
    if (session.queue.hasRetainedCopy(packet.topic)) return null;
    const id = packet.properties?.subscriptionIdentifier;
    const subscriptionIds = id === undefined ? null : [id].flat();
    const target: Target = { qos, retain: true, subscriptionIds };
    const { entries, ops } = this.#reserve(new Map([[session, target]]), packet, true);
    this.#journal(ops, entries).catch(ignoreFailure);
    return null;
  }

  async #journal(ops: SessionOp[], entries: QueueEntry[]): Promise<void> {
    try {
      await this.#context.journal(ops);
    } catch (error) {
      this.#undo(entries);
      throw error;
    }
    this.#delivery.show(entries);
  }

  #takePrepared(packet: SessionPacket): Reservation | undefined {
    const identity = identityOf(packet);
    if (identity === null) return undefined;
    const reservation = this.#prepared.get(identity);
    this.#prepared.delete(identity);
    return reservation;
  }

  #targetsOf(subscriptions: MatchedSubscription[], packet: SessionPacket): Map<Session, Target> {
    const targets = new Map<Session, Target>();
    for (const subscription of subscriptions) {
      const { clientId, subscriptionIdentifier: id } = subscription;
      if (subscription.nl && clientId === packet.clientId) continue; // MQTT 5.0 3.8.3.1 No Local
      const qos = Math.min(packet.qos ?? 0, subscription.qos ?? packet.qos ?? 0);
      if (qos === 0) continue;
      const session = this.#sessionFor(subscription);
      if (session === null) continue;
      // MQTT 5.0 3.3.1.3: RETAIN is kept only where the subscription asks for it.
      const retain =
        (packet.retain ?? false) && (subscription.topic === undefined || subscription.rap === true);
      const target = targets.get(session);
      if (target === undefined) {
        targets.set(session, { qos, retain, subscriptionIds: id === undefined ? null : [id] });
        continue;
      }
      target.qos = Math.max(target.qos, qos);
      target.retain ||= retain;
      if (id === undefined || target.subscriptionIds?.includes(id)) continue;
      if (target.subscriptionIds === null) target.subscriptionIds = [id];
      else target.subscriptionIds.push(id);
    }
    return targets;
  }

  /** Null when the session has ended since it was found. */
  #sessionFor(subscription: MatchedSubscription): Session | null {
    const found = sessionOf(subscription);
    if (found !== undefined) return this.#sessions.get(found.clientId) === found ? found : null;
    const { session, ops } = this.#sessions.require(subscription.clientId);
    if (ops.length > 0) this.#context.journal(ops).catch(ignoreFailure);
    return session;
  }

  #reserve(targets: Map<Session, Target>, packet: SessionPacket, retainedCopy = false): Reservation {
    const reservation: Reservation = { clients: new Set(), entries: [], ops: [] };
    if (targets.size === 0) return reservation;
    const id = this.#context.nextSeq();
    const { message, encoded } = this.#messages.create(id, packet, this.#context.clock.nowMs());
    for (const [session, target] of targets) {
      reservation.clients.add(session.clientId);
      if (!this.#hasRoom(session, message, retainedCopy)) continue;
      reservation.entries.push(this.#newEntry(session, message, target, retainedCopy));
    }
    if (reservation.entries.length === 0) return reservation;
    const rows = reservation.entries.map(rowOf);
    reservation.ops.push({ kind: 'outgoing-add', message: id, bytes: encoded, rows });
    return reservation;
  }

  #newEntry(session: Session, message: QueuedMessage, target: Target, retainedCopy: boolean): QueueEntry {
    const flags = { visible: false, marked: false, sent: false, gone: false, retainedCopy };
    const seq = this.#context.nextSeq();
    const entry: QueueEntry = { seq, session, message, packetId: 0, connection: null, ...target, ...flags };
    // For a connected client the row is written ready to be sent, which saves a commit. Should the process
    // end in between, its first sending bears DUP: "might be a re-delivery" (MQTT 5.0 3.3.1.1).
    if (session.connection !== null) entry.marked = session.queue.assignPacketId(entry);
    this.#messages.refer(message);
    session.enqueue(entry);
    return entry;
  }

  /** A session may have more retained messages than its queue has room for, but not more than all queues have. */
  #hasRoom({ queue }: Session, message: QueuedMessage, retainedCopy: boolean): boolean {
    const { limits, onDrop } = this.#context;
    const isFull =
      queue.size >= limits.sessionQueueMessagesMax ||
      queue.bytes + message.bytes > limits.sessionQueueBytesMax;
    if (isFull && !retainedCopy) {
      onDrop('session-queue-full', 1);
      return false;
    }
    if (this.#messages.bytes + this.#messages.addedBy(message) > limits.queuedBytesMax) {
      onDrop('queues-full', 1);
      return false;
    }
    return true;
  }

  /** None of it is on disk. */
  #undo(entries: QueueEntry[]): void {
    for (const entry of entries) {
      if (entry.gone) continue;
      const message = entry.session.queue.remove(entry);
      if (message !== null) this.#messages.release(message);
      this.#delivery.pump(entry.session);
    }
  }
}

function rowOf(entry: QueueEntry): OutgoingRow {
  const { seq, qos, retain, packetId, subscriptionIds, marked: sent } = entry;
  return { seq, sid: entry.session.sid, qos, retain, packetId, sent, subscriptionIds };
}
