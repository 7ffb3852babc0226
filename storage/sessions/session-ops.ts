// What the sessions write: every change of the main thread's mirror is a list of these plain objects, applied
// by the storage thread inside a commit. Applying is idempotent and never fails for what an op says, only
// when the disk does.
//
// A session on disk is a number (sid), new for each session and never reused: a client that starts anew gets
// another one, so that nothing meant for the old session can end up in the new. `outgoing.seq` is the order
// in which messages go to a client; it grows over all sessions, so that new rows are appended at the end of
// one page.

import type { Database, Statement } from 'better-sqlite3';
import { SessionOwners } from './session-owners.ts';
import { loadSnapshot, type SessionSnapshot } from './session-snapshot.ts';

export interface OutgoingRow {
  seq: number;
  sid: number;
  qos: number;
  retain: boolean;
  /** 0: none yet. */
  packetId: number;
  /** It may have been written to the client's socket: redelivery sets DUP. */
  sent: boolean;
  /** MQTT 5.0 3.3.2.3.8, those of all subscriptions of the session that matched. */
  subscriptionIds: number[] | null;
}

export interface SubscriptionRow {
  sid: number;
  filter: string;
  qos: number;
  rh: number | undefined;
  rap: boolean | undefined;
  nl: boolean | undefined;
  subscriptionIdentifier: number | undefined;
}

export interface SessionRow {
  sid: number;
  client: string;
  protocolVersion: number;
  /** MQTT 5.0 3.1.2.11.2; 0xFFFFFFFF never. */
  expiryS: number;
  /** Wall clock; null while connected. */
  disconnectedAtMs: number | null;
  /** The user it belongs to; absent: nobody's. */
  owner?: string | undefined;
}

export type SessionOp =
  | ({ kind: 'session-put' } & SessionRow)
  /**
   * Everything of the session but its will. The rows of its queue are named: there is no index to find them
   * by.
   */
  | { kind: 'session-end'; sid: number; outgoing: number[]; messages: number[] }
  | ({ kind: 'subscription-put' } & SubscriptionRow)
  | { kind: 'subscription-remove'; sid: number; filter: string }
  /** One message for several sessions; `bytes` as packet-codec.ts. */
  | { kind: 'outgoing-add'; message: number; bytes: Uint8Array; rows: OutgoingRow[] }
  /** It is about to be sent for the first time, with this packet id. */
  | { kind: 'outgoing-mark'; seq: number; packetId: number }
  /** PUBREC came: from now on only PUBREL is sent, in the order of `releasedSeq`. */
  | { kind: 'outgoing-release'; seq: number; releasedSeq: number; messages: number[] }
  /** `messages`: those whose last row this is. */
  | { kind: 'outgoing-remove'; seqs: number[]; messages: number[] }
  | { kind: 'retained-put'; topic: string; bytes: Uint8Array }
  | { kind: 'retained-remove'; topic: string }
  | { kind: 'will-put'; client: string; brokerId: string; bytes: Uint8Array; delayS: number }
  | { kind: 'will-remove'; client: string }
  | { kind: 'qos2-add'; sid: number; packetId: number }
  | { kind: 'qos2-remove'; sid: number; packetId: number };

const TABLES = `
CREATE TABLE IF NOT EXISTS sessions (
  sid INTEGER PRIMARY KEY, client TEXT NOT NULL, protocol_version INTEGER NOT NULL,
  expiry_s INTEGER NOT NULL, disconnected_at_ms INTEGER
);
CREATE TABLE IF NOT EXISTS subscriptions (
  sid INTEGER NOT NULL, filter TEXT NOT NULL, qos INTEGER NOT NULL, rh INTEGER, rap INTEGER, nl INTEGER,
  subscription_id INTEGER, PRIMARY KEY (sid, filter)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outgoing_messages (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS outgoing (
  seq INTEGER PRIMARY KEY, sid INTEGER NOT NULL, message INTEGER NOT NULL, qos INTEGER NOT NULL,
  retain INTEGER NOT NULL, packet_id INTEGER NOT NULL, sent INTEGER NOT NULL, subscription_ids TEXT,
  released_seq INTEGER -- null until PUBREC
);
CREATE TABLE IF NOT EXISTS retained (topic TEXT PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS wills (
  client TEXT PRIMARY KEY, broker TEXT NOT NULL, bytes BLOB NOT NULL, delay_s INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS inbound_qos2 (
  sid INTEGER NOT NULL, packet_id INTEGER NOT NULL, PRIMARY KEY (sid, packet_id)
) WITHOUT ROWID;
`;

/** The sessions' tables, used by the thread that owns the database. */
export class SessionTables {
  readonly #db: Database;
  readonly #sql: ReturnType<typeof prepareAll>;
  readonly #owners: SessionOwners;

  /** The tables must exist, but for that of the owners. */
  constructor(db: Database) {
    this.#db = db;
    this.#sql = prepareAll(db);
    this.#owners = new SessionOwners(db);
  }

  static createTables(db: Database): void {
    db.exec(TABLES);
    SessionOwners.createTable(db);
  }

