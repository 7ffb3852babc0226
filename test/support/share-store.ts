// The store with its threads, counting whose bytes wait in the log, and the same figures read from the log itself.

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { systemClock } from '../../config/clock.ts';
import { GroupCommit } from '../../storage/group-commit.ts';
import type { BookEntry } from '../../storage/log/cursors.ts';
import type { Advance } from '../../storage/log/log-port.ts';
import { openLogReader } from '../../storage/log/log-reader.ts';
import { decodeBatch } from '../../storage/record-batch/codec.ts';
import { recordsOf } from '../../storage/record-batch/record-batch.ts';
import { AckKind, createSourceSlots, type RecordSource } from '../../storage/record-source.ts';
import type { StoredShares } from '../../storage/shares/stored-shares.ts';
import { Store } from '../../storage/store.ts';
import { waitFor } from './wait-for.ts';

const LANES = ['main', 'bulk'];
const size = { recordsMax: 512, dataBytesMax: 256 * 1024 };
const MiB = 1024 * 1024;
const GROUP = 'plant';

export class ShareStore implements AsyncDisposable {
  readonly #store: Store;
  readonly #commits: GroupCommit;
  readonly #sources = new Map<string, RecordSource>();
  readonly #faults: Error[] = [];
  #bridge: MessagePort | null = null;

  constructor(directory: string, shareOwnersMax = 1000) {
    this.#store = new Store(
      {
        ...size,
        directory,
        gatewayId: '',
        bootId: 'boot',
        lanes: LANES,
        sinks: [{ name: 'cloud', lanes: [] }],
        compression: 'zstd',
        compressionLevel: 1,
        synchronous: 'normal',
        bufferBytesMax: 64 * MiB,
        tailBytes: 64 * 1024,
        checkpointBytes: MiB,
        diskFreeBytesMin: 0,
        recentPerSessionMax: 8,
        salvage: null,
        shareOwnersMax,
      },
      {
        opening() {},
        stalled() {},
        resumed() {},
        fault: (error) => this.#faults.push(error),
        committed() {},
      },
    );
    const lanes = LANES.length;
    const countsShares = shareOwnersMax > 0;
    this.#commits = new GroupCommit(this.#store, {
      ...size,
      lanes,
      lingerMs: 2,
      clock: systemClock,
      countsShares,
    });
  }

  async start(): Promise<void> {
    await this.#store.start();
    const { port1, port2 } = new MessageChannel();
    this.#store.connectBridge(port1);
    this.#bridge = port2;
  }

  get shares(): StoredShares {
    return this.#store.shares as StoredShares;
  }

  /** False: no room now. */
  append(device: string, payload: Buffer, lane = 0): boolean {
    return this.#commits.append({
      source: this.#sourceOf(device),
      topic: { text: 'plant/reading', lane, batchSerial: 0, batchIndex: 0 },
      bytes: payload,
      payloadStart: 0,
      payloadEnd: payload.length,
      properties: null,
      flags: 1,
      ack: AckKind.none,
      packetId: 0,
      keepPacketId: false,
    });
  }

  drained(): Promise<void> {
    return this.#commits.drained();
  }

  /** The upstream has so many more of the lane's records. */
  async deliver(lane: string, records: number): Promise<void> {
    const { books, lanes } = await this.#store.status();
    const { nextOffset } = books.find((entry) => entry.lane === lane) as BookEntry;
    const end = lanes.find(({ name }) => name === lane)?.nextOffset ?? 0;
    const delivered = Math.min(records, end - nextOffset);
    const passed = { nextOffset: nextOffset + delivered, delivered, deadLettered: 0, missing: 0, leftOut: 0 };
    const advance: Advance = { kind: 'advance', sink: 'cloud', lane, ...passed, deadLetters: [] };
    if (delivered > 0) this.#bridge?.postMessage(advance);
  }

  counted(): Promise<void> {
    const isDone = (): boolean => this.#faults.length > 0 || !this.shares.isCounting;
    return waitFor(isDone, { what: 'the count of what waits' });
  }

  /** What the log says, for each device, of batches that are owed; read while nothing is going on. */
  async owed(): Promise<Map<string, number>> {
    const { books } = await this.#store.status();
    const owed = new Map<string, number>();
    const reader = openLogReader(this.#store.state.databaseFile);
    for (const { name, number } of this.#store.state.lanes) {
      const floor = books.find(({ lane }) => lane === name)?.nextOffset ?? 0;
      for (const { firstOffset, count, bytes } of reader.read(number, floor, 1e9)) {
        if (firstOffset + count <= floor) continue;
        for (const { device, topic, payload, properties } of recordsOf(decodeBatch(bytes))) {
          const more = Buffer.byteLength(topic) + payload.length + properties.length;
          owed.set(device, (owed.get(device) ?? 0) + more);
        }
      }
    }
    reader.close();
    return owed;
  }

  /** The store's own figures for the same devices. */
  told(devices: Iterable<string>): Map<string, number> {
    return new Map(
      [...devices].map((device) => [device, this.shares.bytesOf(this.shares.deviceKey(device))]),
    );
  }

  groupBytes(): number {
    return this.shares.bytesOf(this.shares.groupKey(GROUP));
  }

  get faults(): readonly Error[] {
    return this.#faults;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store.stop(5000);
    this.#bridge?.close();
  }

  #sourceOf(device: string): RecordSource {
    const known = this.#sources.get(device);
    if (known !== undefined) return known;
    const { shares } = this.#store;
    const source: RecordSource = {
      device,
      slots: createSourceSlots(LANES.length),
      acknowledge() {},
      flushAcknowledgements() {},
      deviceKey: shares?.deviceKey(device) ?? 0,
      groupKey: shares?.groupKey(GROUP) ?? 0,
    };
    this.#sources.set(device, source);
    return source;
  }
}
