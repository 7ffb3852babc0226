// Step 3, keep, main-thread half: fills the open record batches, decides when they are committed, and releases the
// acknowledgements when they are on disk. One commit is in flight at a time; the next batches fill meanwhile.
//
// Invariants: an acknowledgement leaves only after the transaction that holds its record was fsynced; acknowledgements
// of one connection leave in the order its packets came (MQTT 5.0 4.6); nothing is allocated per record.
// What becomes of a full batch is the caller's to say: `append` returns false and `whenRoom` tells when to go on.

import type { Clock, Timer } from '../config/clock.ts';
import { CommitPace } from './commit-pace.ts';
import type { StallReason } from './log/space.ts';
import { OwedAcknowledgements } from './owed-acknowledgements.ts';
import { FillingBatch } from './record-batch/filling-batch.ts';
import type { OpenBatchSize, SealedBatch } from './record-batch/open-batch.ts';
import { AckKind, type RecordInput, type RecordSource } from './record-source.ts';
import { RoomWaiters } from './room-waiters.ts';
import type { SessionOp } from './sessions/session-ops.ts';

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
  /** Whose bytes wait in the log is counted (shares/): as StoreOptions. */
  countsShares?: boolean;
}

/** How hard it is to keep up; totals since the start. */
export interface CommitLoad {
  /** Bytes of data that are being gathered, and that are on their way to the disk. */
  openBytes: number;
  inFlightBytes: number;
  /** How long the commit in flight has taken so far; 0: there is none. */
  inFlightMs: number;
  /** What the commit in flight had to wait for: it says nothing of how fast the disk is. Null: nothing. */
  stall: StallReason | null;
  /** Those that did not have to wait for room. */
  commits: number;
  /** How long all those commits took, from when they were handed over. */
  commitMs: number;
  /** Time in which somebody had found no room and there was none yet. */
  noRoomMs: number;
}

/**
 * Changes of sessions that somebody waits for, in one commit: clients that connect or subscribe. Each holds what is
 * known of its client by then, some 20 KiB.
 */
