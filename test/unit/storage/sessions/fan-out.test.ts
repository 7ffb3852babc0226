import { describe, expect, test } from 'vitest';
import { queueEntryBytes } from '../../../../storage/sessions/queued-messages.ts';
import type { SessionPersistence } from '../../../../storage/sessions/session-persistence.ts';
import { connect, FakeClient, publish, publishOf, SessionStore } from './session-store.ts';

async function offlineSession(persistence: SessionPersistence, id: string, filters: object[]): Promise<void> {
  const client = new FakeClient(id);
  await connect(persistence, client);
  const defaults = { qos: 1, rh: 0, rap: false, nl: false };
  await persistence.addSubscriptions(client, filters.map((filter) => ({ ...defaults, ...filter })) as never);
  await persistence.closeSession(client, { expiryS: 3600 });
}

async function received(
  store: SessionStore,
  persistence: SessionPersistence,
  id: string,
): Promise<FakeClient> {
  const client = new FakeClient(id);
  await connect(persistence, client);
  await store.idle();
  return client;
}

describe('a prepared fan-out', () => {
  test('is in the same commit as the record: there after a restart although it was never published', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    await offlineSession(persistence, 'a', [{ topic: 'x' }]);
    const prepared = persistence.prepareFanout(publishOf('x', 'kept'));
    store.apply(prepared!.ops);
    persistence = await store.restart();
    expect((await received(store, persistence, 'a')).payloads).toEqual(['kept']);
  });

  test('is queued once when aedes publishes the packet, and not seen before', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    await offlineSession(persistence, 'a', [{ topic: 'x' }]);
    const packet = publishOf('x', 'kept');
    const prepared = persistence.prepareFanout(packet);
    const client = await received(store, persistence, 'a');
    store.apply(prepared!.ops);
    await store.idle();
    expect(client.sent).toEqual([]);
    const calls = store.journaled.length;
    await publish(persistence, { ...packet }); // aedes makes its own packet with the same names
    await store.idle();
    expect(client.payloads).toEqual(['kept']);
    expect(
      store.journaled
        .slice(calls)
        .flat()
        .filter((op) => op.kind === 'outgoing-add'),
    ).toEqual([]);
    expect(store.rows('outgoing')).toHaveLength(1);
  });

  test('leaves nothing behind when it is abandoned', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    await offlineSession(persistence, 'a', [{ topic: 'x' }]);
    const packet = publishOf('x', 'lost', { retain: true });
    persistence.prepareFanout(packet);
    persistence.prepareRetained(packet);
    persistence.abandon(packet);
    expect(persistence.stats()).toMatchObject({ queuedMessages: 0, queuedBytes: 0, retainedMessages: 0 });
    await publish(persistence, publishOf('x', 'next'));
    expect((await received(store, persistence, 'a')).payloads).toEqual(['next']);
  });

  test('also reaches a session that subscribed between preparing and publishing', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    await offlineSession(persistence, 'a', [{ topic: 'x' }]);
    const packet = publishOf('x', 'both');
    store.apply(persistence.prepareFanout(packet)!.ops);
    await offlineSession(persistence, 'b', [{ topic: 'x' }]);
    await publish(persistence, packet);
    expect((await received(store, persistence, 'a')).payloads).toEqual(['both']);
    expect((await received(store, persistence, 'b')).payloads).toEqual(['both']);
  });

  test('is made for nobody when nobody wants it: QoS 0, no match, or only its own publisher with No Local (MQTT-3.8.3-3)', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    await offlineSession(persistence, 'a', [
      { topic: 'x', nl: true },
      { topic: 'zero', qos: 0 },
    ]);
    expect(persistence.prepareFanout(publishOf('x', '', { qos: 0 }))).toBe(null);
    expect(persistence.prepareFanout(publishOf('y', ''))).toBe(null);
    expect(persistence.prepareFanout(publishOf('zero', ''))).toBe(null);
    expect(persistence.prepareFanout(publishOf('x', '', { clientId: 'a' }))).toBe(null);
    expect(persistence.prepareFanout(publishOf('x', '', { clientId: 'b' }))).not.toBe(null);
  });

  test('fails with the disk, and what was not prepared is not queued either', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    await offlineSession(persistence, 'a', [{ topic: 'x' }]);
    store.hold();
    const publishing = publish(persistence, publishOf('x', 'lost'));
    await store.idleButDisk();
    expect(persistence.stats().queuedMessages).toBe(1);
    store.refuse();
    await expect(publishing).rejects.toThrow('disk failed');
    expect(persistence.stats()).toMatchObject({ queuedMessages: 0, queuedBytes: 0 });
  });
});

