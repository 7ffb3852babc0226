// Every topic in use, found by its bytes: what is decided about a topic (its lane, whether anybody here subscribes to
// it) is decided once and remembered, and publishing to it again allocates nothing.
//
// Bounded: when a generation is full, the next one starts empty and takes over what is still used.

import type { TopicSlot } from '../../storage/record-source.ts';

export interface TopicEntry extends TopicSlot {
  readonly bytes: Buffer;
  /** `subscriptionsVersion` at which `hasLocalSubscriber` was found out. */
  subscriptionsVersion: number;
  hasLocalSubscriber: boolean;
}

export interface TopicTableOptions {
  /** Topics in a generation; at most twice as many are held. */
  topicsMax: number;
  /** Lane index of a topic. */
  laneOf(topic: string): number;
}

export class TopicTable {
  readonly #options: TopicTableOptions;
  #young = new Map<number, TopicEntry[]>();
  #old = new Map<number, TopicEntry[]>();
  #youngCount = 0;

  constructor(options: TopicTableOptions) {
    this.#options = options;
  }

  /** The entry of the topic in `bytes[start, end)`, which must be valid (frames/publish-parser.ts). */
  lookup(bytes: Buffer, start: number, end: number): TopicEntry {
    const hash = hashOf(bytes, start, end);
    const found = find(this.#young.get(hash), bytes, start, end);
    if (found !== undefined) return found;
    return this.#add(hash, find(this.#old.get(hash), bytes, start, end) ?? this.#create(bytes, start, end));
  }

  lookupText(topic: string): TopicEntry {
    const bytes = Buffer.from(topic);
    return this.lookup(bytes, 0, bytes.length);
  }

  #create(bytes: Buffer, start: number, end: number): TopicEntry {
    // Not from Node's pool: for as long as the topic is known it would hold all 64 KiB of it.
    const own = Buffer.allocUnsafeSlow(end - start);
    bytes.copy(own, 0, start, end);
    const text = own.toString('utf8');
    const lane = this.#options.laneOf(text);
    return {
      text,
      lane,
      bytes: own,
      batchSerial: 0,
      batchIndex: 0,
      subscriptionsVersion: -1,
      hasLocalSubscriber: false,
    };
  }

  #add(hash: number, entry: TopicEntry): TopicEntry {
    if (this.#youngCount >= this.#options.topicsMax) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngCount = 0;
    }
    const bucket = this.#young.get(hash);
    if (bucket === undefined) this.#young.set(hash, [entry]);
    else bucket.push(entry);
    this.#youngCount++;
    return entry;
  }
}

/** Whether the entry's topic is the one in `bytes[start, end)`. */
export function isTopic(entry: TopicEntry, bytes: Buffer, start: number, end: number): boolean {
  const own = entry.bytes;
  if (own.length !== end - start) return false;
  // Backwards: topics of one fleet differ at their ends.
  for (let i = own.length - 1; i >= 0; i--) if (own[i] !== bytes[start + i]) return false;
  return true;
}

function find(
  bucket: TopicEntry[] | undefined,
  bytes: Buffer,
  start: number,
  end: number,
): TopicEntry | undefined {
  if (bucket === undefined) return undefined;
  for (const entry of bucket) if (isTopic(entry, bytes, start, end)) return entry;
  return undefined;
}

/** FNV-1a, 32 bits. */
function hashOf(bytes: Buffer, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return hash;
}
