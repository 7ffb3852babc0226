// Brings the messages of a session's queue to its client, and takes the acknowledgements.
//
// For a client whose session was opened (`SessionRegistry.open`) all messages with QoS > 0 go through `pump`:
// in order of seq, each once per connection, those that were sent before with DUP, with the packet id the
// disk knows, and never more unacknowledged than the client allows (MQTT 5.0 2.2.1, 3.3.1.1, 4.4, 4.6, 4.9).
// aedes's own deliveries to it are turned away by `forward`. A client that was not opened is served by
// aedes's ways (its queue is streamed, live messages go directly) with nothing mended but the packet ids.
//
// On disk before on the wire: packet ids before the PUBLISH, PUBREC before the PUBREL. Acknowledgements free
// memory at once: should the process end before they are on disk, the message is sent again, which QoS 1
// allows and which for QoS 2 is only a PUBREL (MQTT 5.0 4.3.2, 4.3.3).

import { Readable } from 'node:stream';
import { SluiceError } from '../../config/errors.ts';
import type { QueueEntry } from './outgoing-queue.ts';
import type { QueuedMessages } from './queued-messages.ts';
import type { Session } from './session.ts';
import type { SessionConnection } from './session-connection.ts';
import { type DropReason, ignoreFailure, type SessionContext } from './session-context.ts';
import type { SessionOp } from './session-ops.ts';
import {
  identityOf,
  type PublishProperties,
  type SessionClient,
  type SessionPacket,
} from './session-packet.ts';
import type { SessionRegistry } from './session-registry.ts';

/** Packet ids that go to the disk in one call when an offline queue is emptied. */
const MARK_BATCH = 256;

export class Delivery {
  readonly #context: SessionContext;
  readonly #sessions: SessionRegistry;
  readonly #messages: QueuedMessages;

  constructor(context: SessionContext, sessions: SessionRegistry, messages: QueuedMessages) {
    this.#context = context;
    this.#sessions = sessions;
    this.#messages = messages;
  }

  /** The entries' rows are on disk and their message is published. */
  show(entries: QueueEntry[]): void {
    for (const entry of entries) {
      entry.visible = true;
      if (!entry.gone) this.pump(entry.session);
    }
  }

  /** Writes what may be written now. Called whenever that may have changed. */
  pump(session: Session): void {
    const { connection } = session;
    if (connection === null || !connection.ready || connection.client.closed) return;
    while (connection.hasRoom()) {
      const entry = connection.peek();
      if (entry === undefined || !entry.visible) return;
      if (isExpired(entry, this.#context.clock.nowMs())) {
        this.#drop(entry, 'message-expired');
      } else if (!entry.marked) {
        this.#mark(session, connection);
        return;
      } else {
        connection.take(entry);
        this.#write(session, connection, entry);
      }
    }
  }

  /**
   * What is yielded goes to the client by aedes, right after CONNACK. For an opened session that is its
   * PUBRELs; the messages follow by `pump`.
   */
  stream(client: SessionClient): Readable {
    const session = this.#sessions.get(client.id);
    if (session === undefined) return Readable.from([]);
    const { connection } = session;
    if (connection !== null && connection.client === client && client.closed === false && !connection.ready) {
      return Readable.from(this.#begin(session, connection));
    }
    return Readable.from(listOf(session));
  }

  /** aedes is about to send the packet: gives it the session's packet id, or records that PUBREC came. */
  async update(client: SessionClient, packet: SessionPacket): Promise<void> {
    const session = this.#sessions.get(client.id);
    if (session === undefined) return;
    if (packet.cmd === 'pubrel') {
      await this.#release(session, packet);
      return;
    }
    const { queue } = session;
    const isOpened = session.connection?.client === client;
    const byId = queue.byPacketId(packet.messageId);
    const entry = isOpened ? byId : (queue.byIdentity(identityOf(packet)) ?? byId);
    if (entry === undefined) {
      // Not queued, because the queue was full: let it pass, but not with the id of another message.
      packet.messageId = queue.freePacketId() || packet.messageId;
      return;
    }
    if (entry.packetId === 0 && !queue.assignPacketId(entry, packet.messageId)) {
      throw new SluiceError('PACKET_IDS_TAKEN', `client ${client.id} acknowledges nothing`, {
        kind: 'transient',
      });
    }
    packet.messageId = entry.packetId;
    packet.qos = entry.qos;
    if (entry.marked) return;
    await this.#context.journal([{ kind: 'outgoing-mark', seq: entry.seq, packetId: entry.packetId }]);
    entry.marked = true;
  }

  /** PUBACK, PUBCOMP or a PUBREC that refuses. Returns what was acknowledged. */
  async acknowledge(client: SessionClient, packet: SessionPacket): Promise<SessionPacket | undefined> {
    const session = this.#sessions.get(client.id);
    const entry = session?.queue.byPacketId(packet.messageId);
    if (session === undefined || entry === undefined) return undefined;
    const acknowledged = packetOf(entry);
    const op = this.remove(entry);
    this.pump(session);
    await this.#context.journal([op]);
    return acknowledged;
  }

  /** Removes messages that expired before their first sending (MQTT 5.0 3.3.2.3.3). */
  removeExpired(nowMs: number): SessionOp[] {
    const ops: SessionOp[] = [];
    for (const session of this.#sessions.all()) {
      const expired = [...session.queue.entries()].filter(
        (entry) => entry.visible && isExpired(entry, nowMs),
      );
      for (const entry of expired) ops.push(this.remove(entry));
      if (expired.length > 0) this.#context.onDrop('message-expired', expired.length);
    }
    return ops;
  }

  remove(entry: QueueEntry): SessionOp {
    const message = entry.session.queue.remove(entry);
    entry.session.connection?.settled(entry);
    const isLast = message !== null && this.#messages.release(message);
    return { kind: 'outgoing-remove', seqs: [entry.seq], messages: isLast ? [message.id] : [] };
  }

  async *#begin(session: Session, connection: SessionConnection): AsyncGenerator<SessionPacket> {
    for (const entry of [...session.queue.released()]) {
      if (!entry.gone) yield packetOf(entry);
    }
    if (session.connection !== connection) return;
    connection.ready = true;
    this.pump(session);
  }

  #write(session: Session, connection: SessionConnection, entry: QueueEntry): void {
    const packet = packetOf(entry);
    packet.dup = entry.sent;
    packet.brokerId = null; // aedes drops what seems older than the last packet of the same broker
    delete packet.brokerCounter;
    const { messageExpiry } = packet;
    if (messageExpiry !== undefined) {
      // MQTT 5.0 3.3.2.3.3: what it received less the time it waited here.
      const leftMs = Math.max(0, messageExpiry - this.#context.clock.nowMs());
      packet.properties = { ...packet.properties, messageExpiryInterval: Math.ceil(leftMs / 1000) };
    }
    session.queue.sending(entry);
    connection.client.deliverQoS?.(packet, () => {
      connection.flushed();
      this.pump(session);
    });
  }

  /** Gives the next entries their packet ids; they are sent when the disk knows them. */
  #mark(session: Session, connection: SessionConnection): void {
    if (connection.marking) return;
    const entries: QueueEntry[] = [];
    for (const entry of connection.upcoming(MARK_BATCH)) {
      if (!entry.visible) break;
      if (entry.marked) continue;
      if (entry.packetId === 0 && !session.queue.assignPacketId(entry)) break;
      entries.push(entry);
    }
    if (entries.length === 0) return; // all ids are taken: an acknowledgement will bring us back
    connection.marking = true;
    const ops = entries.map(({ seq, packetId }): SessionOp => ({ kind: 'outgoing-mark', seq, packetId }));
    const marked = () => {
      connection.marking = false;
      for (const entry of entries) entry.marked = true;
      this.pump(session);
    };
    this.#context.journal(ops).then(marked, ignoreFailure);
  }

