// Step 3, keep, storage-thread half: the one writer of the store. Takes commits and cursor advances, one transaction at
// a time. Synchronous and free of threads, so that tests drive it directly; store-thread.ts is its thread.
//
// Durable when `committed` is called: everything in the request. A commit that finds no room stays pending and is tried
// again - first after making room, then at every tick; nothing is ever dropped here, the acknowledgements just wait.

import type { Database } from 'better-sqlite3';
import type { CommitRequest } from './group-commit.ts';
import { Checkpoints } from './log/checkpoints.ts';
import { type BookEntry, Cursors } from './log/cursors.ts';
import type { Advance } from './log/log-port.ts';
import {
  type LaneState,
  LogWriter,
  type LogWriterOptions,
  openLanes,
  type PreparedBatch,
} from './log/log-writer.ts';
import { RecentPackets } from './log/recent-packets.ts';
import { Retention } from './log/retention.ts';
import { Space, type SpaceOptions, type StallReason, stallReasonOf } from './log/space.ts';
import { recallRecent } from './log/tail.ts';
import { type SessionOp, SessionTables } from './sessions/session-ops.ts';
import type { CountedSlice, CountRequest } from './shares/share-count.ts';
import { ShareLog } from './shares/share-log.ts';

/** Cursors are written at most this often; a crash repeats at most this much, under the same names. */
const FLUSH_INTERVAL_MS = 200;
const DISK_CHECK_INTERVAL_MS = 500;

export interface StorageEngineOptions extends LogWriterOptions, SpaceOptions {
  lanes: string[];
  sinks: { name: string; lanes: readonly string[] }[];
  tailBytes: number;
  recentPerSessionMax: number;
  /** Tells whose bytes wait in the log. */
  countsShares?: boolean;
}

export interface Stored {
  records: number;
  bytes: number;
  duplicates: number;
}

export interface StorageEvents {
  /** The request given to `commit` is on disk. */
  committed(request: CommitRequest, stored: Stored): void;
  appended(lane: string, nextOffset: number): void;
  stalled(reason: StallReason, detail: string): void;
  resumed(): void;
  /** The WAL has grown past `checkpointBytes`: copy it, off this thread. */
  checkpointWanted(): void;
  /** Count this off this thread, and say `counted`; with `countsShares` only. */
  countWanted?(request: CountRequest): void;
}

export class StorageEngine {
  readonly lanes: LaneState[];
  /** Whose bytes wait. */
  readonly shares: ShareLog;
  readonly #db: Database;
  readonly #events: StorageEvents;
  readonly #writer: LogWriter;
  readonly #cursors: Cursors;
  readonly #retention: Retention;
  readonly #recent: RecentPackets;
  readonly #space: Space;
  readonly #sessions: SessionTables;
  readonly #checkpoints: Checkpoints;
  /** Of the sessions that there are, by sid. */
  readonly #clientOf: Map<number, string>;
  #pending: { request: CommitRequest; batches: PreparedBatch[] } | null = null;
  #stalled = false;
  #lastFlushMs = 0;
  #lastDiskCheckMs = 0;
  #diskLow = false;

