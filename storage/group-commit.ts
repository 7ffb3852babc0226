// Step 3, keep, main-thread half: fills the open record batches, decides when they are committed, and releases the
// acknowledgements when they are on disk. One commit is in flight at a time; the next batches fill meanwhile.
//
// Invariants: an acknowledgement leaves only after the transaction that holds its record was fsynced; acknowledgements
// of one connection leave in the order its packets came (MQTT 5.0 4.6); nothing is allocated per record.
// What becomes of a full batch is the caller's to say: `append` returns false and `whenRoom` tells when to go on.

import type { Clock, Timer } from '../config/clock.ts';
import { BatchMemory, type OpenBatchSize, type SealedBatch } from './record-batch/open-batch.ts';
import type { SessionOp } from './sessions/session-ops.ts';

/** Which packet answers what was kept. */
export const AckKind = { none: 0, puback: 1, pubrec: 2, pubcomp: 3 } as const;
export type AckKind = (typeof AckKind)[keyof typeof AckKind];

/** Where records come from, and where their acknowledgements go: a connection, or the gateway itself (wills). */
export interface RecordSource {
  /** The device's name in the record: the client id. */
  readonly device: string;
  /** Per lane: serial of the batch in which `deviceIndex` is valid. Two numbers a lane, owned by GroupCommit. */
  readonly deviceSlots: Uint32Array;
  activeEpoch: number;
  /** `reason`: MQTT 5 reason code, 0 = success. */
  acknowledge(kind: AckKind, packetId: number, reason: number): void;
  /** Called once after the last `acknowledge` of a commit. */
  flushAcknowledgements(): void;
}

/** A topic as the admission step knows it: its text, its lane, and its place in the open batch. */
export interface TopicSlot {
  readonly text: string;
  readonly lane: number;
  batchSerial: number;
  batchIndex: number;
}

/** One record to append; reused by the caller, so that it costs nothing. */
export interface RecordInput {
  source: RecordSource;
  topic: TopicSlot;
  /** Bytes that hold payload (and properties). */
  bytes: Buffer;
  payloadStart: number;
  payloadEnd: number;
  /** MQTT 5 properties as they are kept, null when there are none. */
  properties: Uint8Array | null;
  flags: number;
  ack: AckKind;
  packetId: number;
  /** The packet id is kept with the record, so that a packet re-sent after a crash is recognised. */
  keepPacketId: boolean;
}

export interface CommitRequest {
  batches: SealedBatch[];
  ops: SessionOp[];
}

/** The storage thread, as this step sees it. */
export interface CommitTarget {
  /** `done` is called once, when everything in the request is fsynced, with the buffers to be used again. */
  commit(request: CommitRequest, done: (buffers: ArrayBuffer[]) => void): void;
}

export interface GroupCommitOptions extends OpenBatchSize {
  lanes: number;
  lingerMs: number;
  clock: Clock;
}

/** From here on a commit's own cost (a few pages and an fsync) is small against what it holds: no need to gather more. */
const EFFICIENT_RECORDS = 256;
const EFFICIENT_BYTES = 64 * 1024;
const ACTIVITY_WINDOW_MS = 100;
/**
 * Commit early when this share of the recently active connections waits for it (hardly anybody is left to wait for), and
 * records come fast: publishers that send one at a time get a commit's latency, while devices that report now and then
 * do not cost an fsync each.
 */
const WAITING_SHARE = 0.9;
const WAITING_RECORDS_MIN = 16;
const WAITING_RECORDS_PER_MS = 10;

class OpenBatch {
  memory: BatchMemory;
  serial = 0;
  count = 0;
  dataBytes = 0;
  hasProperties = false;
  hasPacketIds = false;
  devices: string[] = [];
  topics: string[] = [];
  baseTimeMs = 0;
  baseMonotonicMs = 0;

  constructor(memory: BatchMemory) {
    this.memory = memory;
  }
}

/** Acknowledgements owed when a commit is done, in order of arrival. */
class AckList {
  readonly sources: RecordSource[];
  /** reason << 24 | kind << 16 | packet id */
  readonly words: Uint32Array;
  count = 0;

