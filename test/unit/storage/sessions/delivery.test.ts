// Messages to a client: order, packet ids, DUP, and what is on disk and on the wire if the process ends in
// between.

import { describe, expect, test } from 'vitest';
import { connect, FakeClient, publish, publishOf, SessionStore } from './session-store.ts';
import { idsOf, offline, publishMany, subscribed } from './session-traffic.ts';

describe('a queued message', () => {
  test('keeps its packet id over reconnect and restart until it is acknowledged (MQTT-4.4.0-1)', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    const first = new FakeClient('a');
    await subscribed(persistence, first);
    await publishMany(persistence, 4);
    await store.idle();
    const ids = idsOf(first.sent);
    expect(new Set(ids).size).toBe(4);
    await persistence.outgoingClearMessageId(first, { topic: '', messageId: ids[1] });
    await offline(persistence, first);
    await publishMany(persistence, 2);
    const second = new FakeClient('a');
    await connect(persistence, second);
    await store.idle();
    expect(idsOf(second.sent).slice(0, 3)).toEqual([ids[0], ids[2], ids[3]]);
    expect(new Set(idsOf(second.sent)).size).toBe(5);
    persistence = await store.restart();
    const third = new FakeClient('a');
    await connect(persistence, third);
    await store.idle();
    expect(idsOf(third.sent)).toEqual(idsOf(second.sent));
    expect(third.payloads).toEqual(['0', '2', '3', '0', '1']);
  });

  test('bears DUP only when it was sent on an earlier connection (MQTT-3.3.1-1)', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    const first = new FakeClient('a');
    await subscribed(persistence, first);
    await offline(persistence, first);
    await publishMany(persistence, 1);
    persistence = await store.restart();
    const dups: (boolean | undefined)[] = [];
    for (let i = 0; i < 3; i++) {
      if (i === 2) persistence = await store.restart();
      const client = new FakeClient('a');
      await connect(persistence, client);
      await store.idle();
      dups.push(...client.sent.map((packet) => packet.dup));
      await offline(persistence, client);
    }
    expect(dups).toEqual([false, true, true]);
  });

  test('is not sent before the disk knows its packet id', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const first = new FakeClient('a');
    await subscribed(persistence, first);
    await offline(persistence, first);
    await publishMany(persistence, 3);
    const second = new FakeClient('a');
    await persistence.openSession(second, { cleanStart: false, expiryS: 3600, protocolVersion: 5 });
    store.hold();
    for await (const _ of persistence.outgoingStream(second));
    await store.idleButDisk();
    expect(second.sent).toEqual([]);
    store.commit();
    await store.idleButDisk();
    expect(second.payloads).toEqual(['0', '1', '2']);
    expect(store.rows('outgoing').map((row) => row.packet_id)).toEqual(idsOf(second.sent));
  });

  test('goes to the disk in few calls when a long queue is emptied', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const first = new FakeClient('a');
    await subscribed(persistence, first);
    await offline(persistence, first);
    await publishMany(persistence, 2000);
    const before = store.journaled.length;
    const second = new FakeClient('a');
    await connect(persistence, second);
    await second.has(2000);
    expect(second.payloads).toEqual(Array.from({ length: 2000 }, (_, i) => String(i)));
    expect(store.journaled.length - before).toBeLessThan(20);
  });

  test('whose acknowledgement was not on disk when the process ended is sent again, with DUP and its id', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    const first = new FakeClient('a');
    await subscribed(persistence, first);
    await publishMany(persistence, 1);
    await store.idle();
    const [sent] = first.sent;
    store.hold();
    let acknowledged = false;
    persistence.outgoingClearMessageId(first, { topic: '', messageId: sent.messageId }).then(() => {
      acknowledged = true;
    });
    await store.idleButDisk();
    expect(acknowledged).toBe(false);
    persistence = await store.restart();
    const second = new FakeClient('a');
    await connect(persistence, second);
    await store.idle();
    expect(second.sent).toMatchObject([{ messageId: sent.messageId, dup: true }]);
  });
});

