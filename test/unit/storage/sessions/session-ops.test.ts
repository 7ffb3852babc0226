// The tables by themselves: what is on disk comes back, what is damaged is named and harms nothing else.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { encodePacket } from '../../../../storage/sessions/packet-codec.ts';
import { type SessionOp, SessionTables } from '../../../../storage/sessions/session-ops.ts';
import type { StoredPacket } from '../../../../storage/sessions/session-packet.ts';
import { SessionStore } from './session-store.ts';

const packet: StoredPacket = {
  topic: 't',
  payload: Buffer.from('p'),
  qos: 1,
  retain: false,
  properties: undefined,
  messageExpiry: undefined,
};
const bytes = encodePacket(packet);

function sessionPut(sid: number, client: string): SessionOp {
  return {
    kind: 'session-put',
    sid,
    client,
    protocolVersion: 5,
    expiryS: 0xffff_ffff,
    disconnectedAtMs: null,
  };
}

function outgoingAdd(message: number, seq: number, sid: number): SessionOp {
  const row = { seq, sid, qos: 1, retain: false, packetId: 0, sent: false, subscriptionIds: [3, 4] };
  return { kind: 'outgoing-add', message, bytes, rows: [row] };
}

const everything: SessionOp[] = [
  sessionPut(1, 'a'),
  sessionPut(2, 'b'),
  {
    kind: 'subscription-put',
    sid: 1,
    filter: 'x/#',
    qos: 2,
    rh: 1,
    rap: true,
    nl: false,
    subscriptionIdentifier: 7,
  },
  {
    kind: 'subscription-put',
    sid: 2,
    filter: 'y',
    qos: 0,
    rh: undefined,
    rap: undefined,
    nl: undefined,
    subscriptionIdentifier: undefined,
  },
  outgoingAdd(10, 11, 1),
  outgoingAdd(12, 13, 1),
  outgoingAdd(14, 15, 2),
  { kind: 'outgoing-mark', seq: 11, packetId: 500 },
  { kind: 'outgoing-mark', seq: 13, packetId: 501 },
  { kind: 'outgoing-release', seq: 13, releasedSeq: 16, messages: [12] },
  { kind: 'retained-put', topic: 't', bytes },
  { kind: 'will-put', client: 'a', brokerId: 'boot-1', bytes, delayS: 5 },
  { kind: 'qos2-add', sid: 1, packetId: 65_535 },
  { kind: 'qos2-add', sid: 1, packetId: 1 },
  { kind: 'qos2-remove', sid: 1, packetId: 1 },
];

describe('the tables of the sessions', () => {
  test('give back all that was put into them after they were closed and opened', async () => {
    await using store = new SessionStore();
    store.apply(everything);
    store.crash();
    const snapshot = store.load();
    expect(snapshot.damagedCount).toBe(0);
    expect(snapshot.sessions.map(({ sid, client, expiryS }) => [sid, client, expiryS])).toEqual([
      [1, 'a', 0xffff_ffff],
      [2, 'b', 0xffff_ffff],
    ]);
    expect(snapshot.subscriptions).toEqual([
      { sid: 1, filter: 'x/#', qos: 2, rh: 1, rap: true, nl: false, subscriptionIdentifier: 7 },
      {
        sid: 2,
        filter: 'y',
        qos: 0,
        rh: undefined,
        rap: undefined,
        nl: undefined,
        subscriptionIdentifier: undefined,
      },
    ]);
    const rest = { qos: 1, retain: false, subscriptionIds: [3, 4] };
    expect(snapshot.outgoing).toEqual([
      { seq: 11, sid: 1, message: 10, packetId: 500, sent: true, releasedSeq: null, ...rest },
      { seq: 13, sid: 1, message: 12, packetId: 501, sent: true, releasedSeq: 16, ...rest },
      { seq: 15, sid: 2, message: 14, packetId: 0, sent: false, releasedSeq: null, ...rest },
    ]);
    expect(snapshot.messages.map(({ id }) => id)).toEqual([10, 14]);
    expect(snapshot.retained.map((row) => row.packet.topic)).toEqual(['t']);
    expect(snapshot.wills).toMatchObject([{ client: 'a', brokerId: 'boot-1', delayS: 5 }]);
    expect(snapshot.qos2).toEqual([{ sid: 1, packetId: 65_535 }]);
    expect(snapshot.nextSid).toBe(3);
    expect(snapshot.nextSeq).toBe(17);
  });

  test('are the same when ops are applied twice, as after a commit whose answer was lost', async () => {
    await using store = new SessionStore();
    store.apply(everything);
    const once = store.load();
    store.apply(everything);
    expect(store.load()).toEqual(once);
  });

  test('forget a session with its queue, subscriptions and QoS 2 ids, and nothing of another', async () => {
    await using store = new SessionStore();
    store.apply(everything);
    store.apply([{ kind: 'session-end', sid: 1, outgoing: [11, 13], messages: [10] }]);
    const snapshot = store.load();
    expect(snapshot.sessions.map(({ client }) => client)).toEqual(['b']);
    expect(snapshot.subscriptions.map(({ filter }) => filter)).toEqual(['y']);
    expect(snapshot.outgoing.map(({ seq }) => seq)).toEqual([15]);
    expect(store.rows('outgoing_messages')).toHaveLength(1);
    expect(snapshot.qos2).toEqual([]);
  });

  test('drop what was written for a session after its end, and never number a new session like it', async () => {
    await using store = new SessionStore();
    store.apply([
      sessionPut(1, 'a'),
      { kind: 'session-end', sid: 1, outgoing: [], messages: [] },
      outgoingAdd(10, 11, 1),
    ]);
    const snapshot = store.load();
    expect(snapshot.outgoing).toEqual([]);
    expect(snapshot.nextSid).toBe(2);
    expect(store.rows('outgoing')).toEqual([]);
    expect(store.rows('outgoing_messages')).toEqual([]);
  });
});

