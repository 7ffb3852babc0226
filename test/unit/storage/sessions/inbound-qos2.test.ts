import { describe, expect, test } from 'vitest';
import { clientLimits } from '../../../../config/limits.ts';
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

describe('ids of all sessions together', () => {
  test('have a limit, above which a session may have only few', async () => {
    await using store = new SessionStore({ limits: { unreleasedTotalMax: 100 } });
    const persistence = await store.start();
    await connect(persistence, new FakeClient('hoarder'));
    const hoarded = persistence.qos2Open('hoarder');
    for (let id = 1; id <= 99; id++) hoarded.add(id);
    expect([hoarded.hasRoom(2048), hoarded.hasRoom(99)]).toEqual([true, false]);
    hoarded.add(100);
    hoarded.add(100);
    expect(hoarded.hasRoom(2048)).toBe(false);
    await connect(persistence, new FakeClient('honest'));
    const few = persistence.qos2Open('honest');
    let added = 0;
    while (few.hasRoom(2048)) few.add(++added);
    expect(added).toBe(clientLimits.unreleasedFewMax);
    expect(few.hasRoom(8)).toBe(false);
    for (let id = 1; id <= added; id++) few.delete(id);
    hoarded.delete(100);
    expect([hoarded.hasRoom(2048), few.hasRoom(2048)]).toEqual([true, true]);
  });

  test('count those of sessions that were there before, and no more those of sessions that have ended', async () => {
    await using store = new SessionStore({ limits: { unreleasedTotalMax: 10 } });
    let persistence = await store.start();
    await connect(persistence, new FakeClient('hoarder'));
    const hoarded = persistence.qos2Open('hoarder');
    store.apply(Array.from({ length: 20 }, (_, i) => hoarded.add(i + 1)!));
    persistence = await store.restart();
    expect(persistence.qos2Open('hoarder').hasRoom(2048)).toBe(false);
    await persistence.endSession('hoarder');
    await connect(persistence, new FakeClient('hoarder'));
    await persistence.expireSessions(store.clock.nowMs());
    const ids = persistence.qos2Open('hoarder');
    for (let id = 1; id < 10; id++) ids.add(id);
    expect([ids.size, ids.hasRoom(2048)]).toEqual([9, true]);
  });
});
