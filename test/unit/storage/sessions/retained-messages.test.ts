import { describe, expect, test } from 'vitest';
import type { SessionPacket } from '../../../../storage/sessions/session-packet.ts';
import type { SessionPersistence } from '../../../../storage/sessions/session-persistence.ts';
import { HandClock, publish, publishOf, SessionStore } from './session-store.ts';

function retainedOf(topic: string, payload: string, extra: Partial<SessionPacket> = {}): SessionPacket {
  return publishOf(topic, payload, { retain: true, ...extra });
}

async function payloads(persistence: SessionPersistence, ...filters: string[]): Promise<string[]> {
  const packets: SessionPacket[] = await persistence.createRetainedStreamCombi(filters).toArray();
  return packets.map((packet) => String(packet.payload)).toSorted();
}

describe('a retained message', () => {
  test('survives a restart with its QoS, properties and expiry, and so does its removal (MQTT-3.3.1-5, MQTT-3.3.1-6)', async () => {
    const clock = new HandClock();
    await using store = new SessionStore({ clock });
    let persistence = await store.start();
    const userProperties = Object.assign(Object.create(null), { a: ['1', '2'] });
    const properties = {
      messageExpiryInterval: 60,
      contentType: 'c',
      correlationData: Buffer.from('id'),
      userProperties,
    };
    await publish(persistence, retainedOf('x', 'kept', { qos: 2, properties }));
    await publish(persistence, retainedOf('y', 'removed'));
    await publish(persistence, retainedOf('y', ''));
    persistence = await store.restart();
    const packets: SessionPacket[] = await persistence.createRetainedStream('#').toArray();
    expect(packets).toMatchObject([
      { topic: 'x', qos: 2, retain: true, messageExpiry: clock.nowMs() + 60_000 },
    ]);
    expect(packets[0].properties).toEqual(properties);
    expect(Buffer.isBuffer(packets[0].payload)).toBe(true);
    expect(store.rows('retained')).toHaveLength(1);
  });

  test('is not seen by a new subscriber before it is on disk', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    store.hold();
    const storing = publish(persistence, retainedOf('x', 'soon'));
    await store.idleButDisk();
    expect(await payloads(persistence, '#')).toEqual([]);
    store.commit();
    await storing;
    expect(await payloads(persistence, '#')).toEqual(['soon']);
  });

  test('that expired is neither delivered nor kept, also when it expired while the gateway was down (MQTT-3.3.2-5)', async () => {
    const clock = new HandClock();
    await using store = new SessionStore({ clock });
    let persistence = await store.start();
    for (const [topic, messageExpiryInterval] of [
      ['short', 10],
      ['middle', 20],
      ['none', 0],
    ] as const) {
      await publish(persistence, retainedOf(topic, topic, { properties: { messageExpiryInterval } }));
    }
    clock.advance(10_000);
    expect(await payloads(persistence, '#')).toEqual(['middle', 'none']);
    await persistence.expireMessages(clock.nowMs());
    expect(store.rows('retained').map((row) => row.topic)).toEqual(['middle', 'none']);
    clock.advance(10_000);
    persistence = await store.restart();
    expect(store.rows('retained').map((row) => row.topic)).toEqual(['none']);
    expect(store.drops).toEqual({ 'retained-expired': 2 });
    expect(persistence.stats().retainedMessages).toBe(1);
  });

  test('of a topic with many levels takes the room of several', async () => {
    await using store = new SessionStore({ limits: { retainedMessagesMax: 10 } });
    const persistence = await store.start();
    const deep = (name: string) => Array.from({ length: 30 }, (_, i) => `${name}${i}`).join('/');
    for (const name of ['a', 'b', 'c', 'd']) await publish(persistence, retainedOf(deep(name), name));
    expect(store.drops).toEqual({ 'retained-full': 2 });
    await publish(persistence, retainedOf(deep('a'), 'newer'));
    expect(await payloads(persistence, '#')).toEqual(['b', 'newer']);
    await publish(persistence, retainedOf(deep('b'), ''));
    await publish(persistence, retainedOf('plain', 'x'));
    expect(await payloads(persistence, '#')).toEqual(['newer', 'x']);
  });

  test('prepared with a record is stored by the commit and seen when it is published', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    const packet = retainedOf('x', 'kept');
    const prepared = persistence.prepareRetained(packet);
    expect(await payloads(persistence, '#')).toEqual([]);
    store.apply(prepared!.ops);
    const calls = store.journaled.length;
    await publish(persistence, { ...packet });
    expect(await payloads(persistence, '#')).toEqual(['kept']);
    expect(store.journaled.length).toBe(calls);
    persistence = await store.restart();
    expect(await payloads(persistence, '#')).toEqual(['kept']);
  });

  test('is the one the disk has, in whatever order two for a topic are published', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    const [older, newer] = [retainedOf('x', 'older'), retainedOf('x', 'newer')];
    store.apply(persistence.prepareRetained(older)!.ops);
    await publish(persistence, newer);
    await publish(persistence, older);
    expect(await payloads(persistence, 'x')).toEqual(['newer']);
    const [again, removal] = [retainedOf('x', 'again'), retainedOf('x', '')];
    store.apply(persistence.prepareRetained(again)!.ops);
    await publish(persistence, removal);
    await publish(persistence, again);
    expect(await payloads(persistence, 'x')).toEqual([]);
    persistence = await store.restart();
    expect(await payloads(persistence, 'x')).toEqual([]);
    await publish(persistence, retainedOf('x', 'last'));
    expect(await payloads(persistence, 'x')).toEqual(['last']);
  });

  test('needs nothing prepared when it is removed from a topic that has none', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    expect(persistence.prepareRetained(retainedOf('x', ''))).toBe(null);
    expect(persistence.prepareRetained(publishOf('x', 'not retained'))).toBe(null);
    persistence.prepareRetained(retainedOf('x', 'under way'));
    expect(persistence.prepareRetained(retainedOf('x', ''))).not.toBe(null);
  });

  test('of a $ topic is not found by a filter that begins with a wildcard (MQTT-4.7.2-1)', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    for (const topic of ['$SYS/a', 'b/a']) await publish(persistence, retainedOf(topic, topic));
    expect(await payloads(persistence, '#')).toEqual(['b/a']);
    expect(await payloads(persistence, '+/a')).toEqual(['b/a']);
    expect(await payloads(persistence, '$SYS/#')).toEqual(['$SYS/a']);
    expect(await payloads(persistence, '#', '+/a')).toEqual(['b/a', 'b/a']);
  });
});

