// The sessions' tables in a real SQLite file and a mirror over them, with a journal like the storage thread's: ops are
// cloned as between threads, applied in order, several calls in one transaction. Commits can be held back, lost with
// the process (`crash`) or refused, to look at what is true at each moment.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Clock } from '../../../../config/clock.ts';
import type { SessionLimits } from '../../../../storage/sessions/session-context.ts';
import { type SessionOp, SessionTables } from '../../../../storage/sessions/session-ops.ts';
import { SessionPersistence } from '../../../../storage/sessions/session-persistence.ts';
import type { SessionSnapshot } from '../../../../storage/sessions/session-snapshot.ts';

export const roomy: SessionLimits = {
  sessionsMax: 1000,
  sessionQueueMessagesMax: 10_000,
  sessionQueueBytesMax: 16 * 1024 * 1024,
  queuedBytesMax: 64 * 1024 * 1024,
  retainedMessagesMax: 200_000,
  retainedBytesMax: 64 * 1024 * 1024,
};

/** Wall and monotonic clock moved by hand. */
export class HandClock implements Clock {
  #nowMs = Date.UTC(2026, 0, 1);
  #monotonicMs = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(): { clear(): void } {
    throw new Error('the sessions use no timers');
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    this.#monotonicMs += ms;
  }
}

interface Pending {
  ops: SessionOp[];
  resolve(): void;
  reject(error: Error): void;
}

export interface StoreOptions {
  limits?: Partial<SessionLimits>;
  clock?: Clock;
}

export class SessionStore implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'sluice-sessions-'));
  readonly clock: Clock;
  readonly limits: SessionLimits;
  readonly drops: Record<string, number> = {};
  /** Every journal call's ops, committed or not. */
  readonly journaled: SessionOp[][] = [];
  db: Database.Database;
  #tables: SessionTables;
  #pending: Pending[] = [];
  #held = false;
  #boot = 0;

  constructor(options: StoreOptions = {}) {
    this.clock = options.clock ?? new HandClock();
    this.limits = { ...roomy, ...options.limits };
    this.db = this.#open();
    this.#tables = new SessionTables(this.db);
  }

  /** A mirror over what is on disk, set up with a new broker id as at each boot. */
  async start(): Promise<SessionPersistence> {
    const persistence = this.build();
    await persistence.setup({ id: `boot-${++this.#boot}` });
    return persistence;
  }

  build(): SessionPersistence {
    const { clock, limits } = this;
    const onDrop = (reason: string, count: number) => {
      this.drops[reason] = (this.drops[reason] ?? 0) + count;
    };
    return new SessionPersistence({ snapshot: this.load(), journal: this.journal, limits, clock, onDrop });
  }

  load(): SessionSnapshot {
    return structuredClone(this.#tables.load());
  }

  journal = (ops: SessionOp[]): Promise<void> => {
    this.journaled.push(ops);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#pending.push({ ops: structuredClone(ops), resolve, reject });
    if (!this.#held) setImmediate(() => this.#held || this.commit());
    return promise;
  };

  /** Everything journaled so far, in one transaction. */
  commit(): void {
    const pending = this.#pending;
    if (pending.length === 0) return;
    this.#pending = [];
    this.apply(pending.flatMap(({ ops }) => ops));
    for (const { resolve } of pending) resolve();
  }

  /** As the gateway does with prepared ops, in a commit of its own. */
  apply(ops: SessionOp[]): void {
    this.db.transaction(() => {
      for (const op of ops) this.#tables.apply(op);
    })();
  }

  /** From now on nothing is committed but by `commit`. */
  hold(): void {
    this.#held = true;
  }

  /** The disk takes no more: everything journaled and not committed fails. */
  refuse(): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const { reject } of pending) reject(new Error('disk failed'));
  }

  /** The process ends here: what is not committed is lost, what is committed is opened again. */
  crash(): void {
    this.#pending = [];
    this.#held = false;
    this.db.close();
    this.db = this.#open();
    this.#tables = new SessionTables(this.db);
  }

  async restart(): Promise<SessionPersistence> {
    this.crash();
    return await this.start();
  }

  rows(table: string): Record<string, unknown>[] {
    return this.db.prepare<[], Record<string, unknown>>(`SELECT * FROM ${table}`).all();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.db.close();
    rmSync(this.directory, { recursive: true });
  }

  #open(): Database.Database {
    const db = new Database(join(this.directory, 'sessions.db'));
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
    SessionTables.createTables(db);
    return db;
  }
}