describe('a message in a queue', () => {
  test('is one, however many subscriptions match, with the highest QoS and all identifiers (MQTT-3.3.4-2, MQTT-3.3.4-4)', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    await offlineSession(persistence, 'a', [
      { topic: 'x/#', qos: 1, subscriptionIdentifier: 5 },
      { topic: '+/1', qos: 2, subscriptionIdentifier: 6 },
      { topic: 'x/1', qos: 1, subscriptionIdentifier: 5 },
      { topic: 'x/+', qos: 0, subscriptionIdentifier: 7 },
    ]);
    await publish(
      persistence,
      publishOf('x/1', 'm', { qos: 2, properties: { contentType: 'c', topicAlias: 3 } }),
    );
    persistence = await store.restart();
    const { sent } = await received(store, persistence, 'a');
    expect(sent).toMatchObject([{ qos: 2, retain: false }]);
    const { subscriptionIdentifier, ...properties } = sent[0].properties!;
    expect((subscriptionIdentifier as number[]).toSorted()).toEqual([5, 6]);
    expect(properties).toEqual({ contentType: 'c' });
  });

  test('has the lower of its own and the granted QoS (MQTT-3.8.4-8)', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    await offlineSession(persistence, 'a', [
      { topic: 'x', qos: 1 },
      { topic: 'y', qos: 2 },
    ]);
    await publish(persistence, publishOf('x', '', { qos: 2 }));
    await publish(persistence, publishOf('y', '', { qos: 1 }));
    expect((await received(store, persistence, 'a')).sent.map((packet) => packet.qos)).toEqual([1, 1]);
  });

  test('keeps RETAIN only for a subscription with Retain As Published (MQTT-3.3.1-12, MQTT-3.3.1-13)', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    await offlineSession(persistence, 'a', [{ topic: 'x', rap: true }]);
    await offlineSession(persistence, 'b', [{ topic: 'x', rap: false }]);
    await publish(persistence, publishOf('x', 'm', { retain: true }));
    expect((await received(store, persistence, 'a')).sent).toMatchObject([{ retain: true }]);
    expect((await received(store, persistence, 'b')).sent).toMatchObject([{ retain: false }]);
  });

  test('is stored once for all sessions and goes with the last of them', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const ids = ['a', 'b', 'c'];
    for (const id of ids) await offlineSession(persistence, id, [{ topic: 'x' }]);
    await publish(persistence, publishOf('x', 'm'));
    const { queuedBytes } = persistence.stats();
    expect(store.rows('outgoing_messages')).toHaveLength(1);
    for (const [i, id] of ids.entries()) {
      expect(store.rows('outgoing')).toHaveLength(3 - i);
      expect(persistence.stats().queuedBytes).toBe(queuedBytes - i * queueEntryBytes);
      const client = await received(store, persistence, id);
      expect(client.payloads).toEqual(['m']);
      await persistence.outgoingClearMessageId(client, client.sent[0]);
    }
    expect(store.rows('outgoing_messages')).toEqual([]);
    expect(persistence.stats().queuedBytes).toBe(0);
  });

  test('does not hold the memory it was read into', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    await offlineSession(persistence, 'a', [{ topic: 'x' }]);
    const chunk = Buffer.from('....payload....');
    await publish(persistence, publishOf('x', '', { payload: chunk.subarray(4, 11), retain: true }));
    chunk.fill(0);
    expect((await received(store, persistence, 'a')).payloads).toEqual(['payload']);
    const [retained] = await persistence.createRetainedStream('x').toArray();
    expect(String(retained.payload)).toBe('payload');
  });

  test('does not come back to life for a session that ended while aedes was at it', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    await offlineSession(persistence, 'a', [{ topic: 'x' }]);
    const matched = await persistence.subscriptionsByTopic('x');
    await persistence.endSession('a');
    await persistence.outgoingEnqueueCombi(matched, publishOf('x', 'late'));
    expect(persistence.sessionExists('a')).toBe(false);
    expect(store.rows('outgoing')).toEqual([]);
  });

  test('is never one of another boot, though its broker counter is the same', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    await offlineSession(persistence, 'a', [{ topic: 'x' }]);
    await publish(persistence, { ...publishOf('x', 'old'), brokerId: 'boot-1', brokerCounter: 1 });
    persistence = await store.restart();
    await publish(persistence, { ...publishOf('x', 'new'), brokerId: 'boot-2', brokerCounter: 1 });
    const client = await received(store, persistence, 'a');
    expect(client.payloads).toEqual(['old', 'new']);
    expect(client.sent[0].messageId).not.toBe(client.sent[1].messageId);
    await persistence.outgoingClearMessageId(client, client.sent[1]);
    const again = await received(store, persistence, 'a');
    expect(again.payloads).toEqual(['old']);
  });
});