  constructor(capacity: number) {
    this.sources = new Array(capacity);
    this.words = new Uint32Array(capacity);
  }
}

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #target: CommitTarget;
  readonly #open: OpenBatch[] = [];
  readonly #free: ArrayBuffer[] = [];
  #openAcks: AckList;
  #flightAcks: AckList;
  #ops: SessionOp[] = [];
  #callbacks: (() => void)[] = [];
  #inFlight = false;
  #serial = 0;
  #records = 0;
  #bytes = 0;
  #oldestAtMs = 0;
  #checkScheduled = false;
  #urgent = false;
  #lingerTimer: Timer | null = null;
  #roomWaiters: (() => void)[] = [];
  readonly #idleWaiters: (() => void)[] = [];
  /** Connections with a record in the open batches that waits for its acknowledgement, and those of late. */
  #waiting = 0;
  #waitingSerial = 1;
  #activityEpoch = 1;
  #epochStartMs = 0;
  #activeNow = 0;
  #activeBefore = 0;
  nowMs = 0;
  commits = 0;

  constructor(target: CommitTarget, options: GroupCommitOptions) {
    this.#target = target;
    this.#options = options;
    const acks = options.recordsMax;
    this.#openAcks = new AckList(acks);
    this.#flightAcks = new AckList(acks);
    for (let lane = 0; lane < options.lanes; lane++) {
      const open = new OpenBatch(new BatchMemory(options));
      open.serial = ++this.#serial;
      this.#open.push(open);
    }
  }

  /** Appends one record. False: no room until the commit in flight is done; nothing was taken. */
  append(record: RecordInput): boolean {
    const { source, topic } = record;
    const batch = this.#open[topic.lane];
    const acks = this.#openAcks;
    const propertiesBytes = record.properties === null ? 0 : record.properties.length;
    const payloadBytes = record.payloadEnd - record.payloadStart;
    const i = batch.count;
    if (
      i === this.#options.recordsMax ||
      acks.count === acks.words.length ||
      batch.dataBytes + propertiesBytes + payloadBytes > this.#options.dataBytesMax
    ) {
      return false;
    }
    if (this.#records === 0) this.#begin();
    if (i === 0) this.#beginBatch(batch);
    const memory = batch.memory;
    memory.timeMs[i] = this.nowMs > batch.baseTimeMs ? this.nowMs - batch.baseTimeMs : 0; // the wall clock may step back
    memory.flags[i] = record.flags;
    memory.payloadBytes[i] = payloadBytes;
    memory.device[i] = this.#deviceIndex(batch, source, topic.lane);
    memory.topic[i] = this.#topicIndex(batch, topic);
    memory.packetId[i] = record.keepPacketId ? record.packetId : 0;
    memory.propertiesBytes[i] = propertiesBytes;
    if (record.keepPacketId) batch.hasPacketIds = true;
    let at = batch.dataBytes;
    if (record.properties !== null) {
      batch.hasProperties = true;
      memory.data.set(record.properties, at);
      at += propertiesBytes;
    }
    record.bytes.copy(memory.data, at, record.payloadStart, record.payloadEnd);
    batch.dataBytes = at + payloadBytes;
    batch.count = i + 1;
    this.#records++;
    this.#bytes += payloadBytes + propertiesBytes;
    if (record.ack !== AckKind.none) this.#owe(source, record.ack, record.packetId, 0);
    if (!this.#checkScheduled) this.#scheduleCheck();
    return true;
  }

  /** An acknowledgement that waits for the next commit without a record of its own (PUBREL -> PUBCOMP, a duplicate). */
  acknowledge(source: RecordSource, kind: AckKind, packetId: number, reason: number): boolean {
    if (this.#openAcks.count === this.#openAcks.words.length) return false;
    if (this.#records === 0) this.#begin();
    this.#records++;
    this.#owe(source, kind, packetId, reason);
    if (!this.#checkScheduled) this.#scheduleCheck();
    return true;
  }

  /**
   * Adds session changes to the next commit, in which the records appended in the same turn are too; `done` is called
   * when they are on disk. Urgent: somebody waits at a terminal (CONNECT, SUBSCRIBE), so do not linger.
   */
  journal(ops: readonly SessionOp[], done: () => void, urgent: boolean): void {
    if (this.#records === 0) this.#begin();
    this.#records++;
    for (const op of ops) this.#ops.push(op);
    this.#callbacks.push(done);
    if (urgent) this.#urgent = true;
    if (!this.#checkScheduled) this.#scheduleCheck();
  }

  /** Calls back once when there is room again after `append` returned false. */
  whenRoom(callback: () => void): void {
    this.#roomWaiters.push(callback);
    if (!this.#inFlight) this.#commit();
  }

  get idle(): boolean {
    return !this.#inFlight && this.#records === 0;
  }

  get openRecords(): number {
    return this.#records;
  }

  /** Commits what is open without lingering; resolves when nothing is open or in flight any more. */
  drained(): Promise<void> {
    if (this.idle) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve);
      if (!this.#inFlight) this.#commit();
    });
  }

  #begin(): void {
    const now = this.#options.clock.monotonicMs();
    this.#oldestAtMs = now;
    if (now - this.#epochStartMs >= ACTIVITY_WINDOW_MS) {
      this.#activeBefore = now - this.#epochStartMs < 2 * ACTIVITY_WINDOW_MS ? this.#activeNow : 0;
      this.#activeNow = 0;
      this.#activityEpoch++;
      this.#epochStartMs = now;
    }
  }

  #beginBatch(batch: OpenBatch): void {
    batch.baseTimeMs = this.nowMs;
    batch.baseMonotonicMs = this.#options.clock.monotonicMs();
  }

  #deviceIndex(batch: OpenBatch, source: RecordSource, lane: number): number {
    const slots = source.deviceSlots;
    if (slots[2 * lane] === batch.serial) return slots[2 * lane + 1];
    slots[2 * lane] = batch.serial;
    return (slots[2 * lane + 1] = batch.devices.push(source.device) - 1);
  }

  #topicIndex(batch: OpenBatch, topic: TopicSlot): number {
    if (topic.batchSerial === batch.serial) return topic.batchIndex;
    topic.batchSerial = batch.serial;
    return (topic.batchIndex = batch.topics.push(topic.text) - 1);
  }

  #owe(source: RecordSource, kind: AckKind, packetId: number, reason: number): void {
    const acks = this.#openAcks;
    acks.sources[acks.count] = source;
    acks.words[acks.count++] = (reason << 24) | (kind << 16) | packetId;
    const slots = source.deviceSlots;
    const waitingSlot = slots.length - 1;
    if (slots[waitingSlot] !== this.#waitingSerial) {
      slots[waitingSlot] = this.#waitingSerial;
      this.#waiting++;
    }
    if (source.activeEpoch !== this.#activityEpoch) {
      source.activeEpoch = this.#activityEpoch;
      this.#activeNow++;
    }
  }

  /** Looks once this round of the event loop has read every ready socket, so that they all share the commit. */
  #scheduleCheck(): void {
    this.#checkScheduled = true;
    setImmediate(() => {
      this.#checkScheduled = false;
      this.#commitIfDue();
    });
  }

  #commitIfDue(): void {
    if (this.#inFlight || this.#records === 0) return;
    const ageMs = this.#options.clock.monotonicMs() - this.#oldestAtMs;
    const lingerLeftMs = this.#options.lingerMs - ageMs;
    if (lingerLeftMs <= 0 || this.#worthIt(ageMs)) {
      this.#commit();
    } else if (this.#lingerTimer === null) {
      this.#lingerTimer = this.#options.clock.after(lingerLeftMs, () => {
        this.#lingerTimer = null;
        this.#commitIfDue();
      });
    }
  }

  #worthIt(ageMs: number): boolean {
    if (this.#records >= EFFICIENT_RECORDS || this.#bytes >= EFFICIENT_BYTES || this.#urgent) return true;
    if (this.#waiting < WAITING_SHARE * Math.max(this.#activeNow, this.#activeBefore)) return false;
    return this.#records >= WAITING_RECORDS_MIN && this.#records >= WAITING_RECORDS_PER_MS * ageMs;
  }

  #commit(): void {
    this.#lingerTimer?.clear();
    this.#lingerTimer = null;
    const request: CommitRequest = { batches: [], ops: this.#ops };
    const callbacks = this.#callbacks;
    for (let lane = 0; lane < this.#open.length; lane++) {
      if (this.#open[lane].count > 0) request.batches.push(this.#seal(lane));
    }
    const acks = this.#openAcks;
    this.#openAcks = this.#flightAcks;
    this.#flightAcks = acks;
    this.#ops = [];
    this.#callbacks = [];
    this.#records = 0;
    this.#bytes = 0;
    this.#urgent = false;
    this.#waiting = 0;
    this.#waitingSerial++;
    this.#inFlight = true;
    this.commits++;
    this.#target.commit(request, (buffers) => this.#committed(buffers, callbacks));
    this.#tellRoom();
  }

  #seal(lane: number): SealedBatch {
    const full = this.#open[lane];
    const buffer = this.#free.pop();
    const next = new OpenBatch(new BatchMemory(this.#options, buffer));
    next.serial = ++this.#serial;
    this.#open[lane] = next;
    const { count, dataBytes, hasProperties, hasPacketIds, devices, topics, baseTimeMs, baseMonotonicMs } = full;
    return {
      lane, count, dataBytes, hasProperties, hasPacketIds, devices, topics, baseTimeMs, baseMonotonicMs,
      buffer: full.memory.buffer,
    };
  }

  #committed(buffers: ArrayBuffer[], callbacks: (() => void)[]): void {
    this.#inFlight = false;
    for (const buffer of buffers) this.#free.push(buffer);
    this.#release(this.#flightAcks);
    for (const callback of callbacks) callback();
    if (this.#idleWaiters.length === 0) this.#commitIfDue();
    else if (this.#records > 0) this.#commit();
    else for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  #release(acks: AckList): void {
    const { sources, words } = acks;
    for (let i = 0; i < acks.count; i++) {
      const word = words[i];
      sources[i].acknowledge(((word >>> 16) & 0xff) as AckKind, word & 0xffff, word >>> 24);
    }
    // A source's flush is cheap when it has nothing left to write, so the second walk needs no set of sources.
    for (let i = 0; i < acks.count; i++) {
      sources[i].flushAcknowledgements();
      sources[i] = NOBODY;
    }
    acks.count = 0;
  }

  #tellRoom(): void {
    if (this.#roomWaiters.length === 0) return;
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const waiter of waiters) setImmediate(waiter);
  }
}

/** Stands in released ack lists, so that a closed connection is not kept alive by them. */
const NOBODY: RecordSource = {
  device: '',
  deviceSlots: new Uint32Array(3),
  activeEpoch: 0,
  acknowledge() {},
  flushAcknowledgements() {},
};
