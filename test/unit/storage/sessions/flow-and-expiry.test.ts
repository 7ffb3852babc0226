// When messages to a client are held back, and when they are given up.

import { describe, expect, test } from 'vitest';
import { connect, FakeClient, HandClock, publish, publishOf, SessionStore } from './session-store.ts';
import { idsOf, offline, publishMany, subscribed } from './session-traffic.ts';

describe('flow control', () => {
  test('leaves at most Receive Maximum unacknowledged, PUBREC included (MQTT-3.3.4-9)', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const client = new FakeClient('a', 2);
    await subscribed(persistence, client);
    await publishMany(persistence, 5, { qos: 2 });
    await store.idle();
    expect(client.sent).toHaveLength(2);
    const [{ messageId }] = client.sent;
    await persistence.outgoingUpdate(client, { cmd: 'pubrel', topic: '', messageId });
    await store.idle();
    expect(client.sent).toHaveLength(2);
    await persistence.outgoingClearMessageId(client, { cmd: 'pubcomp', topic: '', messageId });
    await store.idle();
    expect(client.sent).toHaveLength(3);
  });

  test('is not loosened by acknowledgements of an earlier connection (MQTT 5.0 4.9)', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const first = new FakeClient('a');
    await subscribed(persistence, first);
    await publishMany(persistence, 5, { qos: 2 });
    await store.idle();
    const released = idsOf(first.sent).slice(0, 2);
    for (const messageId of released)
      await persistence.outgoingUpdate(first, { cmd: 'pubrel', topic: '', messageId });
    await offline(persistence, first);
    const second = new FakeClient('a', 1);
    await connect(persistence, second);
    await store.idle();
    expect(second.sent).toHaveLength(1);
    for (const messageId of [...released, idsOf(first.sent)[4]]) {
      await persistence.outgoingClearMessageId(second, { cmd: 'pubcomp', topic: '', messageId });
    }
    await store.idle();
    expect(second.sent).toHaveLength(1);
    await persistence.outgoingClearMessageId(second, second.sent[0]);
    await store.idle();
    expect(second.payloads).toEqual(['2', '3']);
  });

  test('hands aedes no more than a bounded number of packets that the socket has not taken', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const client = new FakeClient('a');
    const flushes: (() => void)[] = [];
    client.deliverQoS = (packet, done) => {
      client.sent.push(packet);
      flushes.push(done);
    };
    await subscribed(persistence, client);
    await publishMany(persistence, 200);
    await store.idle();
    expect(client.sent.length).toBeLessThan(100);
    while (flushes.length > 0) flushes.shift()!();
    expect(client.payloads).toEqual(Array.from({ length: 200 }, (_, i) => String(i)));
  });

  test('waits for a PUBCOMP when all packet ids are taken by released messages', async () => {
    await using store = new SessionStore();
    const first = await store.start();
    await subscribed(first, new FakeClient('a'));
    await publish(first, publishOf('cmd/a', 'waits'));
    const snapshot = store.load();
    const [queued] = snapshot.outgoing;
    for (let id = 1; id <= 65_535; id++) {
      const seq = snapshot.nextSeq++;
      snapshot.outgoing.push({ ...queued, seq, releasedSeq: seq, packetId: id });
    }
    snapshot.outgoing[0] = { ...queued, packetId: 0, sent: false };
    const persistence = store.build(snapshot);
    const client = new FakeClient('a');
    expect(await connect(persistence, client)).toHaveLength(65_535);
    await store.idle();
    expect(client.sent).toEqual([]);
    await persistence.outgoingClearMessageId(client, { cmd: 'pubcomp', topic: '', messageId: 40_000 });
    await store.idle();
    expect(client.sent).toMatchObject([{ messageId: 40_000, payload: Buffer.from('waits') }]);
  });
});

describe('message expiry', () => {
  const properties = { messageExpiryInterval: 10 };

  test('ends a message that was not sent in time, also over a restart, and removes it from the disk (MQTT-3.3.2-5)', async () => {
    const clock = new HandClock();
    await using store = new SessionStore({ clock });
    let persistence = await store.start();
    const first = new FakeClient('a');
    await subscribed(persistence, first);
    await offline(persistence, first);
    await publish(persistence, publishOf('cmd/a', 'short', { properties }));
    await publish(persistence, publishOf('cmd/a', 'long', { properties: { messageExpiryInterval: 1000 } }));
    clock.advance(10_000);
    persistence = await store.restart();
    expect(store.drops).toEqual({ 'message-expired': 1 });
    expect(store.rows('outgoing')).toHaveLength(1);
    expect(store.rows('outgoing_messages')).toHaveLength(1);
    const second = new FakeClient('a');
    await connect(persistence, second);
    await store.idle();
    expect(second.payloads).toEqual(['long']);
  });

  test('is found at delivery too, and the interval sent on is what is left (MQTT-3.3.2-6)', async () => {
    const clock = new HandClock();
    await using store = new SessionStore({ clock });
    const persistence = await store.start();
    const first = new FakeClient('a');
    await subscribed(persistence, first);
    await offline(persistence, first);
    await publish(persistence, publishOf('cmd/a', 'short', { properties }));
    await publish(
      persistence,
      publishOf('cmd/a', 'long', { properties: { messageExpiryInterval: 1000, contentType: 'x' } }),
    );
    clock.advance(10_500);
    const second = new FakeClient('a');
    await connect(persistence, second);
    await store.idle();
    expect(second.payloads).toEqual(['long']);
    expect(second.sent[0].properties).toEqual({ messageExpiryInterval: 990, contentType: 'x' });
    expect(store.drops).toEqual({ 'message-expired': 1 });
    expect(store.rows('outgoing')).toHaveLength(1);
  });

  test('does not take a message whose delivery has begun: the client may hold its packet id', async () => {
    const clock = new HandClock();
    await using store = new SessionStore({ clock });
    const persistence = await store.start();
    const first = new FakeClient('a');
    await subscribed(persistence, first);
    await publish(persistence, publishOf('cmd/a', 'x', { qos: 2, properties }));
    await store.idle();
    await offline(persistence, first);
    clock.advance(60_000);
    await persistence.expireMessages(clock.nowMs());
    const second = new FakeClient('a');
    await connect(persistence, second);
    await store.idle();
    expect(second.sent).toMatchObject([{ dup: true, messageId: first.sent[0].messageId }]);
    expect(second.sent[0].properties).toEqual({ messageExpiryInterval: 0 });
  });

  test('frees memory and disk of sessions that never come back, without a connect', async () => {
    const clock = new HandClock();
    await using store = new SessionStore({ clock });
    const persistence = await store.start();
    const client = new FakeClient('a');
    await subscribed(persistence, client);
    await offline(persistence, client);
    await publishMany(persistence, 3, { properties });
    clock.advance(10_000);
    await persistence.expireMessages(clock.nowMs());
    expect(persistence.stats()).toMatchObject({ queuedMessages: 0, queuedBytes: 0 });
    expect(store.rows('outgoing')).toEqual([]);
    expect(store.drops).toEqual({ 'message-expired': 3 });
  });
});