describe('a queue that is full', () => {
  test('by count refuses the newest, counted, while other sessions go on', async () => {
    await using store = new SessionStore({ limits: { sessionQueueMessagesMax: 3 } });
    const persistence = await store.start();
    await offlineSession(persistence, 'a', [{ topic: '#' }]);
    for (const payload of ['0', '1', '2']) await publish(persistence, publishOf('x', payload));
    await offlineSession(persistence, 'b', [{ topic: '#' }]);
    for (const payload of ['3', '4']) await publish(persistence, publishOf('x', payload));
    expect(store.drops).toEqual({ 'session-queue-full': 2 });
    expect((await received(store, persistence, 'a')).payloads).toEqual(['0', '1', '2']);
    expect((await received(store, persistence, 'b')).payloads).toEqual(['3', '4']);
  });

  test('by bytes refuses what does not fit', async () => {
    await using store = new SessionStore({ limits: { sessionQueueBytesMax: 1000 } });
    const persistence = await store.start();
    await offlineSession(persistence, 'a', [{ topic: 'x' }]);
    for (const bytes of [600, 600, 200]) await publish(persistence, publishOf('x', 'y'.repeat(bytes)));
    expect(store.drops).toEqual({ 'session-queue-full': 1 });
    expect((await received(store, persistence, 'a')).payloads.map((payload) => payload.length)).toEqual([
      600, 200,
    ]);
  });

  test('together with all others refuses too', async () => {
    const queuedBytesMax = 2 * queueEntryBytes + 1000;
    await using store = new SessionStore({ limits: { queuedBytesMax } });
    const persistence = await store.start();
    await offlineSession(persistence, 'a', [{ topic: 'x' }]);
    await offlineSession(persistence, 'b', [{ topic: '#' }]);
    await publish(persistence, publishOf('x', 'y'.repeat(600))); // two sessions, counted once
    await publish(persistence, publishOf('other', 'y'.repeat(600)));
    expect(store.drops).toEqual({ 'queues-full': 1 });
  });

  test('together with all others is full of small messages for many sessions too', async () => {
    await using store = new SessionStore({ limits: { queuedBytesMax: 20 * queueEntryBytes } });
    const persistence = await store.start();
    for (let i = 0; i < 10; i++) await offlineSession(persistence, `s${i}`, [{ topic: '#' }]);
    for (const payload of ['1', '2', '3']) await publish(persistence, publishOf('x', payload));
    const { queuedMessages, queuedBytes } = persistence.stats();
    expect(queuedBytes).toBeLessThanOrEqual(20 * queueEntryBytes);
    expect(queuedMessages).toBeGreaterThan(10);
    expect(store.drops).toEqual({ 'queues-full': 30 - queuedMessages });
  });

  test('together with all others takes no retained messages either', async () => {
    await using store = new SessionStore({ limits: { queuedBytesMax: 5 * queueEntryBytes } });
    const persistence = await store.start();
    const client = new FakeClient('a');
    await connect(persistence, client);
    await persistence.addSubscriptions(client, [{ topic: '#', qos: 1 }]);
    for (let i = 0; i < 9; i++)
      persistence.forward(client, publishOf(`s/${i}`, 'kept', { brokerId: null, retain: true }));
    await store.idle();
    expect(client.sent.length).toBeGreaterThan(0);
    expect(client.sent.length).toBeLessThan(5);
    expect(store.drops).toEqual({ 'queues-full': 9 - client.sent.length });
  });

  test('counts a refused prepared packet once, and asks no second time when it is published', async () => {
    await using store = new SessionStore({ limits: { sessionQueueMessagesMax: 1 } });
    const persistence = await store.start();
    await offlineSession(persistence, 'a', [{ topic: 'x' }]);
    await publish(persistence, publishOf('x', 'first'));
    const packet = publishOf('x', 'second');
    expect(persistence.prepareFanout(packet)).toEqual({ ops: [] });
    await publish(persistence, packet);
    expect(store.drops).toEqual({ 'session-queue-full': 1 });
  });

  test('of a connected client lets nothing past it: what is refused is not delivered live either', async () => {
    await using store = new SessionStore({ limits: { sessionQueueMessagesMax: 2 } });
    const persistence = await store.start();
    const client = new FakeClient('a');
    await connect(persistence, client);
    await persistence.addSubscriptions(client, [{ topic: 'x', qos: 1 }]);
    const packets = ['0', '1', '2'].map((payload) => publishOf('x', payload));
    for (const packet of packets) await publish(persistence, packet);
    expect(packets.map((packet) => persistence.forward(client, packet))).toEqual([null, null, null]);
    await store.idle();
    expect(client.payloads).toEqual(['0', '1']);
    expect(store.drops).toEqual({ 'session-queue-full': 1 });
  });
});

