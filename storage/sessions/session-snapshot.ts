// Reads the sessions' tables once, at open. What cannot be read is skipped, counted and named, and stays on
// disk; what can be read is used. Rows that belong to no session any more (they were written after its end)
// are garbage, and are removed, but only from tables that are sound.

import type { Database } from 'better-sqlite3';
import { messageOf } from '../../config/errors.ts';
import { decodePacket } from './packet-codec.ts';
import type { OutgoingRow, SessionRow, SubscriptionRow } from './session-ops.ts';
import { hasOwners, OWNERS_TABLE } from './session-owners.ts';
import type { StoredPacket } from './session-packet.ts';

export interface StoredOutgoing extends OutgoingRow {
  message: number;
  /** null: PUBREC has not come yet. */
  releasedSeq: number | null;
}

export interface StoredWill {
  client: string;
  brokerId: string;
  packet: StoredPacket;
  delayS: number;
}

export interface DamagedRow {
  table: string;
  /** The row's key as text, or `*` when the rest of the table could not be read. */
  key: string;
  reason: string;
}

/** Plain data; crosses threads by structured clone. */
export interface SessionSnapshot {
  sessions: SessionRow[];
  subscriptions: SubscriptionRow[];
  messages: { id: number; packet: StoredPacket; bytes: number }[];
  /** In order of seq. */
  outgoing: StoredOutgoing[];
  retained: { packet: StoredPacket; bytes: number }[];
  wills: StoredWill[];
  qos2: { sid: number; packetId: number }[];
  /** Above every sid and seq that any row bears, read or not. */
  nextSid: number;
  nextSeq: number;
  damagedCount: number;
  /** The first of them. */
  damaged: DamagedRow[];
}

const DAMAGED_NAMED_MAX = 100;

export function emptySnapshot(): SessionSnapshot {
  const lists = {
    sessions: [],
    subscriptions: [],
    messages: [],
    outgoing: [],
    retained: [],
    wills: [],
    qos2: [],
  };
  return { ...lists, nextSid: 1, nextSeq: 1, damagedCount: 0, damaged: [] };
}

export function loadSnapshot(db: Database): SessionSnapshot {
  const snapshot = emptySnapshot();
  const reader = new RowReader(db, snapshot);
  snapshot.sessions = reader.rows('sessions', 'sid', toSession);
  const isOwned = hasOwners(db);
  if (isOwned) giveOwners(snapshot.sessions, reader.rows(OWNERS_TABLE, 'sid', toOwner));
  const sids = new Set(snapshot.sessions.map((session) => session.sid));
  const isLive = (row: { sid: number }) => sids.has(row.sid);
  snapshot.subscriptions = reader.rows('subscriptions', 'filter', toSubscription).filter(isLive);
  snapshot.messages = reader.rows('outgoing_messages', 'id', toMessage);
  const outgoing = reader.rows('outgoing', 'seq', toOutgoing);
  const messages = new Set(snapshot.messages.map((message) => message.id));
  snapshot.outgoing = outgoing.filter((row) => {
    if (!isLive(row)) return false;
    if (row.releasedSeq !== null || messages.has(row.message)) return true;
    reader.report('outgoing', String(row.seq), 'its message is missing');
    return false;
  });
  snapshot.qos2 = reader.rows('inbound_qos2', 'packet_id', toQos2).filter(isLive);
  snapshot.retained = reader.rows('retained', 'topic', toRetained);
  snapshot.wills = reader.rows('wills', 'client', toWill);
  const withSid = ['sessions', 'subscriptions', 'outgoing', 'inbound_qos2'];
  if (isOwned) withSid.push(OWNERS_TABLE);
  snapshot.nextSid = 1 + Math.max(...withSid.map((table) => reader.highest(table, 'sid')));
  snapshot.nextSeq =
    1 + Math.max(reader.highest('outgoing', 'seq'), reader.highest('outgoing_messages', 'id'));
  for (const row of outgoing) snapshot.nextSeq = Math.max(snapshot.nextSeq, 1 + (row.releasedSeq ?? 0));
  if (snapshot.damagedCount === 0)
    removeGarbage(db, { queues: outgoing.length > snapshot.outgoing.length, owners: isOwned });
  return snapshot;
}

type Raw = Record<string, unknown>;

class RowReader {
  readonly #db: Database;
  readonly #snapshot: SessionSnapshot;

  constructor(db: Database, snapshot: SessionSnapshot) {
    this.#db = db;
    this.#snapshot = snapshot;
  }

  /** Rows in order of their primary key, which is the first column. */
  rows<T>(table: string, key: string, toRow: (raw: Raw) => T): T[] {
    const rows: T[] = [];
    try {
      for (const raw of this.#db.prepare<[], Raw>(`SELECT * FROM ${table} ORDER BY 1`).iterate()) {
        try {
          rows.push(toRow(raw));
        } catch (error) {
          this.report(table, String(raw[key]), messageOf(error));
        }
      }
    } catch (error) {
      this.report(table, '*', messageOf(error));
    }
    return rows;
  }

  highest(table: string, column: string): number {
    try {
      const value = this.#db.prepare(`SELECT max(${column}) FROM ${table}`).pluck().get();
      return Number.isSafeInteger(value) ? (value as number) : 0;
    } catch {
      return 0; // reported by rows() already
    }
  }

