import { describe, expect, test } from 'vitest';
import { connect, FakeClient, HandClock, publish, publishOf, SessionStore } from './session-store.ts';

const subscription = { topic: 'cmd/#', qos: 1, rh: 0, rap: false, nl: false };

describe('a session', () => {
  test('exists from its opening to its end, over restarts, with or without subscriptions (MQTT-3.2.2-2)', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    const client = new FakeClient('a');
    const options = { cleanStart: false, expiryS: 100, protocolVersion: 5 };
    expect(await persistence.openSession(client, options)).toEqual({ kind: 'opened', sessionPresent: false });
    await persistence.closeSession(client, { expiryS: 100 });
    persistence = await store.restart();
    expect(persistence.sessionExists('a')).toBe(true);
    const opened = await persistence.openSession(new FakeClient('a'), options);
    expect(opened).toEqual({ kind: 'opened', sessionPresent: true });
    await persistence.endSession('a');
    expect(persistence.sessionExists('a')).toBe(false);
    persistence = await store.restart();
    expect(persistence.sessionExists('a')).toBe(false);
  });

  test('that does not outlive its connection is not kept (MQTT 5.0 3.1.2.11.2)', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const client = new FakeClient('a');
    await connect(persistence, client, { expiryS: 0, cleanStart: true });
    expect(persistence.sessionExists('a')).toBe(false);
    expect(store.rows('sessions')).toEqual([]);
  });

  test('resumed with expiry 0 lives until its connection ends, and not over a restart', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    for (const crashes of [false, true]) {
      const first = new FakeClient('a');
      await connect(persistence, first, { cleanStart: true });
      await persistence.addSubscriptions(first, [subscription]);
      await persistence.closeSession(first, { expiryS: 3600 });
      await publish(persistence, publishOf('cmd/1', 'queued'));
      const second = new FakeClient('a');
      await connect(persistence, second, { expiryS: 0 });
      await store.idle();
      expect(second.payloads).toEqual(['queued']);
      if (crashes) persistence = await store.restart();
      else await persistence.closeSession(second, { expiryS: 0 });
      expect(persistence.sessionExists('a')).toBe(false);
      for (const table of ['sessions', 'subscriptions', 'outgoing', 'outgoing_messages']) {
        expect(store.rows(table)).toEqual([]);
      }
    }
  });

  test('ends when its expiry interval has passed since it was disconnected, also while the gateway was down', async () => {
    const clock = new HandClock();
    await using store = new SessionStore({ clock });
    let persistence = await store.start();
    for (const id of ['short', 'long', 'never', 'connected']) {
      const client = new FakeClient(id);
      const expiryS = { short: 10, long: 100, never: 0xffff_ffff, connected: 10 }[id]!;
      await connect(persistence, client, { expiryS });
      await persistence.addSubscriptions(client, [subscription]);
      if (id !== 'connected') await persistence.closeSession(client, { expiryS });
    }
    await publish(persistence, publishOf('cmd/1', 'x'));
    clock.advance(9999);
    expect(await persistence.expireSessions(clock.nowMs())).toBe(0);
    clock.advance(1);
    expect(persistence.sessionExists('short')).toBe(false);
    expect(await persistence.expireSessions(clock.nowMs())).toBe(1);
    expect(store.drops).toEqual({ 'session-expired': 1 });
    expect(persistence.stats()).toMatchObject({ sessions: 3, connectedSessions: 1, subscriptions: 3 });
    clock.advance(90_000);
    persistence = await store.restart();
    expect(persistence.sessionExists('long')).toBe(false);
    expect(persistence.sessionExists('never')).toBe(true);
    // It was connected when the process ended: its interval begins with the start.
    expect(persistence.sessionExists('connected')).toBe(true);
    clock.advance(10_000);
    expect(await persistence.expireSessions(clock.nowMs())).toBe(1);
    expect(store.rows('sessions').map((row) => row.client)).toEqual(['never']);
  });

  test('whose expiry DISCONNECT changed goes by the new one (MQTT 5.0 3.14.2.2.2)', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const client = new FakeClient('a');
    await connect(persistence, client, { expiryS: 10 });
    await persistence.closeSession(client, { expiryS: 1000 });
    expect(store.rows('sessions')).toMatchObject([
      { expiry_s: 1000, disconnected_at_ms: store.clock.nowMs() },
    ]);
  });

  test('is wiped by a clean start with everything it has, in one journal call (MQTT-3.1.2-4)', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const first = new FakeClient('a');
    await connect(persistence, first);
    await persistence.addSubscriptions(first, [subscription]);
    await persistence.putWill(first, { topic: 'will', payload: Buffer.from('w'), qos: 1 });
    store.apply([persistence.qos2Open('a').add(77)!]);
    await publish(persistence, publishOf('cmd/1', 'x'));
    first.closed = true;
    await persistence.closeSession(first, { expiryS: 3600 });
    const callsBefore = store.journaled.length;
    const second = new FakeClient('a');
    await persistence.openSession(second, { cleanStart: true, expiryS: 3600, protocolVersion: 5 });
    await persistence.cleanSubscriptions(second); // aedes's own, a moment later
    expect(store.journaled.length).toBe(callsBefore + 1);
    for (const table of ['subscriptions', 'outgoing', 'outgoing_messages', 'wills', 'inbound_qos2']) {
      expect(store.rows(table)).toEqual([]);
    }
    expect(store.rows('sessions')).toHaveLength(1);
    expect(store.drops).toEqual({ 'session-ended': 1 });
    expect(persistence.qos2Open('a').has(77)).toBe(false);
    expect(await persistence.subscriptionsByTopic('cmd/1')).toEqual([]);
  });

  test('of a client that was never opened is wiped by the clean start of aedes alone', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    await persistence.addSubscriptions({ id: 'a' }, [subscription]);
    await persistence.incomingStorePacket({ id: 'a' }, { topic: 'x', qos: 2, messageId: 5 });
    await publish(persistence, publishOf('cmd/1', 'x'));
    await persistence.cleanSubscriptions({ id: 'a' });
    for (const restarts of [false, true]) {
      if (restarts) persistence = await store.restart();
      expect(persistence.qos2Open('a').size).toBe(0);
      expect(await persistence.subscriptionsByClient({ id: 'a' })).toEqual([]);
      expect(await persistence.outgoingStream({ id: 'a' }).toArray()).toEqual([]);
    }
  });

  test('gets nothing that was prepared for the one before it, even when that is committed later', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    const first = new FakeClient('a');
    await connect(persistence, first);
    await persistence.addSubscriptions(first, [subscription]);
    await persistence.closeSession(first, { expiryS: 3600 });
    const packet = publishOf('cmd/1', 'old');
    const prepared = persistence.prepareFanout(packet)!;
    await connect(persistence, new FakeClient('a'), { cleanStart: true });
    store.apply(prepared.ops);
    await publish(persistence, packet);
    persistence = await store.restart();
    const third = new FakeClient('a');
    expect(await connect(persistence, third)).toEqual([]);
    await store.idle();
    expect(third.sent).toEqual([]);
    expect(store.rows('outgoing')).toEqual([]);
  });

  test('is refused when there are as many as allowed, and an existing one resumes all the same', async () => {
    await using store = new SessionStore({ limits: { sessionsMax: 2 } });
    const persistence = await store.start();
    await connect(persistence, new FakeClient('a'));
    await connect(persistence, new FakeClient('b'));
    const options = { cleanStart: false, expiryS: 10, protocolVersion: 5 };
    const refused = { kind: 'refused', reason: 'sessions-full' };
    expect(await persistence.openSession(new FakeClient('c'), options)).toEqual(refused);
    expect(await persistence.openSession(new FakeClient('c'), { ...options, expiryS: 0 })).toMatchObject({
      kind: 'opened',
    });
    expect(await persistence.openSession(new FakeClient('a'), options)).toMatchObject({
      sessionPresent: true,
    });
    expect(
      await persistence.openSession(new FakeClient('b'), { ...options, cleanStart: true }),
    ).toMatchObject({ kind: 'opened' });
    await expect(persistence.addSubscriptions({ id: 'd' }, [subscription])).rejects.toMatchObject({
      code: 'SESSIONS_FULL',
    });
  });
});

