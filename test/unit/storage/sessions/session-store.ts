// The sessions' tables in a real SQLite file and a mirror over them, with a journal like the storage
// thread's: ops are cloned as between threads, applied in order, several calls in one transaction. Commits
// can be held back, lost with the process (`crash`) or refused, to look at what is true at each moment.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Clock } from '../../../../config/clock.ts';
import type { SessionLimits } from '../../../../storage/sessions/session-context.ts';
import { type SessionOp, SessionTables } from '../../../../storage/sessions/session-ops.ts';
import type { SessionClient, SessionPacket } from '../../../../storage/sessions/session-packet.ts';
import { SessionPersistence } from '../../../../storage/sessions/session-persistence.ts';
import type { OpenOptions } from '../../../../storage/sessions/session-registry.ts';
import type { SessionSnapshot } from '../../../../storage/sessions/session-snapshot.ts';

export const roomy: SessionLimits = {
  sessionsMax: 1000,
  sessionQueueMessagesMax: 10_000,
  sessionQueueBytesMax: 16 * 1024 * 1024,
  queuedBytesMax: 64 * 1024 * 1024,
  retainedMessagesMax: 200_000,
  retainedBytesMax: 64 * 1024 * 1024,
  willsBytesMax: 16 * 1024 * 1024,
  unreleasedTotalMax: 1_000_000,
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
  #crashes = 0;

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

  build(snapshot = this.load()): SessionPersistence {
    const { clock, limits } = this;
    const onDrop = (reason: string, count: number) => {
      this.drops[reason] = (this.drops[reason] ?? 0) + count;
    };
    const boot = this.#crashes;
    const journal = (ops: SessionOp[]) =>
      boot === this.#crashes ? this.journal(ops) : new Promise<void>(() => {}); // a dead process's
    return new SessionPersistence({ snapshot, journal, limits, clock, onDrop });
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
    this.#crashes++;
    this.db.close();
    this.db = this.#open();
    this.#tables = new SessionTables(this.db);
  }

  async restart(): Promise<SessionPersistence> {
    this.crash();
    return await this.start();
  }

  /** Until nothing is on its way to the disk, and what waited for it has run. */
  async idle(): Promise<void> {
    for (let quiet = 0; quiet < 2; quiet = this.#pending.length === 0 ? quiet + 1 : 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Until everything but the disk has run. */
  async idleButDisk(): Promise<void> {
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  rows(table: string): Record<string, unknown>[] {
    return this.db.prepare<[], Record<string, unknown>>(`SELECT * FROM ${table}`).all();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#pending = [];
    this.#held = true;
    this.db.close();
    rmSync(this.directory, { recursive: true });
  }

  #open(): Database.Database {
    const db = new Database(join(this.directory, 'sessions.db'));
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = OFF'); // what is lost here is the process, not the power
    SessionTables.createTables(db);
    return db;
  }
}

/** A connected client that notes what it is sent and acknowledges nothing by itself. */
export class FakeClient implements SessionClient {
  readonly id: string;
  readonly clean = false;
  readonly receiveMaximum: number | undefined;
  closed = false;
  readonly sent: SessionPacket[] = [];

  constructor(id: string, receiveMaximum?: number) {
    this.id = id;
    this.receiveMaximum = receiveMaximum;
  }

  deliverQoS(packet: SessionPacket, done: () => void): void {
    this.sent.push(packet);
    setImmediate(done);
  }

  /** As soon as it has been sent that many. */
  async has(count: number): Promise<void> {
    while (this.sent.length < count) await new Promise((resolve) => setImmediate(resolve));
  }

  get payloads(): string[] {
    return this.sent.map((packet) => String(packet.payload));
  }
}

/** Connects as aedes and the gateway do together: session opened, CONNACK, queue asked for. */
export async function connect(
  persistence: SessionPersistence,
  client: FakeClient,
  options: Partial<OpenOptions> = {},
): Promise<SessionPacket[]> {
  await persistence.openSession(client, { cleanStart: false, expiryS: 3600, protocolVersion: 5, ...options });
  const streamed: SessionPacket[] = [];
  for await (const packet of persistence.outgoingStream(client)) streamed.push(packet as SessionPacket);
  return streamed;
}

let counter = 0;

export function publishOf(topic: string, payload: string, extra: Partial<SessionPacket> = {}): SessionPacket {
  const brokerCounter = ++counter;
  return {
    cmd: 'publish',
    brokerId: 'kept',
    brokerCounter,
    topic,
    payload: Buffer.from(payload),
    qos: 1,
    ...extra,
  };
}

/** What aedes does with a publish, as far as sessions go. */
export async function publish(persistence: SessionPersistence, packet: SessionPacket): Promise<void> {
  if (packet.retain) await persistence.storeRetained(packet);
  const subscriptions = await persistence.subscriptionsByTopic(packet.topic);
  await persistence.outgoingEnqueueCombi(subscriptions, packet);
}