  report(table: string, key: string, reason: string): void {
    this.#snapshot.damagedCount++;
    if (this.#snapshot.damaged.length < DAMAGED_NAMED_MAX)
      this.#snapshot.damaged.push({ table, key, reason });
  }
}

const GARBAGE = [
  'DELETE FROM outgoing WHERE sid NOT IN (SELECT sid FROM sessions)',
  'DELETE FROM outgoing_messages WHERE id NOT IN (SELECT message FROM outgoing WHERE released_seq IS NULL)',
];
const SMALL_GARBAGE = [
  'DELETE FROM subscriptions WHERE sid NOT IN (SELECT sid FROM sessions)',
  'DELETE FROM inbound_qos2 WHERE sid NOT IN (SELECT sid FROM sessions)',
];

const OWNERS_GARBAGE = `DELETE FROM ${OWNERS_TABLE} WHERE sid NOT IN (SELECT sid FROM sessions)`;

function removeGarbage(db: Database, has: { queues: boolean; owners: boolean }): void {
  const garbage = [...SMALL_GARBAGE, ...(has.owners ? [OWNERS_GARBAGE] : []), ...(has.queues ? GARBAGE : [])];
  try {
    for (const sql of garbage) db.exec(sql);
  } catch {
    // A full disk, for example. It harms nobody, and the next start tries again.
  }
}

function toSession(raw: Raw): SessionRow {
  return {
    sid: integer(raw, 'sid'),
    client: text(raw, 'client'),
    protocolVersion: integer(raw, 'protocol_version'),
    expiryS: integer(raw, 'expiry_s'),
    disconnectedAtMs: optional(raw, 'disconnected_at_ms', integer) ?? null,
  };
}

interface OwnerRow {
  sid: number;
  client: string;
  owner: string;
}

function toOwner(raw: Raw): OwnerRow {
  return { sid: integer(raw, 'sid'), client: text(raw, 'client'), owner: text(raw, 'owner') };
}

function giveOwners(sessions: SessionRow[], owners: OwnerRow[]): void {
  const bySid = new Map(owners.map((row) => [row.sid, row]));
  for (const session of sessions) {
    const row = bySid.get(session.sid);
    if (row?.client === session.client) session.owner = row.owner;
  }
}

function toSubscription(raw: Raw): SubscriptionRow {
  return {
    sid: integer(raw, 'sid'),
    filter: text(raw, 'filter'),
    qos: integer(raw, 'qos', 2),
    rh: optional(raw, 'rh', integer),
    rap: optional(raw, 'rap', flag),
    nl: optional(raw, 'nl', flag),
    subscriptionIdentifier: optional(raw, 'subscription_id', integer),
  };
}

function toMessage(raw: Raw): { id: number; packet: StoredPacket; bytes: number } {
  const bytes = blob(raw, 'bytes');
  return { id: integer(raw, 'id'), packet: decodePacket(bytes), bytes: bytes.length };
}

function toOutgoing(raw: Raw): StoredOutgoing {
  const ids = raw.subscription_ids === null ? null : JSON.parse(text(raw, 'subscription_ids'));
  if (ids !== null && !(Array.isArray(ids) && ids.every(Number.isSafeInteger)))
    throw new Error('subscription_ids');
  return {
    seq: integer(raw, 'seq'),
    sid: integer(raw, 'sid'),
    message: integer(raw, 'message'),
    qos: integer(raw, 'qos', 2),
    retain: flag(raw, 'retain'),
    packetId: integer(raw, 'packet_id', 65_535),
    sent: flag(raw, 'sent'),
    subscriptionIds: ids,
    releasedSeq: optional(raw, 'released_seq', integer) ?? null,
  };
}

function toRetained(raw: Raw): { packet: StoredPacket; bytes: number } {
  const bytes = blob(raw, 'bytes');
  const packet = decodePacket(bytes);
  if (packet.topic !== raw.topic) throw new Error('it is the message of another topic');
  return { packet, bytes: bytes.length };
}

function toWill(raw: Raw): StoredWill {
  return {
    client: text(raw, 'client'),
    brokerId: text(raw, 'broker'),
    packet: decodePacket(blob(raw, 'bytes')),
    delayS: integer(raw, 'delay_s'),
  };
}

function toQos2(raw: Raw): { sid: number; packetId: number } {
  return { sid: integer(raw, 'sid'), packetId: integer(raw, 'packet_id', 65_535) };
}

function integer(raw: Raw, column: string, max = Number.MAX_SAFE_INTEGER): number {
  const value = raw[column];
  if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > max) {
    throw new Error(`${column} is out of range`);
  }
  return value as number;
}

function flag(raw: Raw, column: string): boolean {
  return integer(raw, column, 1) === 1;
}

function text(raw: Raw, column: string): string {
  const value = raw[column];
  if (typeof value !== 'string') throw new Error(`${column} is no text`);
  return value;
}

function blob(raw: Raw, column: string): Uint8Array {
  const value = raw[column];
  if (!(value instanceof Uint8Array)) throw new Error(`${column} is no bytes`);
  return value;
}

function optional<T>(raw: Raw, column: string, read: (raw: Raw, column: string) => T): T | undefined {
  return raw[column] === null ? undefined : read(raw, column);
}
