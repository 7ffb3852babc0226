// What a client sees on the wire, with aedes as it is: the clauses that aedes breaks and the persistence
// mends.

import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../../config/clock.ts';
import { BrokerWithSessions, type Peer, textOf, type WirePacket } from './broker-with-sessions.ts';
import { SessionStore } from './session-store.ts';

const clock = systemClock;

function numbered(count: number, qos: 1 | 2, topic = 'cmd/a') {
  return Array.from({ length: count }, (_, i) => ({ topic, payload: Buffer.from(String(i)), qos }));
}

function expectPayloads(packets: WirePacket[], count: number): void {
  expect(packets.map(textOf)).toEqual(Array.from({ length: count }, (_, i) => String(i)));
}

/**
 * Completes the QoS 2 flow of each message in turn, checking that every PUBREL bears the id it belongs to.
 */
async function completeQos2(peer: Peer, packets: WirePacket[]): Promise<void> {
  for (const { messageId } of packets) peer.send({ cmd: 'pubrec', messageId });
  for (const { messageId } of packets) {
    const pubrel = await peer.next('pubrel');
    expect(pubrel.messageId).toBe(messageId);
    peer.send({ cmd: 'pubcomp', messageId });
  }
}

describe('a session that resumes', () => {
  test('gets its queue in order, with distinct packet ids and DUP 0 (MQTT-4.6.0-1, MQTT-2.2.1-3, MQTT-3.3.1-1)', async () => {
    await using store = new SessionStore({ clock });
    await using gateway = await BrokerWithSessions.start(store);
    const first = gateway.connect('a');
    await first.next('connack');
    await first.subscribe('cmd/#', 2);
    await first.disconnect();
    await gateway.publishAll(store, numbered(300, 2));
    const second = gateway.connect('a');
    expect(await second.next('connack')).toMatchObject({ sessionPresent: true });
    const packets = await second.publishes(300);
    expectPayloads(packets, 300);
    expect(new Set(packets.map((packet) => packet.messageId)).size).toBe(300);
    expect(packets.every((packet) => packet.dup === false)).toBe(true);
    await completeQos2(second, packets);
    await second.expectNothing();
    expect(store.rows('outgoing')).toEqual([]);
    expect(store.rows('outgoing_messages')).toEqual([]);
  });

  test('after a restart gets what was not acknowledged with the same ids and DUP 1, then what was never sent with DUP 0 (MQTT-4.4.0-1, MQTT-3.3.1-1)', async () => {
    await using store = new SessionStore({ clock });
    let sent: WirePacket[];
    {
      await using gateway = await BrokerWithSessions.start(store);
      const peer = gateway.connect('a');
      await peer.next('connack');
      await peer.subscribe('cmd/#', 2);
      await gateway.publishAll(store, numbered(5, 2));
      sent = await peer.publishes(5);
      await peer.drop();
      await gateway.publishAll(store, numbered(2, 1, 'cmd/later'));
    }
    store.crash();
    await using gateway = await BrokerWithSessions.start(store);
    const peer = gateway.connect('a');
    await peer.next('connack');
    const again = await peer.publishes(7);
    expect(again.map((packet) => packet.messageId).slice(0, 5)).toEqual(
      sent.map((packet) => packet.messageId),
    );
    expectPayloads(again.slice(0, 5), 5);
    expect(again.map((packet) => packet.dup)).toEqual([true, true, true, true, true, false, false]);
    expect(new Set(again.map((packet) => packet.messageId)).size).toBe(7);
  });

  test('after PUBREC gets PUBREL only, in the order of the PUBRECs, over reconnect and restart (MQTT-4.3.3-7, MQTT-4.6.0-4)', async () => {
    await using store = new SessionStore({ clock });
    let ids: (number | undefined)[];
    {
      await using gateway = await BrokerWithSessions.start(store);
      const peer = gateway.connect('a');
      await peer.next('connack');
      await peer.subscribe('cmd/#', 2);
      await gateway.publishAll(store, numbered(3, 2));
      ids = (await peer.publishes(3)).map((packet) => packet.messageId);
      for (const messageId of [ids[2], ids[0]]) {
        peer.send({ cmd: 'pubrec', messageId });
        expect(await peer.next('pubrel')).toMatchObject({ messageId });
      }
      await peer.drop();
    }
    store.crash();
    await using gateway = await BrokerWithSessions.start(store);
    const peer = gateway.connect('a');
    await peer.next('connack');
    const again = [await peer.any(), await peer.any(), await peer.any()];
    const pubrels = again.filter((packet) => packet.cmd === 'pubrel');
    expect(pubrels.map((packet) => packet.messageId)).toEqual([ids[2], ids[0]]);
    const [rest] = again.filter((packet) => packet.cmd === 'publish');
    expect(rest).toMatchObject({ messageId: ids[1], dup: true });
    for (const messageId of [ids[2], ids[0]]) peer.send({ cmd: 'pubcomp', messageId });
    await completeQos2(peer, [rest]);
    await peer.expectNothing();
    expect(store.rows('outgoing')).toEqual([]);
  });

  test('with expiry 0 and clean start 0 gets what was queued, and ends with its connection (MQTT 5.0 3.1.2.11.2)', async () => {
    await using store = new SessionStore({ clock });
    await using gateway = await BrokerWithSessions.start(store);
    const first = gateway.connect('a', { protocolVersion: 5, cleanStart: true, sessionExpiryInterval: 100 });
    await first.next('connack');
    await first.subscribe('cmd/#', 1);
    await first.drop();
    await gateway.publishAll(store, numbered(3, 1));
    const second = gateway.connect('a', { protocolVersion: 5, cleanStart: false, sessionExpiryInterval: 0 });
    await second.next('connack');
    expectPayloads(await second.publishes(3), 3);
    await second.disconnect();
    expect(gateway.persistence.sessionExists('a')).toBe(false);
    await gateway.persistence.destroy();
    expect(store.rows('outgoing')).toEqual([]);
    expect(store.rows('subscriptions')).toEqual([]);
  });

  test('with a clean start finds nothing of the former one (MQTT-3.1.2-4)', async () => {
    await using store = new SessionStore({ clock });
    await using gateway = await BrokerWithSessions.start(store);
    const first = gateway.connect('a', { protocolVersion: 5, sessionExpiryInterval: 100 });
    await first.next('connack');
    await first.subscribe('cmd/#', 1);
    await first.disconnect();
    await gateway.publishAll(store, numbered(3, 1));
    const second = gateway.connect('a', { protocolVersion: 5, cleanStart: true, sessionExpiryInterval: 100 });
    expect(await second.next('connack')).toMatchObject({ sessionPresent: false });
    await second.expectNothing();
    await second.subscribe('other', 1);
    await gateway.publishKept(store, { topic: 'cmd/a', payload: Buffer.from('x'), qos: 1 });
    await gateway.publishKept(store, { topic: 'other', payload: Buffer.from('y'), qos: 1 });
    expect(textOf(await second.next('publish'))).toBe('y');
  });
});

