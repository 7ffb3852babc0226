// What one session owes its client: messages in order of seq until PUBACK or PUBREC, then - QoS 2 - packet
// ids in the order in which PUBREC came until PUBCOMP (MQTT 5.0 4.6). Pure memory; who changes it also
// journals the change.
//
// No two entries share a packet id, whatever their state (MQTT 5.0 2.2.1), and an entry keeps its id for
// life.

import type { QueuedMessage } from './queued-messages.ts';
import type { Session } from './session.ts';
import type { SessionConnection } from './session-connection.ts';

export const PACKET_ID_MAX = 65_535;

export interface QueueEntry {
  readonly seq: number;
  readonly session: Session;
  /** null once released. */
  message: QueuedMessage | null;
  qos: number;
  retain: boolean;
  subscriptionIds: number[] | null;
  /** 0: none yet. */
  packetId: number;
  /**
   * Its row is on disk and the message was published; before, it keeps its place in the order and is not
   * sent.
   */
  visible: boolean;
  /** The disk knows its packet id and that it may have been sent. */
  marked: boolean;
  /** Written to a connection of this session: the next time it is a redelivery. */
  sent: boolean;
  /** No longer in the queue; lists that still hold it skip it. */
  gone: boolean;
  /** Sent on a new SUBSCRIBE: does not count towards the limits, at most one per topic waits. */
  retainedCopy: boolean;
  /** Where it was written last. */
  connection: SessionConnection | null;
}

export class OutgoingQueue {
  readonly #entries = new Map<number, QueueEntry>();
  readonly #released = new Map<number, QueueEntry>();
  readonly #byIdentity = new Map<string, QueueEntry>();
  readonly #byPacketId = new Map<number, QueueEntry>();
  readonly #retainedTopics = new Set<string>();
  #nextPacketId = 1;
  #bytes = 0;
  #retainedCopies = 0;

  /** Entries that count towards the limits. */
  get size(): number {
    return this.#entries.size - this.#retainedCopies;
  }

  get bytes(): number {
    return this.#bytes;
  }

  isEmpty(): boolean {
    return this.#entries.size === 0 && this.#released.size === 0;
  }

  /** In order of seq. */
  entries(): IterableIterator<QueueEntry> {
    return this.#entries.values();
  }

  /** In order of PUBREC. */
  released(): IterableIterator<QueueEntry> {
    return this.#released.values();
  }

  byIdentity(identity: string | null): QueueEntry | undefined {
    return identity === null ? undefined : this.#byIdentity.get(identity);
  }

  byPacketId(packetId: number | undefined): QueueEntry | undefined {
    return packetId === undefined ? undefined : this.#byPacketId.get(packetId);
  }

  /** Whether one waits for its first sending. */
  hasRetainedCopy(topic: string): boolean {
    return this.#retainedTopics.has(topic);
  }

  /** It is being written to the client: a further SUBSCRIBE gets a further copy of a retained message. */
  sending(entry: QueueEntry): void {
    if (entry.retainedCopy && !entry.sent) this.#retainedTopics.delete(entry.message!.packet.topic);
    entry.sent = true;
  }

  /** Entries come in order of seq; one with a packet id keeps it. */
  add(entry: QueueEntry): void {
    const message = entry.message!;
    this.#entries.set(entry.seq, entry);
    if (message.identity !== null) this.#byIdentity.set(message.identity, entry);
    if (entry.packetId !== 0) this.#byPacketId.set(entry.packetId, entry);
    if (entry.retainedCopy) {
      this.#retainedCopies++;
      this.#retainedTopics.add(message.packet.topic);
    } else {
      this.#bytes += message.bytes;
    }
  }

  /** One whose PUBREC came in an earlier boot. */
  restoreReleased(entry: QueueEntry): void {
    this.#released.set(entry.seq, entry);
    if (entry.packetId !== 0) this.#byPacketId.set(entry.packetId, entry);
  }

  /**
   * Gives the entry a packet id, `wanted` if it is free. False when all are taken, which only a client that
   * acknowledges nothing can bring about.
   */
  assignPacketId(entry: QueueEntry, wanted = 0): boolean {
    const isFree = wanted > 0 && wanted <= PACKET_ID_MAX && !this.#byPacketId.has(wanted);
    const packetId = isFree ? wanted : this.freePacketId();
    if (packetId === 0) return false;
    entry.packetId = packetId;
    this.#byPacketId.set(packetId, entry);
    return true;
  }

  /** An id that no entry bears; 0 when there is none. */
  freePacketId(): number {
    if (this.#byPacketId.size >= PACKET_ID_MAX) return 0;
    while (this.#byPacketId.has(this.#nextPacketId)) this.#advance();
    const packetId = this.#nextPacketId;
    this.#advance();
    return packetId;
  }

  /** PUBREC: the message is dropped, the id stays taken. Returns the message. */
  release(entry: QueueEntry): QueuedMessage {
    const message = entry.message!;
    this.#forgetMessage(entry, message);
    entry.message = null;
    this.#released.set(entry.seq, entry);
    return message;
  }

  /** Returns the message unless it was released before. */
  remove(entry: QueueEntry): QueuedMessage | null {
    const { message } = entry;
    if (message === null) this.#released.delete(entry.seq);
    else this.#forgetMessage(entry, message);
    if (entry.packetId !== 0) this.#byPacketId.delete(entry.packetId);
    entry.gone = true;
    return message;
  }

  #forgetMessage(entry: QueueEntry, message: QueuedMessage): void {
    this.#entries.delete(entry.seq);
    if (message.identity !== null) this.#byIdentity.delete(message.identity);
    if (entry.retainedCopy) {
      this.#retainedCopies--;
      if (!entry.sent) this.#retainedTopics.delete(message.packet.topic);
    } else {
      this.#bytes -= message.bytes;
    }
  }

  #advance(): void {
    this.#nextPacketId = this.#nextPacketId === PACKET_ID_MAX ? 1 : this.#nextPacketId + 1;
  }
}