describe('a connection whose session was taken over', () => {
  test('changes nothing of it any more: neither subscriptions, nor its end, nor its closing (MQTT-3.1.4-3)', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const [old, current] = [new FakeClient('a'), new FakeClient('a')];
    await connect(persistence, old);
    await persistence.addSubscriptions(old, [subscription]);
    await connect(persistence, current);
    await persistence.addSubscriptions(old, [{ ...subscription, topic: 'late' }]);
    await persistence.removeSubscriptions(old, [subscription.topic]);
    await persistence.cleanSubscriptions(old);
    await persistence.closeSession(old, { expiryS: 0 });
    expect((await persistence.subscriptionsByClient(current)).map(({ topic }) => topic)).toEqual([
      subscription.topic,
    ]);
    await publish(persistence, publishOf('cmd/1', 'x'));
    await store.idle();
    expect(old.sent).toEqual([]);
    expect(current.payloads).toEqual(['x']);
    expect(persistence.forward(old, publishOf('cmd/1', 'y'))).toBe(null);
    expect(persistence.forward(old, publishOf('cmd/1', 'kept', { brokerId: null, retain: true }))).toBe(null);
    await store.idle();
    expect(current.payloads).toEqual(['x']);
  });

  test('that is closed already makes no session by a late SUBSCRIBE', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const client = new FakeClient('a');
    client.closed = true;
    await persistence.addSubscriptions(client, [subscription]);
    expect(persistence.sessionExists('a')).toBe(false);
  });
});