  async #release(session: Session, packet: SessionPacket): Promise<void> {
    const entry = session.queue.byPacketId(packet.messageId);
    // An id we do not know is answered all the same, so that the client can let go of it. One that was
    // released before is PUBREL's redelivery.
    if (entry === undefined || entry.message === null) return;
    const message = session.queue.release(entry);
    const messages = this.#messages.release(message) ? [message.id] : [];
    const releasedSeq = this.#context.nextSeq();
    await this.#context.journal([{ kind: 'outgoing-release', seq: entry.seq, releasedSeq, messages }]);
  }

  #drop(entry: QueueEntry, reason: DropReason): void {
    const op = this.remove(entry);
    this.#context.onDrop(reason, 1);
    this.#context.journal([op]).catch(ignoreFailure);
  }
}

/** Delivery that has begun is completed: the client may already hold the packet id. */
function isExpired(entry: QueueEntry, nowMs: number): boolean {
  const expiry = entry.message?.packet.messageExpiry;
  return expiry !== undefined && !entry.sent && expiry <= nowMs;
}

function* listOf(session: Session): Generator<SessionPacket> {
  for (const entry of [...session.queue.released(), ...session.queue.entries()]) {
    if (!entry.gone && (entry.visible || entry.message === null)) yield packetOf(entry);
  }
}

/** The packet as aedes knows it; a released one is just its PUBREL. */
function packetOf(entry: QueueEntry): SessionPacket {
  const messageId = entry.packetId === 0 ? undefined : entry.packetId;
  if (entry.message === null) return { cmd: 'pubrel', messageId } as SessionPacket;
  const { packet: stored, brokerId, brokerCounter } = entry.message;
  const { topic, payload } = stored;
  const { qos, retain } = entry;
  const packet: SessionPacket = {
    cmd: 'publish',
    brokerId,
    brokerCounter,
    topic,
    payload,
    qos,
    retain,
    dup: false,
    messageId,
  };
  const properties = propertiesOf(entry, stored.properties);
  if (properties !== undefined) packet.properties = properties;
  if (stored.messageExpiry !== undefined) packet.messageExpiry = stored.messageExpiry;
  return packet;
}

/** A copy of its own for each delivery: aedes writes into it. */
function propertiesOf(
  entry: QueueEntry,
  properties: PublishProperties | undefined,
): PublishProperties | undefined {
  const ids = entry.subscriptionIds;
  if (ids === null) return properties === undefined ? undefined : { ...properties };
  return { ...properties, subscriptionIdentifier: ids.length === 1 ? ids[0] : ids };
}
