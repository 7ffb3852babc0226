// Every topic in use, found by its bytes: what is decided about a topic (its lane, whether anybody here subscribes to
// it) is decided once and remembered, and publishing to it again allocates nothing.
//
// A tenant's topic is found by the bytes its device sends; `text` is what the gateway knows it by, under its mount.
//
// Bounded, by number and by the length of the names: when a generation is full, the next one starts empty and takes
// over what is still used.

import { randomInt } from 'node:crypto';
import { clientLimits } from '../../config/limits.ts';
import type { TopicSlot } from '../../storage/record-source.ts';
import { type Mount, noMount } from './access/mount.ts';

export interface TopicEntry extends TopicSlot {
  /** Counts up; an entry that was let go and made again has another one. */
  readonly id: number;
  /** Of the topic's bytes, 32 bits: the same for the life of the process. */
  readonly hash: number;
  /** The topic as the device knows it. */
  readonly ownText: string;
  readonly mount: Mount;
  /** Of `ownText`. */
  readonly bytes: Buffer;
  /** `subscriptionsVersion` at which `hasLocalSubscriber` was found out. */
  subscriptionsVersion: number;
  hasLocalSubscriber: boolean;
}

export interface TopicTableOptions {
  /** Topics in a generation; at most twice as many are held. */
  topicsMax: number;
  /** Lane index of a topic, which is asked for as the gateway knows it. */
  laneOf(topic: string): number;
}

export class TopicTable {
  readonly #options: TopicTableOptions;
  #young = new Map<number, TopicEntry[]>();
  #old = new Map<number, TopicEntry[]>();
  #youngCount = 0;
  #youngBytes = 0;
  #created = 0;
  /** So that nobody can choose topics that all fall into one bucket. */
  readonly #seed = randomInt(2 ** 32);

  constructor(options: TopicTableOptions) {
    this.#options = options;
  }

  /** The entry of the topic in `bytes[start, end)`, which must be valid (frames/publish-parser.ts). */
  lookup(bytes: Buffer, start: number, end: number, mount: Mount = noMount): TopicEntry {
    const hash = hashOf(bytes, start, end, this.#seed ^ mount.salt);
    const found = find(this.#young.get(hash), mount, bytes, start, end);
    if (found !== undefined) return found;
    const old = find(this.#old.get(hash), mount, bytes, start, end);
    return this.#add(old ?? this.#create(bytes.subarray(start, end), hash, mount));
  }

  lookupText(topic: string): TopicEntry {
    const bytes = Buffer.from(topic);
    return this.lookup(bytes, 0, bytes.length);
  }

  #create(topic: Buffer, hash: number, mount: Mount): TopicEntry {
    // Not from Node's pool: for as long as the topic is known it would hold all 64 KiB of it.
    const bytes = Buffer.allocUnsafeSlow(topic.length);
    topic.copy(bytes);
    const ownText = bytes.toString('utf8');
    const text = mount.mounted(ownText);
    return {
      id: ++this.#created,
      hash,
      text,
      ownText,
      mount,
      lane: this.#options.laneOf(text),
      bytes,
      batchSerial: 0,
      batchIndex: 0,
      subscriptionsVersion: -1,
      hasLocalSubscriber: false,
    };
  }

  #add(entry: TopicEntry): TopicEntry {
    if (this.#youngCount >= this.#options.topicsMax || this.#youngBytes >= clientLimits.topicNameBytesMax) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngCount = 0;
      this.#youngBytes = 0;
    }
    const bucket = this.#young.get(entry.hash);
    if (bucket === undefined) this.#young.set(entry.hash, [entry]);
    else bucket.push(entry);
    this.#youngCount++;
    this.#youngBytes += entry.bytes.length;
    return entry;
  }
}

/** Whether the entry's topic is the one in `bytes[start, end)`, for a client under the same mount. */
export function isTopic(entry: TopicEntry, bytes: Buffer, start: number, end: number): boolean {
  const own = entry.bytes;
  if (own.length !== end - start) return false;
  // Backwards: topics of one fleet differ at their ends.
  for (let i = own.length - 1; i >= 0; i--) if (own[i] !== bytes[start + i]) return false;
  return true;
}

function find(
  bucket: TopicEntry[] | undefined,
  mount: Mount,
  bytes: Buffer,
  start: number,
  end: number,
): TopicEntry | undefined {
  if (bucket === undefined) return undefined;
  for (const entry of bucket) {
    if (isTopic(entry, bytes, start, end) && entry.mount.prefix === mount.prefix) return entry;
  }
  return undefined;
}

/** FNV-1a, 32 bits. */
function hashOf(bytes: Buffer, start: number, end: number, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return hash;
}