describe('subscriptions', () => {
  test('survive a restart with all their options, and are gone for good when removed (MQTT 5.0 3.8.3.1)', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    const client = new FakeClient('a');
    await connect(persistence, client);
    const full = { topic: 'x/+', qos: 2, rh: 2, rap: true, nl: true, subscriptionIdentifier: 268_435_455 };
    const plain = { topic: 'y', qos: 0, rh: undefined, rap: undefined, nl: undefined };
    await persistence.addSubscriptions(client, [full, plain, { ...plain, topic: 'gone' }] as never);
    await persistence.addSubscriptions(client, [{ ...full, rh: 1 }]);
    await persistence.removeSubscriptions(client, ['gone', 'never there']);
    persistence = await store.restart();
    expect(await persistence.subscriptionsByClient(client)).toEqual([{ ...full, rh: 1 }, plain]);
    expect(await persistence.subscriptionsByTopic('x/1')).toEqual([{ clientId: 'a', ...full, rh: 1 }]);
    expect(persistence.hasFanout('x/1')).toBe(true);
    expect(persistence.hasFanout('y')).toBe(false);
  });

  test('are on disk before addSubscriptions resolves, also for the calls that repeat the first', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const client = new FakeClient('a');
    await connect(persistence, client);
    store.hold();
    const resolved: number[] = [];
    const calls = [1, 2].map((n) =>
      persistence.addSubscriptions(client, [subscription]).then(() => resolved.push(n)),
    );
    await store.idleButDisk();
    expect(resolved).toEqual([]);
    store.commit();
    await Promise.all(calls);
    expect(store.rows('subscriptions')).toHaveLength(1);
    expect(store.journaled.flat().filter((op) => op.kind === 'subscription-put')).toHaveLength(1);
  });

  test('are added once for all the calls of one SUBSCRIBE', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const client = new FakeClient('a');
    await connect(persistence, client);
    const calls = store.journaled.length;
    const requests = Array.from({ length: 100 }, (_, i) => ({ topic: `f/${i}`, qos: 1 }));
    await Promise.all(requests.map(() => persistence.addSubscriptions(client, requests)));
    expect(store.journaled.length).toBe(calls + 1);
    expect(await persistence.subscriptionsByClient(client)).toHaveLength(100);
    expect(persistence.subscriptionTotals).toEqual({ count: 100, levels: 101 });
    await persistence.removeSubscriptions(client, ['f/1', 'f/2', 'never']);
    expect(persistence.subscriptionTotals).toEqual({ count: 98, levels: 99 });
    await persistence.endSession('a');
    expect(persistence.subscriptionTotals).toEqual({ count: 0, levels: 0 });
  });

  test('are granted up to a limit before they are on disk, and what is there already always', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const client = new FakeClient('a');
    expect(persistence.grantSubscription('a', 'x', 10)).toBe(undefined);
    await connect(persistence, client);
    const grant = (filter: string, most = 2) => persistence.grantSubscription('a', filter, most);
    expect(['x', 'y', 'x', 'z'].map((filter) => grant(filter))).toEqual([true, true, true, false]);
    const adding = persistence.addSubscriptions(client, [
      { topic: 'x', qos: 1 },
      { topic: 'y', qos: 0 },
      { topic: 'z', qos: 128 },
    ]);
    expect(grant('z')).toBe(false);
    await adding;
    expect([grant('z'), grant('y', 0)]).toEqual([false, true]);
    await persistence.removeSubscriptions(client, ['x']);
    expect([grant('z'), grant('other')]).toEqual([true, false]);
  });

  test('that are removed right behind the SUBSCRIBE that adds them are gone', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const client = new FakeClient('a');
    await connect(persistence, client);
    const [topic, qos] = ['x', 1];
    await Promise.all([
      persistence.addSubscriptions(client, [{ topic, qos }]),
      persistence.removeSubscriptions(client, [topic]),
    ]);
    expect(await persistence.subscriptionsByClient(client)).toEqual([]);
  });

  test('that the broker refused with a code of 0x80 or more are not kept (MQTT-3.9.3-1)', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const client = new FakeClient('a');
    await connect(persistence, client);
    const refused = { ...subscription, topic: 'secret' };
    const shared = { ...subscription, topic: '$share/group/x' }; // refused by aedes itself (MQTT-4.8.2-1)
    const stored = persistence.addSubscriptions(client, [subscription, refused, shared]);
    refused.qos = 0x80; // the hook for the second filter runs after aedes stored the first
    await stored;
    expect((await persistence.subscriptionsByClient(client)).map(({ topic }) => topic)).toEqual(['cmd/#']);
  });
});
