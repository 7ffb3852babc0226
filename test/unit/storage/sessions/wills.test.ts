import { describe, expect, test } from 'vitest';
import type { SessionPacket } from '../../../../storage/sessions/session-packet.ts';
import type { SessionPersistence } from '../../../../storage/sessions/session-persistence.ts';
import { connect, FakeClient, HandClock, SessionStore } from './session-store.ts';

function willOf(payload: string, willDelayInterval?: number): SessionPacket {
  const properties = { willDelayInterval, contentType: 'c' };
  return { topic: 'will', payload: Buffer.from(payload), qos: 1, retain: true, properties };
}

describe('a will', () => {
  test('of a client that was connected when the process ended is left over after a restart (MQTT-3.1.2-8)', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    await persistence.putWill(new FakeClient('a'), willOf('died'));
    expect(persistence.leftoverWills(persistence.broker.id)).toEqual([]);
    persistence = await store.restart();
    const packet = {
      cmd: 'publish',
      topic: 'will',
      payload: Buffer.from('died'),
      qos: 1,
      retain: true,
      properties: { contentType: 'c' },
    };
    const [will] = persistence.leftoverWills(persistence.broker.id);
    expect(will).toEqual({ clientId: 'a', brokerId: 'boot-1', packet, delayMs: 0 });
    await persistence.delWill({ id: will.clientId, brokerId: will.brokerId });
    persistence = await store.restart();
    expect(persistence.leftoverWills(persistence.broker.id)).toEqual([]);
    expect(store.rows('wills')).toEqual([]);
  });

  test('that was published or discarded is not there after a restart (MQTT-3.1.2-10)', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    const client = new FakeClient('a');
    await persistence.putWill(client, willOf('x'));
    client.closed = true;
    expect(await persistence.delWill({ id: 'a', brokerId: persistence.broker.id })).toMatchObject({
      topic: 'will',
    });
    persistence = await store.restart();
    expect(persistence.leftoverWills(persistence.broker.id)).toEqual([]);
  });

  test('waits for its delay, at most until its session ends (MQTT-3.1.3-9)', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    for (const [id, expiryS, delayS] of [
      ['a', 100, 30],
      ['b', 20, 30],
      ['c', 0, 30],
    ] as const) {
      const client = new FakeClient(id);
      await connect(persistence, client, { expiryS });
      await persistence.putWill(client, willOf(id, delayS));
    }
    persistence = await store.restart();
    const delays = persistence
      .leftoverWills(persistence.broker.id)
      .map(({ clientId, delayMs }) => [clientId, delayMs]);
    expect(delays).toEqual([
      ['a', 30_000],
      ['b', 20_000],
      ['c', 0],
    ]);
  });

  test('left over is superseded when its client is back, and its deletion does not touch the new one', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    await persistence.putWill(new FakeClient('a'), willOf('old', 30));
    persistence = await store.restart();
    const [left] = persistence.leftoverWills(persistence.broker.id);
    const client = new FakeClient('a');
    await persistence.delWill(client);
    expect(await persistence.getWill(client)).toBeUndefined();
    await persistence.putWill(client, willOf('new'));
    expect(await persistence.delWill({ id: 'a', brokerId: left.brokerId })).toBeUndefined();
    expect(await persistence.getWill(client)).toMatchObject({ payload: Buffer.from('new') });
  });

  test('of the connection that goes on stays when the one it replaced has published its own', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const [old, current] = [new FakeClient('a'), new FakeClient('a')];
    await persistence.putWill(old, willOf('old'));
    await persistence.delWill(current);
    await persistence.putWill(current, willOf('new'));
    // What aedes does after it published the old will:
    await persistence.delWill({ id: 'a', brokerId: persistence.broker.id });
    expect(await persistence.getWill(current)).toMatchObject({ payload: Buffer.from('new') });
    current.closed = true;
    await persistence.delWill({ id: 'a', brokerId: persistence.broker.id });
    expect(await persistence.getWill(current)).toBeUndefined();
  });

  test('of a connected client is not given to aedes as an orphan when its clock jumps, nor one before its delay', async () => {
    const clock = new HandClock();
    await using store = new SessionStore({ clock });
    let persistence = await store.start();
    await persistence.putWill(new FakeClient('a'), willOf('now'));
    await persistence.putWill(new FakeClient('b'), willOf('later', 30));
    expect(await persistence.streamWill({}).toArray()).toEqual([]);
    persistence = await store.restart();
    const orphans = async () => (await persistence.streamWill({}).toArray()).map((will) => will.clientId);
    expect(await orphans()).toEqual(['a']);
    clock.advance(30_000);
    expect(await orphans()).toEqual(['a', 'b']);
  });
});

describe('wills together', () => {
  const expiryS = 3600;
  const open = (persistence: SessionPersistence, client: FakeClient, payload: string) =>
    persistence.openSession(client, { cleanStart: false, expiryS, protocolVersion: 4 }, willOf(payload));

  test('have a limit of bytes, and who brings one too many gets no session', async () => {
    await using store = new SessionStore({ limits: { willsBytesMax: 1000 } });
    const persistence = await store.start();
    const [a, b, c] = ['a', 'b', 'c'].map((id) => new FakeClient(id));
    expect(await open(persistence, a, 'x'.repeat(400))).toMatchObject({ kind: 'opened' });
    expect(await open(persistence, b, 'x'.repeat(400))).toMatchObject({ kind: 'opened' });
    expect(await open(persistence, c, 'x'.repeat(400))).toEqual({ kind: 'refused', reason: 'wills-full' });
    expect(persistence.stats()).toMatchObject({ sessions: 2, willsBytes: 0 });
    await persistence.putWill(a, willOf('x'.repeat(400)));
    expect(await open(persistence, c, 'x'.repeat(400))).toEqual({ kind: 'refused', reason: 'wills-full' });
    await persistence.closeSession(b, { expiryS });
    expect(await open(persistence, c, 'x'.repeat(400))).toMatchObject({ kind: 'opened' });
    await persistence.putWill(c, willOf('x'.repeat(400)));
    const { willsBytes } = persistence.stats();
    expect(willsBytes).toBeGreaterThan(800);
    expect(willsBytes).toBeLessThanOrEqual(1000);
    const again = new FakeClient('c');
    expect(await open(persistence, again, 'x'.repeat(420))).toMatchObject({ kind: 'opened' }); // it takes the place of its own
    await persistence.putWill(again, willOf(''));
    for (const client of [a, again]) {
      client.closed = true;
      await persistence.delWill(client);
    }
    expect(persistence.stats().willsBytes).toBe(0);
  });

  test('count over a restart', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    await persistence.putWill(new FakeClient('a'), willOf('x'.repeat(400)));
    const { willsBytes } = persistence.stats();
    persistence = await store.restart();
    expect(persistence.stats().willsBytes).toBe(willsBytes);
  });
});