describe('the room for retained messages', () => {
  test('is bounded by count: a new topic is refused and counted, a known one is replaced', async () => {
    await using store = new SessionStore({ limits: { retainedMessagesMax: 2 } });
    let persistence = await store.start();
    for (const topic of ['a', 'b', 'c']) await publish(persistence, retainedOf(topic, topic));
    // Many updates of known topics under way at once count as no more topics.
    await Promise.all(['1', '2', '3'].map((payload) => publish(persistence, retainedOf('a', payload))));
    expect(await payloads(persistence, '#')).toEqual(['3', 'b']);
    expect(store.drops).toEqual({ 'retained-full': 1 });
    await publish(persistence, retainedOf('b', ''));
    await publish(persistence, retainedOf('c', 'c'));
    expect(await payloads(persistence, '#')).toEqual(['3', 'c']);
    persistence = await store.restart();
    expect(await payloads(persistence, '#')).toEqual(['3', 'c']);
  });

  test('is bounded by bytes: what does not fit leaves none rather than one that is out of date', async () => {
    await using store = new SessionStore({ limits: { retainedBytesMax: 1000 } });
    let persistence = await store.start();
    await publish(persistence, retainedOf('a', 'small'));
    await publish(persistence, retainedOf('a', 'large'.repeat(1000)));
    expect(store.drops).toEqual({ 'retained-full': 1 });
    expect(await payloads(persistence, '#')).toEqual([]);
    expect(persistence.stats()).toMatchObject({ retainedMessages: 0, retainedBytes: 0 });
    persistence = await store.restart();
    expect(await payloads(persistence, '#')).toEqual([]);
  });

  test('counts what is prepared, and gives it back when that is abandoned', async () => {
    await using store = new SessionStore({ limits: { retainedMessagesMax: 1 } });
    const persistence = await store.start();
    const [one, two] = [retainedOf('a', '1'), retainedOf('b', '2')];
    expect(persistence.prepareRetained(one)!.ops).toHaveLength(1);
    expect(persistence.prepareRetained(two)!.ops).toMatchObject([{ kind: 'retained-remove' }]);
    expect(store.drops).toEqual({ 'retained-full': 1 });
    persistence.abandon(one);
    persistence.abandon(two);
    expect(persistence.prepareRetained(retainedOf('b', '3'))!.ops).toMatchObject([{ kind: 'retained-put' }]);
  });
});
