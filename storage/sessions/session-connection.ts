// One client's connection to its session: what is still to be written to it, in order, and how much may be
// under way. Made anew at each connect, so that everything unacknowledged is waiting again (MQTT 5.0 4.4).

import { PACKET_ID_MAX, type QueueEntry } from './outgoing-queue.ts';
import type { SessionClient } from './session-packet.ts';

/**
 * Handed to aedes and not yet taken by the socket: the rest waits here rather than in the socket's buffer.
 */
const UNFLUSHED_MAX = 64;
const COMPACT_AT = 1024;

export class SessionConnection {
  readonly client: SessionClient;
  /** CONNACK and the PUBRELs are written. */
  ready = false;
  /** Packet ids of waiting entries are on their way to the disk. */
  marking = false;
  #waiting: QueueEntry[] = [];
  #head = 0;
  #inFlight = 0;
  #unflushed = 0;

  constructor(client: SessionClient) {
    this.client = client;
  }

  /** MQTT 5.0 4.9: at most Receive Maximum PUBLISHes are unacknowledged. */
  hasRoom(): boolean {
    const receiveMaximum = Math.min(this.client.receiveMaximum ?? PACKET_ID_MAX, PACKET_ID_MAX);
    return this.#unflushed < UNFLUSHED_MAX && this.#inFlight < receiveMaximum;
  }

  wait(entry: QueueEntry): void {
    this.#waiting.push(entry);
  }

  /** The next one to write. */
  peek(): QueueEntry | undefined {
    while (this.#head < this.#waiting.length && !isWaiting(this.#waiting[this.#head])) this.#shift();
    return this.#waiting[this.#head];
  }

  /** The next ones, up to `count`. */
  upcoming(count: number): QueueEntry[] {
    const entries: QueueEntry[] = [];
    for (let i = this.#head; i < this.#waiting.length && entries.length < count; i++) {
      if (isWaiting(this.#waiting[i])) entries.push(this.#waiting[i]);
    }
    return entries;
  }

  /** Takes the entry that `peek` returned: it is written now. */
  take(entry: QueueEntry): void {
    this.#shift();
    entry.connection = this;
    this.#inFlight++;
    this.#unflushed++;
  }

  flushed(): void {
    this.#unflushed--;
  }

  /** PUBACK, PUBCOMP, or the end of the message in another way. */
  settled(entry: QueueEntry): void {
    if (entry.connection === this) this.#inFlight--;
    entry.connection = null;
  }

  #shift(): void {
    this.#head++;
    if (this.#head < COMPACT_AT || this.#head * 2 < this.#waiting.length) return;
    this.#waiting = this.#waiting.slice(this.#head);
    this.#head = 0;
  }
}

/** False for what ended, or was released by a PUBREC that came early, while it stood in the list. */
function isWaiting(entry: QueueEntry): boolean {
  return !entry.gone && entry.message !== null;
}
