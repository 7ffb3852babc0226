// A store with accounts of who has how many bytes waiting, without threads: what the storage thread and the counting
// thread would say is carried over by hand, and the same figures are kept beside it in a plain map.

import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import Database, { type Database as Db } from 'better-sqlite3';
import { type OpenReport, openDatabase } from '../../../../storage/open/open-database.ts';
import { FillingBatch } from '../../../../storage/record-batch/filling-batch.ts';
import type { SealedBatch } from '../../../../storage/record-batch/open-batch.ts';
import { AckKind, createSourceSlots, type RecordSource } from '../../../../storage/record-source.ts';
import { OwnerKeys } from '../../../../storage/shares/owner-keys.ts';
import { type CountRequest, ShareCount } from '../../../../storage/shares/share-count.ts';
import { StoredShares } from '../../../../storage/shares/stored-shares.ts';
import { StorageEngine, type StorageEngineOptions } from '../../../../storage/storage-engine.ts';
import type { Random } from '../../../support/mqtt-frame-random.ts';
import { TemporaryDirectory } from '../../../support/temporary-directory.ts';

export const MiB = 1024 * 1024;
const size = { recordsMax: 64, dataBytesMax: 2 * MiB };
export const GROUP = 'plant';

export interface Publish {
  device: string;
  payload: string | Buffer;
  topic?: string;
  lane?: number;
  properties?: Uint8Array;
  /** Sent again with DUP when it was sent before. */
  packetId?: number;
  dup?: boolean;
}

/** A batch as the main thread hands it over. */
export function sealedBatch(publishes: Publish[], keys: OwnerKeys | null, lane = 0): SealedBatch {
  const batch = new FillingBatch({ ...size, countsShares: keys !== null }, 1);
  batch.begin(1, 1);
  const sources = new Map<string, RecordSource>();
  const topics = new Map<string, { text: string; lane: number; batchSerial: number; batchIndex: number }>();
  for (const { device, payload, topic = 'a/b', properties = null, packetId = 0, dup = false } of publishes) {
    const bytes = Buffer.from(payload);
    if (!sources.has(device)) sources.set(device, sourceOf(device, keys));
    if (!topics.has(topic)) topics.set(topic, { text: topic, lane, batchSerial: 0, batchIndex: 0 });
    batch.append(
      {
        source: sources.get(device)!,
        topic: topics.get(topic)!,
        bytes,
        payloadStart: 0,
        payloadEnd: bytes.length,
        properties,
        flags: 1 | (dup ? 8 : 0),
        ack: AckKind.none,
        packetId,
        keepPacketId: packetId > 0,
      },
      1,
    );
  }
  return batch.seal(lane);
}

function sourceOf(device: string, keys: OwnerKeys | null): RecordSource {
  const owners = keys === null ? {} : { deviceKey: keys.deviceKey(device), groupKey: keys.groupKey(GROUP) };
  return { device, slots: createSourceSlots(2), acknowledge() {}, flushAcknowledgements() {}, ...owners };
}

export class ShareHarness implements Disposable {
  readonly directory = new TemporaryDirectory();
  readonly events: string[] = [];
  db!: Db;
  engine!: StorageEngine;
  report!: OpenReport;
  shares!: StoredShares;
  nowMs = 1_000_000;
  /** Of every batch that was ever kept. */
  readonly batches: { lane: string; first: number; last: number; bytes: Map<string, number> }[] = [];
  #reader: Db | null = null;
  #count: ShareCount | null = null;
  readonly #asked: CountRequest[] = [];
  #isCounting = true;

  open(over: Partial<StorageEngineOptions> = {}): this {
    const { db, report } = openDatabase(this.directory.path, { synchronous: 'normal', cacheBytes: MiB });
    this.db = db;
    this.report = report;
    db.pragma('synchronous = OFF');
    const options: StorageEngineOptions = {
      ...size,
      gatewayId: 'g',
      bootId: 'boot',
      compression: 'zstd',
      compressionLevel: 1,
      file: this.directory.file('sluice.db'),
      lanes: ['main', 'bulk'],
      sinks: [
        { name: 'cloud', lanes: [] },
        { name: 'audit', lanes: ['main'] },
      ],
      tailBytes: 0,
      recentPerSessionMax: 8,
      bytesMax: 64 * MiB,
      checkpointBytes: MiB,
      diskFreeBytesMin: 0,
      countsShares: true,
      ...over,
    };
    this.#isCounting = options.countsShares === true;
    this.engine = new StorageEngine(db, options, {
      committed: (_request, { records }) => this.events.push(`committed ${records}`),
      appended: () => {},
      stalled: (reason) => this.events.push(`stalled ${reason}`),
      resumed: () => this.events.push('resumed'),
      checkpointWanted: () => this.engine.checkpointed(),
      countWanted: (request) => this.#asked.push(request),
    });
    this.shares = new StoredShares(1000);
    this.shares.opened(this.engine.shares.secret);
    return this;
  }

