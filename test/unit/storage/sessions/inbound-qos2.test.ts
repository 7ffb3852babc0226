import { describe, expect, test } from 'vitest';
import { connect, FakeClient, SessionStore } from './session-store.ts';

describe('ids of QoS 2 messages that were received and not released', () => {
  test('survive a restart of a session that does, released ones do not (MQTT-4.3.3-10)', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    const client = new FakeClient('a');
    await connect(persistence, client);
    let ids = persistence.qos2Open('a');
    store.apply([ids.add(1)!, ids.add(2)!, ids.add(65_535)!, ids.delete(2)!]);
    expect(ids.add(1)).toBe(null);
    expect(ids.delete(2)).toBe(null);
    persistence = await store.restart();
    ids = persistence.qos2Open('a');
    expect([ids.size, ids.has(1), ids.has(2), ids.has(65_535)]).toEqual([2, true, false, true]);
  });

  test('of a session that ends with its connection are not put on disk', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    await connect(persistence, new FakeClient('a'), { expiryS: 0, cleanStart: true });
    const ids = persistence.qos2Open('a');
    expect(ids.add(7)).toBe(null);
    expect(ids.has(7)).toBe(true);
    expect(ids.delete(7)).toBe(null);
    expect(ids.has(7)).toBe(false);
    expect(persistence.qos2Open('a').has(7)).toBe(false);
  });

  test('are those of the new session after a clean start reuses a packet id (MQTT-3.1.2-4)', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    await connect(persistence, new FakeClient('a'));
    const old = persistence.qos2Open('a');
    store.apply([old.add(5)!]);
    await connect(persistence, new FakeClient('a'), { cleanStart: true });
    const late = old.add(6);
    const current = persistence.qos2Open('a');
    expect([current.has(5), current.has(6)]).toEqual([false, false]);
    store.apply([late!, current.add(9)!]);
    persistence = await store.restart();
    const ids = persistence.qos2Open('a');
    expect([ids.has(5), ids.has(6), ids.has(9)]).toEqual([false, false, true]);
  });

  test('are known by aedes too, after a restart by the id alone', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    const client = new FakeClient('a');
    const packet = { cmd: 'publish', topic: 'x', payload: Buffer.from('p'), qos: 2, messageId: 4 };
    await persistence.incomingStorePacket(client, packet);
    expect(await persistence.incomingGetPacket(client, packet)).toMatchObject({ topic: 'x', messageId: 4 });
    persistence = await store.restart();
    expect(await persistence.incomingGetPacket(client, packet)).toMatchObject({ messageId: 4 });
    await persistence.incomingDelPacket(client, packet);
    await expect(persistence.incomingGetPacket(client, packet)).rejects.toThrow('no such packet');
    await expect(persistence.incomingDelPacket(client, packet)).rejects.toThrow('no such packet');
    persistence = await store.restart();
    await expect(persistence.incomingGetPacket(client, packet)).rejects.toThrow('no such packet');
  });
});