describe('a connected session', () => {
  test('gets each message once, in order, however many of its subscriptions match, with all their identifiers (MQTT-3.3.4-2, MQTT-3.3.4-4)', async () => {
    await using store = new SessionStore({ clock });
    await using gateway = await BrokerWithSessions.start(store);
    const peer = gateway.connect('a', { protocolVersion: 5, sessionExpiryInterval: 100 });
    await peer.next('connack');
    for (const [topic, qos, id] of [
      ['cmd/#', 1, 7],
      ['cmd/+', 2, 8],
      ['+/a', 0, 9],
    ] as const) {
      peer.send({
        cmd: 'subscribe',
        messageId: 1,
        subscriptions: [{ topic, qos, nl: false, rap: false, rh: 0 }],
        properties: { subscriptionIdentifier: id },
      });
      await peer.next('suback');
    }
    await gateway.publishAll(store, numbered(20, 2));
    const packets = await peer.publishes(20);
    expectPayloads(packets, 20);
    for (const packet of packets) {
      expect(packet).toMatchObject({ qos: 2, dup: false });
      const { subscriptionIdentifier } = packet.properties as { subscriptionIdentifier: number[] };
      expect(subscriptionIdentifier.toSorted()).toEqual([7, 8]);
    }
    await completeQos2(peer, packets);
    await peer.expectNothing();
  });

  test('never has more unacknowledged than its Receive Maximum (MQTT-3.3.4-9)', async () => {
    await using store = new SessionStore({ clock });
    await using gateway = await BrokerWithSessions.start(store);
    const options = { protocolVersion: 5, sessionExpiryInterval: 100, receiveMaximum: 2 } as const;
    const peer = gateway.connect('a', options);
    await peer.next('connack');
    await peer.subscribe('cmd/#', 1, { nl: false, rap: false, rh: 0 });
    await gateway.publishAll(store, numbered(6, 1));
    for (let i = 0; i < 6; i += 2) {
      const packets = await peer.publishes(2);
      expect(packets.map(textOf)).toEqual([String(i), String(i + 1)]);
      await peer.expectNothing();
      for (const { messageId } of packets) peer.send({ cmd: 'puback', messageId, reasonCode: 0 });
    }
    await peer.expectNothing();
  });

  test('gets messages published while it connects after the older ones of its queue (MQTT-4.6.0-6)', async () => {
    await using store = new SessionStore({ clock });
    await using gateway = await BrokerWithSessions.start(store);
    const first = gateway.connect('a');
    await first.next('connack');
    await first.subscribe('cmd/#', 1);
    await first.disconnect();
    const packets = numbered(200, 1);
    await gateway.publishAll(store, packets.slice(0, 100));
    const second = gateway.connect('a');
    for (const packet of packets.slice(100)) await gateway.publishKept(store, packet);
    await second.next('connack');
    expectPayloads(await second.publishes(200), 200);
    await second.expectNothing();
  });

  test('gets retained messages with ids of its own, again after a reconnect if unacknowledged (MQTT-2.2.1-3, MQTT-4.4.0-1, MQTT-3.8.4-8)', async () => {
    await using store = new SessionStore({ clock });
    await using gateway = await BrokerWithSessions.start(store);
    for (const topic of ['state/1', 'state/2']) {
      await gateway.publishKept(store, { topic, payload: Buffer.from(topic), qos: 2, retain: true });
    }
    const first = gateway.connect('a');
    await first.next('connack');
    await first.subscribe('cmd/#', 2);
    await gateway.publishAll(store, numbered(3, 2));
    const live = await first.publishes(3);
    await first.subscribe('state/+', 2);
    const retained = await first.publishes(2);
    expect(new Set([...live, ...retained].map((packet) => packet.messageId)).size).toBe(5);
    expect(retained.every((packet) => 'retain' in packet && packet.retain)).toBe(true);
    await completeQos2(first, live);
    await first.drop();
    const second = gateway.connect('a');
    await second.next('connack');
    const again = await second.publishes(2);
    expect(again.map((packet) => packet.messageId)).toEqual(retained.map((packet) => packet.messageId));
    expect(again.every((packet) => packet.dup)).toBe(true);
    await completeQos2(second, again);
    await second.subscribe('+/1', 0);
    expect(await second.next('publish')).toMatchObject({ topic: 'state/1' });
  });

  test('keeps its will on disk when it takes over its own session, and the old will is published (MQTT-3.1.2-10)', async () => {
    await using store = new SessionStore({ clock });
    await using gateway = await BrokerWithSessions.start(store);
    const watcher = gateway.connect('watcher', { cleanStart: true });
    await watcher.next('connack');
    await watcher.subscribe('will/#', 1);
    const will = (text: string) => ({
      topic: `will/${text}`,
      payload: Buffer.from(text),
      qos: 1 as const,
      retain: false,
    });
    const first = gateway.connect('a', { will: will('old') });
    await first.next('connack');
    const second = gateway.connect('a', { will: will('new') });
    await second.next('connack');
    expect(textOf(await watcher.next('publish'))).toBe('old');
    await watcher.expectNothing();
    await gateway.persistence.destroy();
    expect(store.load().wills.map((row) => Buffer.from(row.packet.payload).toString())).toEqual(['new']);
    await second.drop();
    expect(textOf(await watcher.next('publish'))).toBe('new');
    await watcher.expectNothing();
    expect(store.load().wills).toEqual([]);
  });
});

describe('a subscription', () => {
  test('that was refused is not kept: no message is queued for it (MQTT-3.9.3-1)', async () => {
    await using store = new SessionStore({ clock });
    await using gateway = await BrokerWithSessions.start(store);
    gateway.broker.authorizeSubscribe = (_client, sub, done) => {
      if (sub.topic !== 'secret') return done(null, sub);
      sub.qos = 128 as never;
      done(null, null);
    };
    const first = gateway.connect('a');
    await first.next('connack');
    first.send({
      cmd: 'subscribe',
      messageId: 9,
      subscriptions: [
        { topic: 'open', qos: 1 },
        { topic: 'secret', qos: 1 },
      ],
    });
    expect(await first.next('suback')).toMatchObject({ granted: [1, 128] });
    await first.disconnect();
    for (const topic of ['secret', 'open']) {
      await gateway.publishKept(store, { topic, payload: Buffer.from(topic), qos: 1 });
    }
    const second = gateway.connect('a');
    await second.next('connack');
    expect(textOf(await second.next('publish'))).toBe('open');
    await second.expectNothing();
  });
});