  /** The counting thread is to answer. */
  get isAsked(): boolean {
    return this.#asked.length > 0;
  }

  get keys(): OwnerKeys {
    return new OwnerKeys(this.engine.shares.secret);
  }

  commit(publishes: Publish[], lane = 0): void {
    const first = this.engine.lanes[lane].nextOffset;
    const batch = sealedBatch(publishes, this.#isCounting ? this.keys : null, lane);
    this.engine.commit({ batches: [batch], ops: [] }, this.nowMs);
    const count = this.engine.lanes[lane].nextOffset - first;
    const bytes = new Map<string, number>();
    for (const { device, payload, topic = 'a/b', properties, dup } of publishes) {
      if (dup === true) continue;
      const more = Buffer.byteLength(topic) + Buffer.from(payload).length + (properties?.length ?? 0);
      bytes.set(device, (bytes.get(device) ?? 0) + more);
    }
    if (count > 0)
      this.batches.push({ lane: this.engine.lanes[lane].name, first, last: first + count - 1, bytes });
    this.take();
  }

  delivered(sink: string, lane: string, delivered: number): void {
    const { nextOffset } = this.engine.books().find((entry) => entry.sink === sink && entry.lane === lane)!;
    this.engine.advance({
      kind: 'advance',
      sink,
      lane,
      nextOffset: nextOffset + delivered,
      delivered,
      deadLettered: 0,
      missing: 0,
      leftOut: 0,
      deadLetters: [],
    });
    this.take();
  }

  tick(ms = 250): void {
    this.nowMs += ms;
    this.engine.tick(this.nowMs);
    this.take();
  }

  /** The counting thread answers one question; false: there was none. */
  answer(limits = { rowsMax: 4, rowsMadeMax: 4, readBytesMax: MiB, budgetMs: 1000 }): boolean {
    const request = this.#asked.shift();
    if (request === undefined) return false;
    this.#reader ??= new Database(this.directory.file('sluice.db'), { readonly: true });
    this.#count ??= new ShareCount(this.#reader, this.keys, limits);
    this.engine.counted(this.#count.slice(request));
    this.take();
    return true;
  }

  /** Until all is counted and told. */
  countAll(): void {
    for (let i = 0; i < 1000 && !this.engine.shares.isCounted; i++) {
      this.tick();
      for (let slice = 0; slice < 1000 && this.answer(); slice++);
    }
    for (let i = 0; i < 10; i++) this.tick();
  }

  /** As the store's thread does: with commits and ticks. */
  take(): void {
    const changes = this.engine.shares.takeChanges();
    if (changes !== null) this.shares.changed(changes);
  }

  /** Of a device: what the map says of batches that some sink owes. */
  owed(device: string): number {
    let bytes = 0;
    for (const batch of this.batches)
      if (batch.last >= this.floor(batch.lane)) bytes += batch.bytes.get(device) ?? 0;
    return bytes;
  }

  floor(lane: string): number {
    const cursors = this.engine.books().filter((entry) => entry.lane === lane);
    return Math.min(...cursors.map(({ nextOffset }) => nextOffset));
  }

  bytesOf(device: string): number {
    return this.shares.bytesOf(this.shares.deviceKey(device));
  }

  rows(): number {
    return this.db.prepare('SELECT count(*) FROM shares').pluck().get() as number;
  }

  /** `how`: in order, or as after a crash: what was not written is lost. */
  close(how: 'stop' | 'crash'): void {
    if (how === 'stop') this.engine.close(this.nowMs);
    this.#reader?.close();
    this.#reader = null;
    this.#count = null;
    this.#asked.length = 0;
    this.db.close();
  }

  reopen(how: 'stop' | 'crash', over: Partial<StorageEngineOptions> = {}): this {
    this.close(how);
    return this.open(over);
  }

  /** Every sink has everything. */
  deliverAll(): void {
    for (const { sink, lane, nextOffset } of this.engine.books()) {
      const end = this.engine.lanes.find(({ name }) => name === lane)?.nextOffset ?? 0;
      if (end > nextOffset) this.delivered(sink, lane, end - nextOffset);
    }
    for (let i = 0; i < 10; i++) this.tick();
  }

  /** Changes `bytes` bytes anywhere in the database, which is closed. */
  flip(random: Random, bytes: number): void {
    const file = this.directory.file('sluice.db');
    const content = readFileSync(file);
    for (let i = 0; i < bytes; i++) content[random.int(content.length)] ^= 1 << random.int(8);
    writeFileSync(file, content);
  }

  /** Bytes at the end of the database that do not belong there. */
  spoil(): void {
    appendFileSync(this.directory.file('sluice.db'), Buffer.alloc(3 * 4096, 7));
  }

  [Symbol.dispose](): void {
    this.close('crash');
    this.directory[Symbol.dispose]();
  }
}