  /** Call inside a transaction. Throws only what SQLite throws (disk full, I/O). */
  apply(op: SessionOp): void {
    const sql = this.#sql;
    switch (op.kind) {
      case 'session-put':
        sql.putSession.run(op.sid, op.client, op.protocolVersion, op.expiryS, op.disconnectedAtMs);
        if (op.owner !== undefined) this.#owners.put(op.sid, op.client, op.owner);
        return;
      case 'session-end':
        sql.removeSession.run(op.sid);
        sql.removeSubscriptions.run(op.sid);
        sql.removeAllQos2.run(op.sid);
        this.#owners.remove(op.sid);
        this.#removeOutgoing(op.outgoing, op.messages);
        return;
      case 'subscription-put':
        this.#putSubscription(op);
        return;
      case 'subscription-remove':
        sql.removeSubscription.run(op.sid, op.filter);
        return;
      case 'retained-put':
        sql.putRetained.run(op.topic, op.bytes);
        return;
      case 'retained-remove':
        sql.removeRetained.run(op.topic);
        return;
      case 'will-put':
        sql.putWill.run(op.client, op.brokerId, op.bytes, op.delayS);
        return;
      case 'will-remove':
        sql.removeWill.run(op.client);
        return;
      case 'qos2-add':
        sql.addQos2.run(op.sid, op.packetId);
        return;
      case 'qos2-remove':
        sql.removeQos2.run(op.sid, op.packetId);
        return;
      default:
        this.#applyOutgoing(op);
    }
  }

  /**
   * All that is on disk; rows that cannot be read are named in `damaged` and left where they are. Never
   * throws.
   */
  load(): SessionSnapshot {
    return loadSnapshot(this.#db);
  }

  #applyOutgoing(op: Extract<SessionOp, { kind: `outgoing-${string}` }>): void {
    const sql = this.#sql;
    switch (op.kind) {
      case 'outgoing-add':
        sql.addMessage.run(op.message, op.bytes);
        for (const row of op.rows) {
          const ids = row.subscriptionIds === null ? null : JSON.stringify(row.subscriptionIds);
          const [retain, sent] = [row.retain ? 1 : 0, row.sent ? 1 : 0];
          sql.addOutgoing.run(row.seq, row.sid, op.message, row.qos, retain, row.packetId, sent, ids);
        }
        return;
      case 'outgoing-mark':
        sql.markOutgoing.run(op.packetId, op.seq);
        return;
      case 'outgoing-release':
        sql.releaseOutgoing.run(op.releasedSeq, op.seq);
        this.#removeOutgoing([], op.messages);
        return;
      case 'outgoing-remove':
        this.#removeOutgoing(op.seqs, op.messages);
        return;
    }
  }

  #putSubscription(row: SubscriptionRow): void {
    const { sid, filter, qos, rh, rap, nl, subscriptionIdentifier } = row;
    this.#sql.putSubscription.run(
      sid,
      filter,
      qos,
      rh ?? null,
      bit(rap),
      bit(nl),
      subscriptionIdentifier ?? null,
    );
  }

  #removeOutgoing(seqs: number[], messages: number[]): void {
    for (const seq of seqs) this.#sql.removeOutgoing.run(seq);
    for (const id of messages) this.#sql.removeMessage.run(id);
  }
}

function bit(value: boolean | undefined): number | null {
  if (value === undefined) return null;
  return value ? 1 : 0;
}

const SQL = {
  putSession: 'INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?)',
  removeSession: 'DELETE FROM sessions WHERE sid = ?',
  putSubscription: 'INSERT OR REPLACE INTO subscriptions VALUES (?, ?, ?, ?, ?, ?, ?)',
  removeSubscription: 'DELETE FROM subscriptions WHERE sid = ? AND filter = ?',
  removeSubscriptions: 'DELETE FROM subscriptions WHERE sid = ?',
  addMessage: 'INSERT OR REPLACE INTO outgoing_messages VALUES (?, ?)',
  removeMessage: 'DELETE FROM outgoing_messages WHERE id = ?',
  addOutgoing: 'INSERT OR REPLACE INTO outgoing VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)',
  markOutgoing: 'UPDATE outgoing SET packet_id = ?, sent = 1 WHERE seq = ?',
  releaseOutgoing: 'UPDATE outgoing SET released_seq = ? WHERE seq = ?',
  removeOutgoing: 'DELETE FROM outgoing WHERE seq = ?',
  putRetained: 'INSERT OR REPLACE INTO retained VALUES (?, ?)',
  removeRetained: 'DELETE FROM retained WHERE topic = ?',
  putWill: 'INSERT OR REPLACE INTO wills VALUES (?, ?, ?, ?)',
  removeWill: 'DELETE FROM wills WHERE client = ?',
  addQos2: 'INSERT OR IGNORE INTO inbound_qos2 VALUES (?, ?)',
  removeQos2: 'DELETE FROM inbound_qos2 WHERE sid = ? AND packet_id = ?',
  removeAllQos2: 'DELETE FROM inbound_qos2 WHERE sid = ?',
} as const;

function prepareAll(db: Database): Record<keyof typeof SQL, Statement> {
  const entries = Object.entries(SQL).map(([name, text]) => [name, db.prepare(text)]);
  return Object.fromEntries(entries);
}
