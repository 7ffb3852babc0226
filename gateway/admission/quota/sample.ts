// What `over: sample` keeps of the messages above the rate: every N-th (OneIn), or of each topic the latest,
// so often (LatestPerTopic).
//
// With `sample` an acknowledgement does not mean that the message is kept, once a device is above its rate.
// All of them are acknowledged, so that devices do not send them again; those left out are counted as sampled
// away. Of the latest ones a copy is held in memory until the interval ends: it is appended then without an
// acknowledgement of its own, and lost if the gateway ends before that. Whoever needs every message chooses
// `delay`.

import type { RecordInput, TopicSlot } from '../../../storage/record-source.ts';
import { quotaBounds } from './quota-bounds.ts';

/** The first of those above the rate is kept, and from then on every N-th. */
export class OneIn {
  #since = 0;

  get isNext(): boolean {
    return this.#since === 0;
  }

  /** One was above the rate, kept or not, as `isNext` said. */
  step(oneIn: number): void {
    this.#since = this.#since + 1 >= oneIn ? 0 : this.#since + 1;
  }
}

/** Of a record what has to be copied; `bytes` are valid until the next packet only. */
export type SampledRecord = Pick<
  RecordInput,
  'topic' | 'bytes' | 'payloadStart' | 'payloadEnd' | 'properties' | 'flags'
>;

/** The latest message of a topic: our own copy. Used again for the next one if that is no longer. */
export class LatestMessage {
  /** The payload, the properties behind it, and perhaps room. */
  bytes: Buffer = NOTHING;
  topic: TopicSlot;
  payloadBytes = 0;
  #propertiesBytes = 0;
  /** RecordFlag bits. */
  flags = 0;
  /** What it counts for its quota. */
  wireBytes = 0;

  constructor(topic: TopicSlot) {
    this.topic = topic;
  }

  /** MQTT 5 properties as they are kept. */
  get properties(): Buffer | null {
    const { payloadBytes } = this;
    return this.#propertiesBytes === 0
      ? null
      : this.bytes.subarray(payloadBytes, payloadBytes + this.#propertiesBytes);
  }

  copy(
    { topic, bytes, payloadStart, payloadEnd, properties, flags }: SampledRecord,
    wireBytes: number,
  ): void {
    this.topic = topic;
    this.payloadBytes = payloadEnd - payloadStart;
    this.#propertiesBytes = properties === null ? 0 : properties.length;
    this.flags = flags;
    this.wireBytes = wireBytes;
    const needed = this.payloadBytes + this.#propertiesBytes;
    // Not from Node's pool: a few bytes would hold all 64 KiB of it.
    if (needed > this.bytes.length) this.bytes = Buffer.allocUnsafeSlow(needed);
    bytes.copy(this.bytes, 0, payloadStart, payloadEnd);
    if (properties !== null) this.bytes.set(properties, this.payloadBytes);
  }
}

/** What all devices together may hold; one per gateway. */
export class LatestBudget {
  bytesLeft: number;

  constructor(bytes: number = quotaBounds.latestTotalBytesMax) {
    this.bytesLeft = bytes;
  }
}

/** What an entry costs besides its bytes, roughly: for the objects, and the place in the table. */
const ENTRY_BYTES = 200;
const NOTHING = Buffer.alloc(0);

export class LatestPerTopic {
  readonly #budget: LatestBudget;
  readonly #latest = new Map<string, LatestMessage>();
  #bytes = 0;

  constructor(budget: LatestBudget) {
    this.#budget = budget;
  }

  get size(): number {
    return this.#latest.size;
  }

  /**
   * Returns how many messages are sampled away by that: the one before on this topic, and the new one if
   * there is no room for it. (Then nothing is kept of the topic, rather than something that is not the
   * latest.)
   */
  put(record: SampledRecord, wireBytes: number): number {
    const key = record.topic.text;
    const before = this.#latest.get(key);
    const needed = record.payloadEnd - record.payloadStart + (record.properties?.length ?? 0);
    if (!this.#makeRoom(needed, before)) {
      if (before === undefined) return 1;
      this.#remove(key, before);
      return 2;
    }
    if (before !== undefined) {
      before.copy(record, wireBytes);
      return 1;
    }
    const message = new LatestMessage(record.topic);
    message.copy(record, wireBytes);
    this.#latest.set(key, message);
    return 0;
  }

  /**
   * Hands over what there is, oldest topic first, until `take` says that it has no room; true: nothing is
   * left.
   */
  release(take: (message: LatestMessage) => boolean): boolean {
    for (const [key, message] of this.#latest) {
      if (!take(message)) return false;
      this.#remove(key, message);
    }
    return true;
  }

  /** Throws away what there is; returns how many that were. */
  clear(): number {
    const { size } = this.#latest;
    for (const [key, message] of this.#latest) this.#remove(key, message);
    return size;
  }

  /** Charges what a message of that size takes, in place of the one before. */
  #makeRoom(needed: number, before: LatestMessage | undefined): boolean {
    const { latestTopicsMax, latestBytesMax } = quotaBounds;
    if (before === undefined && this.#latest.size >= latestTopicsMax) return false;
    const more = before === undefined ? needed + ENTRY_BYTES : Math.max(0, needed - before.bytes.length);
    if (this.#bytes + more > latestBytesMax || more > this.#budget.bytesLeft) return false;
    this.#bytes += more;
    this.#budget.bytesLeft -= more;
    return true;
  }

  #remove(key: string, message: LatestMessage): void {
    this.#latest.delete(key);
    const bytes = message.bytes.length + ENTRY_BYTES;
    this.#bytes -= bytes;
    this.#budget.bytesLeft += bytes;
  }
}