const AWAITED_MAX = 1024;

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #target: CommitTarget;
  readonly #pace = new CommitPace();
  readonly #open: FillingBatch[] = [];
  readonly #freeBuffers: ArrayBuffer[] = [];
  #owed: OwedAcknowledgements;
  #owedInFlight: OwedAcknowledgements;
  #ops: SessionOp[] = [];
  #callbacks: (() => void)[] = [];
  readonly #idleWaiters: (() => void)[] = [];
  readonly #roomWaiters = new RoomWaiters();
  #batchSerial = 0;
  #isInFlight = false;
  #isCheckScheduled = false;
  #lingerTimer: Timer | null = null;
  /**
   * Of what is open: records and other entries, bytes of data, when it began.
   */
  #entries = 0;
  #bytes = 0;
  #oldestAtMs = 0;
  /** How many changes of sessions are waited for. */
  #awaited = 0;
  /** For `load`. */
  #inFlightBytes = 0;
  #inFlightSinceMs = 0;
  #stall: StallReason | null = null;
  #commits = 0;
  #commitMs = 0;
  #noRoomSinceMs = -1;
  #noRoomMs = 0;
  /** Wall clock of the records to come; the caller sets it once for all that it has read at a time. */
  nowMs = 0;

  constructor(target: CommitTarget, options: GroupCommitOptions) {
    this.#target = target;
    this.#options = options;
    this.#owed = new OwedAcknowledgements(options.recordsMax);
    this.#owedInFlight = new OwedAcknowledgements(options.recordsMax);
    for (let lane = 0; lane < options.lanes; lane++) this.#open.push(this.#newBatch());
  }

  /** Appends one record. False: no room until the next commit; nothing was taken. */
  append(record: RecordInput): boolean {
    const batch = this.#open[record.topic.lane];
    if (this.#owed.isFull || !batch.hasRoom(record)) return this.#noRoom();
    this.#enter();
    if (batch.count === 0) batch.begin(this.nowMs, this.#options.clock.monotonicMs());
    this.#bytes += batch.append(record, this.nowMs);
    if (record.ack !== AckKind.none) this.#owe(record.source, record.ack, record.packetId, 0);
    return true;
  }

  /**
   * An acknowledgement that goes out with the next commit without a record of its own: PUBCOMP, a refusal, the answer
   * to a duplicate. False: no room, as `append`.
   */
  acknowledge(source: RecordSource, kind: AckKind, packetId: number, reason: number): boolean {
    if (this.#owed.isFull) return this.#noRoom();
    this.#enter();
    this.#owe(source, kind, packetId, reason);
    return true;
  }

  /**
   * Adds session changes to the next commit, in which the records appended in the same turn are too; `done` is called
   * when they are on disk. Urgent: somebody waits at a terminal (CONNECT, SUBSCRIBE), so do not linger.
   */
  journal(ops: readonly SessionOp[], done: () => void, urgent: boolean): void {
    this.#enter();
    for (const op of ops) this.#ops.push(op);
    this.#callbacks.push(done);
    if (urgent) this.#awaited++;
  }

  /**
   * Whether one more client may wait for a change of its session. False: not until the next commit begins. With a disk
   * that is full, for hours perhaps, all who try again and again would pile up here.
   */
  hasRoomToWait(): boolean {
    return this.#awaited < AWAITED_MAX || this.#noRoom();
  }

  /** Calls back once when there is room again after `append` or `hasRoomToWait` returned false. */
  whenRoom(callback: () => void): void {
    this.#roomWaiters.add(callback);
    if (!this.#isInFlight) this.#commit();
  }

  /** One that has gone away. */
  forgetWaiter(callback: () => void): void {
    this.#roomWaiters.remove(callback);
  }

  /** The commit in flight has to wait: there is no room for it. */
  stalled(reason: StallReason): void {
    if (this.#isInFlight) this.#stall = reason;
  }

  get load(): CommitLoad {
    const nowMs = this.#options.clock.monotonicMs();
    return {
      openBytes: this.#bytes,
      inFlightBytes: this.#isInFlight ? this.#inFlightBytes : 0,
      inFlightMs: this.#isInFlight ? nowMs - this.#inFlightSinceMs : 0,
      stall: this.#stall,
      commits: this.#commits,
      commitMs: this.#commitMs,
      noRoomMs: this.#noRoomMs + (this.#noRoomSinceMs < 0 ? 0 : nowMs - this.#noRoomSinceMs),
    };
  }

  get isIdle(): boolean {
    return !this.#isInFlight && this.#entries === 0;
  }

  /** Commits what is open without lingering; resolves when nothing is open or in flight any more. */
  drained(): Promise<void> {
    if (this.isIdle) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve);
      if (!this.#isInFlight) this.#commit();
    });
  }

  /** Always false. */
  #noRoom(): false {
    if (this.#noRoomSinceMs < 0) this.#noRoomSinceMs = this.#options.clock.monotonicMs();
    return false;
  }

  #newBatch(): FillingBatch {
    return new FillingBatch(this.#options, ++this.#batchSerial, this.#freeBuffers.pop());
  }

  #enter(): void {
    if (this.#entries++ === 0) {
      this.#oldestAtMs = this.#options.clock.monotonicMs();
      this.#pace.begin(this.#oldestAtMs);
    }
    if (!this.#isCheckScheduled) this.#scheduleCheck();
  }

  #owe(source: RecordSource, kind: AckKind, packetId: number, reason: number): void {
    this.#owed.add(source, kind, packetId, reason);
    this.#pace.waits(source);
  }

  /**
   * Looks once this round of the event loop has read every ready socket, so that they all share the commit.
   */
  #scheduleCheck(): void {
    this.#isCheckScheduled = true;
    setImmediate(() => {
      this.#isCheckScheduled = false;
      this.#commitIfDue();
    });
  }

  #commitIfDue(): void {
    if (this.#isInFlight || this.#entries === 0) return;
    const ageMs = this.#options.clock.monotonicMs() - this.#oldestAtMs;
    const lingerLeftMs = this.#options.lingerMs - ageMs;
    if (this.#awaited > 0 || lingerLeftMs <= 0 || this.#pace.isWorthIt(this.#entries, this.#bytes, ageMs)) {
      this.#commit();
    } else if (this.#lingerTimer === null) {
      this.#lingerTimer = this.#options.clock.after(lingerLeftMs, () => {
        this.#lingerTimer = null;
        this.#commitIfDue();
      });
    }
  }

  #commit(): void {
    this.#lingerTimer?.clear();
    this.#lingerTimer = null;
    const request: CommitRequest = { batches: this.#seal(), ops: this.#ops };
    const callbacks = this.#callbacks;
    const owed = this.#owed;
    this.#owed = this.#owedInFlight;
    this.#owedInFlight = owed;
    this.#ops = [];
    this.#callbacks = [];
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#noRoomSinceMs >= 0) this.#noRoomMs += nowMs - this.#noRoomSinceMs;
    this.#noRoomSinceMs = -1;
    this.#inFlightBytes = this.#bytes;
    this.#inFlightSinceMs = nowMs;
    this.#entries = 0;
    this.#bytes = 0;
    this.#awaited = 0;
    this.#isInFlight = true;
    this.#pace.committed();
    this.#target.commit(request, (buffers) => this.#committed(buffers, callbacks));
    this.#roomWaiters.tell();
  }

  #seal(): SealedBatch[] {
    const sealed: SealedBatch[] = [];
    for (let lane = 0; lane < this.#open.length; lane++) {
      if (this.#open[lane].count === 0) continue;
      sealed.push(this.#open[lane].seal(lane));
      this.#open[lane] = this.#newBatch();
    }
    return sealed;
  }

  #committed(buffers: ArrayBuffer[], callbacks: (() => void)[]): void {
    this.#isInFlight = false;
    if (this.#stall === null) {
      this.#commits++;
      this.#commitMs += this.#options.clock.monotonicMs() - this.#inFlightSinceMs;
    }
    this.#stall = null;
    for (const buffer of buffers) this.#freeBuffers.push(buffer);
    this.#owedInFlight.release();
    for (const callback of callbacks) callback();
    // There is room in a batch that is empty, and nothing else would tell those who wait.
    if (this.#entries === 0) this.#roomWaiters.tell();
    if (this.#idleWaiters.length === 0) this.#commitIfDue();
    else if (this.#entries > 0) this.#commit();
    else for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }
}
