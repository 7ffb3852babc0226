// Which devices are remembered, and for how long: a bounded table in two segments (segmented LRU; Karedla and
// others, 1994). A newcomer is on probation. It is protected once it has shown itself over time: it came back
// after a minute, or sent something over one. When the table is full, those on probation are forgotten first,
// the longest gone first; then a protected one of which nothing would be lost: its buckets are full again and
// nothing of the day is used. One that is connected is never forgotten. So a flood of new names passes
// through the probation segment and pushes out nobody else.
//
// When nobody can be forgotten `open` says so, and the newcomer shares a quota with others like it
// (quotas.ts).

import type { DeviceQuota } from './device-quota.ts';
import { Link, LinkedList } from './linked-list.ts';
import { quotaBounds } from './quota-bounds.ts';

export class DeviceEntry {
  readonly key: string;
  readonly quota: DeviceQuota;
  readonly firstSeenMs: number;
  /** In a list while it is not connected. */
  readonly link: Link<DeviceEntry> = new Link<DeviceEntry>(this);
  connections = 0;
  isProtected = false;
  group = '';

  constructor(key: string, quota: DeviceQuota, firstSeenMs: number) {
    this.key = key;
    this.quota = quota;
    this.firstSeenMs = firstSeenMs;
  }
}

export interface DeviceTableOptions {
  devicesMax: number;
  createQuota(key: string): DeviceQuota;
  /** Told before an entry is forgotten. */
  onForget(entry: DeviceEntry): void;
}

export class DeviceTable {
  readonly #options: DeviceTableOptions;
  readonly #entries = new Map<string, DeviceEntry>();
  /** Not connected; the longest gone first. */
  readonly #probationIdle = new LinkedList<DeviceEntry>();
  readonly #protectedIdle = new LinkedList<DeviceEntry>();
  #devicesMax: number;
  #protected = 0;
  /** Entries forgotten to make room. */
  forgotten = 0;

  constructor(options: DeviceTableOptions) {
    this.#options = options;
    this.#devicesMax = options.devicesMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  get protectedSize(): number {
    return this.#protected;
  }

  entries(): IterableIterator<DeviceEntry> {
    return this.#entries.values();
  }

  /** A connection of this device begins. Null: the table is full of devices that may not be forgotten. */
  open(key: string, nowMs: number): DeviceEntry | null {
    const entry = this.#entries.get(key) ?? this.#create(key, nowMs);
    if (entry === null) return null;
    // Counted first: it must not be forgotten to make room for itself.
    entry.connections++;
    entry.link.list?.remove(entry.link);
    if (!entry.isProtected && this.#isOld(entry, nowMs)) this.#protect(entry, nowMs);
    return entry;
  }

  /** A connection of it has ended. */
  close(entry: DeviceEntry, nowMs: number): void {
    const hasSent = entry.quota.accepted >= quotaBounds.promotionMessages;
    if (!entry.isProtected && hasSent && this.#isOld(entry, nowMs)) this.#protect(entry, nowMs);
    if (--entry.connections > 0) return;
    const idle = entry.isProtected ? this.#protectedIdle : this.#probationIdle;
    idle.push(entry.link);
  }

  /** Fewer than there are: the rest is forgotten as newcomers come. */
  setMax(devicesMax: number): void {
    this.#devicesMax = devicesMax;
  }

  #create(key: string, nowMs: number): DeviceEntry | null {
    for (let i = 0; i < quotaBounds.evictionTriesMax && this.#entries.size >= this.#devicesMax; i++) {
      if (!this.#forgetOne(nowMs)) return null;
    }
    if (this.#entries.size >= this.#devicesMax) return null;
    const entry = new DeviceEntry(key, this.#options.createQuota(key), nowMs);
    this.#entries.set(key, entry);
    return entry;
  }

  #forgetOne(nowMs: number): boolean {
    const entry = this.#probationIdle.head?.item ?? this.#protectedAtRest(nowMs);
    if (entry === null) return false;
    this.#options.onForget(entry);
    entry.link.list?.remove(entry.link);
    if (entry.isProtected) this.#protected--;
    this.#entries.delete(entry.key);
    this.forgotten++;
    return true;
  }

  #isOld(entry: DeviceEntry, nowMs: number): boolean {
    return nowMs - entry.firstSeenMs > quotaBounds.promotionAgeMs;
  }

  /** While its segment is full, only in place of one that has been gone longest. */
  #protect(entry: DeviceEntry, nowMs: number): void {
    if (this.#protected >= Math.floor(this.#devicesMax * quotaBounds.protectedShare)) {
      const other = this.#protectedAtRest(nowMs);
      if (other === null) return;
      this.#protectedIdle.remove(other.link);
      this.#probationIdle.push(other.link);
      other.isProtected = false;
      this.#protected--;
    }
    entry.isProtected = true;
    this.#protected++;
  }

  /**
   * The longest gone of which nothing would be lost; those that use a day's budget are so until the day ends.
   */
  #protectedAtRest(nowMs: number): DeviceEntry | null {
    let link = this.#protectedIdle.head;
    for (let i = 0; i < quotaBounds.evictionTriesMax && link !== null; i++) {
      if (link.item.quota.isAtRest(nowMs)) return link.item;
      link = link.next;
    }
    return null;
  }
}