  constructor(db: Database, options: StorageEngineOptions, events: StorageEvents) {
    this.#db = db;
    this.#events = events;
    this.#space = new Space(db, options);
    this.#sessions = new SessionTables(db);
    let cursors: Cursors | undefined;
    let lanes: LaneState[] = [];
    this.#transaction(() => {
      lanes = openLanes(db, options.lanes);
      cursors = new Cursors(db, options.sinks, lanes);
    });
    this.lanes = lanes;
    this.#cursors = cursors as unknown as Cursors;
    this.#recent = new RecentPackets(options.recentPerSessionMax);
    const known = db.prepare('SELECT client, sid FROM sessions').all() as { client: string; sid: number }[];
    this.#clientOf = new Map(known.map(({ client, sid }) => [sid, client]));
    recallRecent(db, lanes, this.#recent, options.tailBytes);
    this.#retention = new Retention(db, lanes, Math.ceil(options.tailBytes / lanes.length));
    this.#writer = new LogWriter(db, lanes, this.#recent, options);
    this.#checkpoints = new Checkpoints(db, options.checkpointBytes, () => events.checkpointWanted());
    this.shares = new ShareLog(db, {
      lanes,
      floorOf: ({ name }) => this.#cursors.floor(name),
      isCounting: options.countsShares === true,
    });
    this.shares.tryCreate();
  }

  books(): BookEntry[] {
    return this.#cursors.books();
  }

  loadSessions() {
    return this.#sessions.load();
  }

  usedBytes(): number {
    return this.#space.usedBytes();
  }

  /** How much of the room there is holds what cannot be deleted, 0 to 1. */
  fill(): number {
    const deliveredBytes = this.lanes.map((lane, i) =>
      this.#retention.deliveredBytes(i, this.#cursors.floor(lane.name)),
    );
    return this.#space.fill(deliveredBytes.reduce((sum, bytes) => sum + bytes, 0));
  }

  /** One at a time: not again before `committed`. */
  commit(request: CommitRequest, nowMs: number): void {
    const batches = request.batches.map((sealed) => this.#writer.prepare(sealed));
    for (const op of request.ops) this.#noteSession(op); // last: the records are of the sessions that were
    this.#pending = { request, batches };
    this.#tryCommit(nowMs);
  }

  advance(message: Advance): void {
    this.#cursors.advance(message);
    this.shares.settle();
  }

  /** The answer to `countWanted`. */
  counted(slice: CountedSlice): void {
    this.shares.counted(slice);
    this.shares.settle();
    this.#wantCount();
  }

  /**
   * Call every FLUSH_INTERVAL_MS or so: cursors, retention, checkpoints, and the commit that waits for room.
   */
  tick(nowMs: number): void {
    if (this.#pending !== null) this.#tryCommit(nowMs);
    else if (this.#housekeepingDue(nowMs)) this.#flush(nowMs, false);
    this.shares.tryCreate();
    this.shares.settle();
    this.#wantCount();
    this.#checkpoints.wantIfDue();
  }

  /** The checkpoint thread is done: what little came meanwhile is copied here, and the WAL starts over. */
  checkpointed(): void {
    this.#checkpoints.done();
  }

  close(nowMs: number): void {
    if (this.#cursors.dirty || this.shares.due) this.#flush(nowMs, false);
    this.#checkpoints.truncate();
  }

  #tryCommit(nowMs: number): void {
    if (this.#isDiskLow(nowMs)) {
      this.#stall('disk-full', 'the disk has less free than buffer.minFreeDiskBytes', nowMs);
      return;
    }
    const first = this.#attempt(nowMs);
    if (first === undefined) return;
    this.#stall(first.reason, first.detail, nowMs);
    this.#attempt(nowMs);
  }

  /** One try at the pending commit; why there was no room, or undefined when it is on disk. */
  #attempt(nowMs: number): { reason: StallReason; detail: string } | undefined {
    const { request, batches } = this.#pending as { request: CommitRequest; batches: PreparedBatch[] };
    const flush = this.#housekeepingDue(nowMs);
    try {
      this.#transaction(() => {
        for (const batch of batches) this.#writer.append(batch, nowMs);
        for (const op of request.ops) this.#sessions.apply(op);
        if (flush) this.#flushInTransaction(nowMs, false);
      });
    } catch (error) {
      const reason = this.#space.stallReasonOf(error);
      if (reason === undefined) throw error;
      return { reason, detail: (error as Error).message };
    }
    if (flush) this.#flushed(nowMs);
    this.#pending = null;
    this.#stored(request, batches);
    return undefined;
  }

  #stored(request: CommitRequest, batches: PreparedBatch[]): void {
    const stored = { records: 0, bytes: 0, duplicates: 0 };
    for (const batch of batches) {
      const lane = this.lanes[batch.laneIndex];
      stored.duplicates += batch.duplicates;
      if (batch.count === 0) continue;
      lane.nextOffset = batch.firstOffset + batch.count;
      delete lane.leftOutFrom;
      stored.records += batch.count;
      stored.bytes += batch.bytes.length;
      this.#retention.appended(batch.laneIndex, batch.firstOffset, batch.bytes.length);
      this.shares.appended(batch.laneIndex, batch);
    }
    if (this.#stalled) {
      this.#stalled = false;
      this.#events.resumed();
    }
    this.#events.committed(request, stored);
    for (const batch of batches) {
      if (batch.count > 0)
        this.#events.appended(this.lanes[batch.laneIndex].name, this.lanes[batch.laneIndex].nextOffset);
    }
    this.#checkpoints.grewBy(stored.bytes + request.ops.length * 512);
    this.shares.settle();
  }

  /** No room: let delivered batches go at once, the kept tail too; the pending commit stays. */
  #stall(reason: StallReason, detail: string, nowMs: number): void {
    if (!this.#stalled) {
      this.#stalled = true;
      this.#events.stalled(reason, detail);
    }
    this.#flush(nowMs, true);
    this.#checkpoints.finish();
  }

  #housekeepingDue(nowMs: number): boolean {
    if (nowMs - this.#lastFlushMs < FLUSH_INTERVAL_MS && nowMs >= this.#lastFlushMs) return false;
    return (
      this.#cursors.dirty ||
      this.shares.due ||
      this.lanes.some((lane, i) => this.#retention.due(i, this.#cursors.floor(lane.name)))
    );
  }

  /** Cursors and retention in a transaction of their own. */
  #flush(nowMs: number, hard: boolean): void {
    try {
      this.#transaction(() => this.#flushInTransaction(nowMs, hard));
    } catch (error) {
      if (stallReasonOf(error) === undefined) throw error;
      this.shares.flushFailed();
      this.#lastFlushMs = nowMs; // not even room for this: cursors stay in memory, the next tick tries again
      return;
    }
    this.#flushed(nowMs);
    this.#checkpoints.grewBy(0);
  }

  #flushInTransaction(nowMs: number, hard: boolean): void {
    this.#cursors.flush(nowMs);
    for (const [i, lane] of this.lanes.entries()) {
      this.#retention.step(i, lane, this.#cursors.floor(lane.name), hard);
    }
    this.shares.flush(hard);
  }

  #flushed(nowMs: number): void {
    this.#lastFlushMs = nowMs;
    this.#cursors.flushed();
    const shareBytes = this.shares.flushed();
    if (shareBytes > 0) this.#checkpoints.grewBy(shareBytes);
  }

  #wantCount(): void {
    const request = this.shares.nextCount();
    if (request !== null) this.#events.countWanted?.(request);
  }

  #transaction(body: () => void): void {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      body();
      this.#db.exec('COMMIT');
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  /** A session begun anew means new packets by its old packet ids, and one that has ended means none. */
  #noteSession(op: SessionOp): void {
    const isKnown = 'sid' in op && this.#clientOf.has(op.sid);
    if (op.kind === 'session-put' && !isKnown) {
      this.#clientOf.set(op.sid, op.client);
      this.#recent.forget(op.client);
    } else if (op.kind === 'session-end' && isKnown) {
      this.#recent.forget(this.#clientOf.get(op.sid) as string);
      this.#clientOf.delete(op.sid);
    }
  }

  #isDiskLow(nowMs: number): boolean {
    if (this.#diskLow || Math.abs(nowMs - this.#lastDiskCheckMs) >= DISK_CHECK_INTERVAL_MS) {
      this.#lastDiskCheckMs = nowMs;
      this.#diskLow = this.#space.diskLow();
    }
    return this.#diskLow;
  }
}
