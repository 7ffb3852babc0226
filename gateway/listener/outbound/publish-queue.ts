// The PUBLISH packets that wait for the client's window, in the order in which aedes wrote them, with what is left
// of their lifetime. Bounded by bytes and by count: whoever fills it stops when it is full, and may overfill it by
// what one chunk held. Each packet is a copy of its own and outside Node's pool, so that the bytes counted are the
// bytes held.

import type { OutboundPublish } from './outbound-publish.ts';

export interface QueueLimits {
  queuedBytesMax: number;
  queuedMessagesMax: number;
}

export interface WaitingPublish {
  frame: Buffer;
  qos: number;
  /** 0 for QoS 0. */
  id: number;
  /** Monotonic ms; Infinity without a Message Expiry Interval. */
  expiresAtMs: number;
  queuedAtMs: number;
  /** Where the frame has its Message Expiry Interval, or -1. */
  expiryAt: number;
}

// Below this many taken entries the array is not worth compacting.
const compactFrom = 64;

export class PublishQueue {
  readonly #limits: QueueLimits;
  #entries: WaitingPublish[] = [];
  #first = 0;
  #bytes = 0;
  #earliestExpiryMs = Number.POSITIVE_INFINITY;
  readonly #waitingIds = new Map<number, number>();

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#first === this.#entries.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    const messages = this.#entries.length - this.#first;
    return this.#bytes >= this.#limits.queuedBytesMax || messages >= this.#limits.queuedMessagesMax;
  }

  get head(): WaitingPublish | undefined {
    return this.#entries[this.#first];
  }

  /** Whether a PUBLISH of this packet identifier waits. */
  holds(id: number): boolean {
    return this.#waitingIds.has(id);
  }

  push(frame: Buffer, publish: OutboundPublish, nowMs: number): void {
    const lifetimeMs =
      publish.expiryAt < 0 ? Number.POSITIVE_INFINITY : frame.readUInt32BE(publish.expiryAt) * 1000;
    const expiresAtMs = nowMs + lifetimeMs;
    const { qos, id, expiryAt } = publish;
    const own = Buffer.allocUnsafeSlow(frame.length);
    frame.copy(own);
    this.#entries.push({ frame: own, qos, id, expiryAt, expiresAtMs, queuedAtMs: nowMs });
    this.#bytes += frame.length;
    this.#earliestExpiryMs = Math.min(this.#earliestExpiryMs, expiresAtMs);
    if (id !== 0) this.#waitingIds.set(id, (this.#waitingIds.get(id) ?? 0) + 1);
  }

  /** Takes the head out. */
  shift(): void {
    this.#forget(this.#entries[this.#first++]!);
    if (this.#first >= compactFrom && this.#first * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
  }

  /** Takes out all whose lifetime ended, wherever they wait. */
  takeExpired(nowMs: number): WaitingPublish[] {
    if (nowMs < this.#earliestExpiryMs) return [];
    const expired: WaitingPublish[] = [];
    const kept: WaitingPublish[] = [];
    this.#earliestExpiryMs = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.slice(this.#first)) {
      if (entry.expiresAtMs <= nowMs) {
        expired.push(entry);
        this.#forget(entry);
      } else {
        kept.push(entry);
        this.#earliestExpiryMs = Math.min(this.#earliestExpiryMs, entry.expiresAtMs);
      }
    }
    this.#entries = kept;
    this.#first = 0;
    return expired;
  }

  clear(): void {
    this.#entries = [];
    this.#first = 0;
    this.#bytes = 0;
    this.#waitingIds.clear();
  }

  #forget(entry: WaitingPublish): void {
    this.#bytes -= entry.frame.length;
    const waiting = this.#waitingIds.get(entry.id);
    if (waiting === undefined) return;
    if (waiting === 1) this.#waitingIds.delete(entry.id);
    else this.#waitingIds.set(entry.id, waiting - 1);
  }
}

/**
 * Reduces the Message Expiry Interval in a waiting packet by the whole seconds it waited (MQTT-3.3.2-6). The
 * packet has not expired, so at least one second is left.
 */
export function ageMessageExpiry(publish: WaitingPublish, nowMs: number): void {
  const waitedS = Math.floor((nowMs - publish.queuedAtMs) / 1000);
  if (publish.expiryAt < 0 || waitedS === 0) return;
  const intervalS = publish.frame.readUInt32BE(publish.expiryAt);
  publish.frame.writeUInt32BE(intervalS - waitedS, publish.expiryAt);
}