describe('damaged rows', () => {
  const damages: [table: string, sql: string][] = [
    ['sessions', "UPDATE sessions SET client = x'00' WHERE sid = 1"],
    ['subscriptions', 'UPDATE subscriptions SET qos = 3 WHERE sid = 1'],
    ['outgoing_messages', "UPDATE outgoing_messages SET bytes = x'0102030405060708' WHERE id = 10"],
    ['outgoing', "UPDATE outgoing SET subscription_ids = '[1,' WHERE seq = 11"],
    ['outgoing', 'UPDATE outgoing SET packet_id = 70000 WHERE seq = 11'],
    ['retained', "UPDATE retained SET topic = 'other'"],
    ['wills', "UPDATE wills SET bytes = 'text'"],
    ['inbound_qos2', 'UPDATE inbound_qos2 SET packet_id = -1'],
  ];

  test.each(damages)('in %s are named and left where they are; the rest is read (%s)', async (table, sql) => {
    await using store = new SessionStore();
    store.apply(everything);
    const sound = store.load();
    const rowsBefore = store.rows(table).length;
    store.db.exec(sql);
    store.crash();
    const snapshot = store.load();
    expect(snapshot.damagedCount).toBeGreaterThan(0);
    expect(snapshot.damaged[0].table).toBe(table);
    expect(store.rows(table)).toHaveLength(rowsBefore);
    // The other client's state is whole, and numbers go on above everything.
    expect(snapshot.sessions.some(({ client }) => client === 'b')).toBe(true);
    expect(snapshot.outgoing.some(({ seq }) => seq === 15)).toBe(true);
    expect(snapshot.nextSeq).toBeGreaterThanOrEqual(sound.nextSeq - 1);
    const persistence = await store.start();
    expect(persistence.sessionExists('b')).toBe(true);
  });

  test('are counted when there are many, and only the first are named', async () => {
    await using store = new SessionStore();
    for (let i = 0; i < 300; i++) store.apply([{ kind: 'retained-put', topic: `t${i}`, bytes }]);
    const snapshot = store.load();
    expect(snapshot.damagedCount).toBe(300);
    expect(snapshot.damaged).toHaveLength(100);
  });

  test('do not make garbage collection take what it may not: a queue whose session cannot be read stays', async () => {
    await using store = new SessionStore();
    store.apply(everything);
    store.db.exec("UPDATE sessions SET client = x'00' WHERE sid = 1");
    store.load();
    expect(store.rows('outgoing')).toHaveLength(3);
    expect(store.rows('subscriptions')).toHaveLength(2);
  });

  test('a file full of flipped pages is read without a throw, and what is lost is named', async () => {
    await using store = new SessionStore();
    for (let i = 1; i < 2000; i++)
      store.apply([sessionPut(i, `client ${i}`), outgoingAdd(10 * i, 10 * i + 1, i)]);
    store.db.pragma('wal_checkpoint(TRUNCATE)');
    const file = store.db.serialize();
    for (let at = 3 * 4096; at + 64 < file.length; at += 2 * 4096) file.fill(0xa5, at, at + 64);
    const damagedFile = join(store.directory, 'damaged.db');
    writeFileSync(damagedFile, file);
    const db = new Database(damagedFile);
    const snapshot = structuredClone(new SessionTables(db).load());
    db.close();
    expect(snapshot.damagedCount).toBeGreaterThan(0);
    expect(snapshot.damaged.every(({ reason }) => reason !== '')).toBe(true);
  });
});