describe('what aedes wants to deliver itself', () => {
  test('passes with QoS 0, for sessions that were not opened, and where only QoS 0 was granted', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const client = new FakeClient('a');
    await connect(persistence, client);
    await persistence.addSubscriptions(client, [
      { topic: 'zero', qos: 0 },
      { topic: 'one', qos: 1 },
    ]);
    const [none, zero, one] = [publishOf('one', '', { qos: 0 }), publishOf('zero', ''), publishOf('one', '')];
    expect(persistence.forward(client, none)).toBe(none);
    expect(persistence.forward(client, zero)).toBe(zero);
    expect(persistence.forward(client, one)).toBe(null);
    expect(persistence.forward(new FakeClient('other'), one)).toBe(one);
  });

  test('passes when it is the queue that sends it', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const client = new FakeClient('a');
    await connect(persistence, client);
    await persistence.addSubscriptions(client, [{ topic: 'x', qos: 1 }]);
    await publish(persistence, publishOf('x', 'm'));
    await store.idle();
    expect(persistence.forward(client, client.sent[0])).toBe(client.sent[0]);
  });

  test('in the way of retained messages is queued once per topic, at the granted QoS, outside the limits (MQTT-3.8.4-8)', async () => {
    await using store = new SessionStore({ limits: { sessionQueueMessagesMax: 1 } });
    const persistence = await store.start();
    const client = new FakeClient('a', 1);
    await connect(persistence, client);
    await persistence.addSubscriptions(client, [{ topic: '+/#', qos: 1 }]);
    const retained = (topic: string) => publishOf(topic, topic, { brokerId: null, retain: true, qos: 2 });
    for (const topic of ['s/1', 's/2', 's/3', 's/3'])
      expect(persistence.forward(client, retained(topic))).toBe(null);
    for (let i = 0; i < 3; i++) {
      await store.idle();
      expect(client.sent[i]).toMatchObject({ topic: `s/${i + 1}`, qos: 1, retain: true });
      await persistence.outgoingClearMessageId(client, client.sent[i]);
    }
    await store.idle();
    expect(client.sent).toHaveLength(3);
    expect(store.drops).toEqual({});
    // A SUBSCRIBE after the first copy was sent gets another, acknowledged or not (MQTT-3.3.1-9).
    for (let i = 0; i < 3; i++) {
      persistence.forward(client, retained('s/4'));
      await store.idle();
    }
    expect(persistence.stats().queuedMessages).toBe(0);
    await persistence.outgoingClearMessageId(client, client.sent[3]);
    await store.idle();
    expect(client.sent.slice(3).map(({ topic, dup }) => [topic, dup])).toEqual([
      ['s/4', false],
      ['s/4', false],
    ]);
    await persistence.outgoingClearMessageId(client, client.sent[4]);
    await store.idle();
    expect(client.sent).toHaveLength(5);
    await persistence.addSubscriptions(client, [{ topic: '+/#', qos: 0 }]);
    expect(persistence.forward(client, retained('s/1'))).toMatchObject({ qos: 0, topic: 's/1' });
  });
});