describe('a QoS 2 message', () => {
  test('is not released on the wire before PUBREC is on disk (MQTT-4.3.3-1)', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    const first = new FakeClient('a');
    await subscribed(persistence, first);
    await publishMany(persistence, 1, { qos: 2 });
    await store.idle();
    const { messageId } = first.sent[0];
    store.hold();
    let mayRelease = false;
    const pubrel = { cmd: 'pubrel', topic: '', messageId };
    persistence.outgoingUpdate(first, pubrel).then(() => {
      mayRelease = true;
    });
    await store.idleButDisk();
    expect(mayRelease).toBe(false);
    // The process ends: no PUBREL was written, so the PUBLISH is what comes again.
    persistence = await store.restart();
    const second = new FakeClient('a');
    expect(await connect(persistence, second)).toEqual([]);
    await store.idle();
    expect(second.sent).toMatchObject([{ messageId, dup: true, qos: 2 }]);
    await persistence.outgoingUpdate(second, pubrel);
    persistence = await store.restart();
    const third = new FakeClient('a');
    expect(await connect(persistence, third)).toEqual([{ cmd: 'pubrel', messageId }]);
    await store.idle();
    expect(third.sent).toEqual([]);
    expect(store.rows('outgoing_messages')).toEqual([]);
  });

  test('keeps its id from others until PUBCOMP, and PUBRELs are repeated in the order of PUBREC (MQTT-4.6.0-4)', async () => {
    await using store = new SessionStore();
    let persistence = await store.start();
    const first = new FakeClient('a');
    await subscribed(persistence, first);
    await publishMany(persistence, 3, { qos: 2 });
    await store.idle();
    const [one, two, three] = idsOf(first.sent);
    for (const messageId of [three, one])
      await persistence.outgoingUpdate(first, { cmd: 'pubrel', topic: '', messageId });
    const released = [
      { cmd: 'pubrel', messageId: three },
      { cmd: 'pubrel', messageId: one },
    ];
    for (const restarts of [false, true]) {
      if (restarts) persistence = await store.restart();
      const client = new FakeClient('a');
      expect(await connect(persistence, client)).toEqual(released);
      await store.idle();
      expect(idsOf(client.sent)).toEqual([two]);
    }
    await publishMany(persistence, 5, { qos: 2 });
    const ids = store.rows('outgoing').map((row) => row.packet_id);
    expect(new Set(ids).size).toBe(8);
  });

  test('that is not known any more is released all the same, so that the client can let go of it', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const client = new FakeClient('a');
    await subscribed(persistence, client);
    await expect(
      persistence.outgoingUpdate(client, { cmd: 'pubrel', topic: '', messageId: 9 }),
    ).resolves.toBeUndefined();
  });

  test('whose PUBREC comes before it was sent again is not sent again (MQTT-4.3.3-6)', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const first = new FakeClient('a', 1);
    await subscribed(persistence, first);
    await publishMany(persistence, 1, { qos: 2 });
    await store.idle();
    const { messageId } = first.sent[0];
    await offline(persistence, first);
    const second = new FakeClient('a', 1);
    await persistence.openSession(second, { cleanStart: false, expiryS: 3600, protocolVersion: 5 });
    await persistence.outgoingUpdate(second, { cmd: 'pubrel', topic: '', messageId });
    for await (const _ of persistence.outgoingStream(second));
    await store.idle();
    expect(second.sent).toEqual([]);
  });
});

describe('order', () => {
  test('is that of the disk: a prepared message holds back those behind it until it is published or abandoned (MQTT-4.6.0-6)', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const client = new FakeClient('a');
    await subscribed(persistence, client);
    const [one, two] = [publishOf('cmd/a', 'one'), publishOf('cmd/a', 'two')];
    const prepared = [persistence.prepareFanout(one)!, persistence.prepareFanout(two)!];
    await publish(persistence, publishOf('cmd/a', 'three'));
    await store.idle();
    expect(client.sent).toEqual([]);
    store.apply(prepared[0].ops);
    await publish(persistence, one);
    await store.idle();
    expect(client.payloads).toEqual(['one']);
    persistence.abandon(two);
    await store.idle();
    expect(client.payloads).toEqual(['one', 'three']);
    expect(new Set(idsOf(client.sent)).size).toBe(2);
  });

  test('is kept between what waits for the disk and what does not', async () => {
    await using store = new SessionStore();
    const persistence = await store.start();
    const first = new FakeClient('a');
    await subscribed(persistence, first);
    await offline(persistence, first);
    await publishMany(persistence, 300);
    const second = new FakeClient('a');
    const connecting = connect(persistence, second);
    for (let i = 300; i < 400; i++) await publish(persistence, publishOf('cmd/a', String(i)));
    await connecting;
    for (let i = 400; i < 500; i++) await publish(persistence, publishOf('cmd/a', String(i)));
    await second.has(500);
    expect(second.payloads).toEqual(Array.from({ length: 500 }, (_, i) => String(i)));
  });
});
