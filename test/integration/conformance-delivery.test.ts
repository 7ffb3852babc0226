// What a subscriber gets, over real sockets and over restarts of the gateway: order, packet ids, DUP, what it said it
// can take, what expired meanwhile, and every QoS 2 message to its end.

import { describe, expect, test, vi } from 'vitest';
import type { ClientVersion } from '../support/mqtt-frame-packets.ts';
import { Random } from '../support/mqtt-frame-random.ts';
import { Qos2Receiver } from '../support/qos2-receiver.ts';
import { type ConnectFields, type Packet, RawClient } from '../support/raw-client.ts';
import { RunningGateway } from '../support/running-gateway.ts';
import { publishAll, SharedGateway } from '../support/shared-gateway.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';

vi.setConfig({ maxConcurrency: 50 });

const gateway = new SharedGateway({ mqtt: { receiveMaximum: 500 } });

function kept(version: ClientVersion, clientId: string, properties: object = {}): ConnectFields {
  const lasting = { properties: { sessionExpiryInterval: 3600, ...properties } };
  return { clientId, clean: false, ...(version === 5 ? lasting : {}) };
}

const text = (packet: Packet): string => String(packet.payload);
const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `${from + i}`);

/** Subscribes for a session and leaves it. */
async function subscribeAndLeave(
  port: number,
  version: ClientVersion,
  clientId: string,
  qos: 0 | 1 | 2,
): Promise<void> {
  using client = await RawClient.connect(port, version, kept(version, clientId));
  await client.subscribe(`${clientId}/#`, qos);
  await client.disconnect();
}

describe.concurrent.each([4, 5] as const)('a session of version %i that was away', (version) => {
  test('gets its queue in order with packet ids of its own and DUP 0, and after a lost connection the same again with DUP 1 (MQTT-4.4.0-1, MQTT-4.6.0-1, MQTT-3.3.1-1)', async () => {
    const id = `queue-${version}`;
    await subscribeAndLeave(gateway.port, version, id, 1);
    await publishAll({ port: gateway.port, topic: `${id}/cmd` }, numbers(0, 100));
    const first = await RawClient.connect(gateway.port, version, kept(version, id));
    const sent = await first.take('publish', 100);
    expect(sent.map(text)).toEqual(numbers(0, 100));
    expect(new Set(sent.map(({ messageId }) => messageId)).size).toBe(100);
    expect(sent.some(({ dup }) => dup)).toBe(false);
    for (const { messageId } of sent.slice(0, 40)) first.send({ cmd: 'puback', messageId });
    await first.ping();
    await first.drop();
    await publishAll({ port: gateway.port, topic: `${id}/cmd` }, numbers(100, 105));
    using second = await RawClient.connect(gateway.port, version, kept(version, id));
    const again = await second.take('publish', 65);
    expect(again.map(text)).toEqual(numbers(40, 105));
    expect(again.map(({ messageId }) => messageId).slice(0, 60)).toEqual(
      sent.slice(40).map(({ messageId }) => messageId),
    );
    expect(again.map(({ dup }) => dup)).toEqual([...Array(60).fill(true), ...Array(5).fill(false)]);
    await second.ping();
    expect(second.pending).toEqual([]);
  });

  test('has its queue, order, ids and DUP over a restart of the gateway (MQTT-4.4.0-1)', async () => {
    using own = new TemporaryDirectory();
    let sent: Packet[];
    {
      await using before = await RunningGateway.start(own.path);
      await subscribeAndLeave(before.port, version, 'device', 2);
      await publishAll({ port: before.port, topic: 'device/cmd' }, numbers(0, 20), { qos: 1 });
      using client = await RawClient.connect(
        before.port,
        version,
        kept(version, 'device', { receiveMaximum: 15 }),
      );
      sent = await client.take('publish', version === 5 ? 15 : 20);
      for (const { messageId } of sent.slice(0, 5)) client.send({ cmd: 'puback', messageId });
      if (version === 5) await client.take('publish', 5);
      await client.ping();
      await client.drop();
    }
    await using after = await RunningGateway.start(own.path);
    using client = await RawClient.connect(after.port, version, kept(version, 'device'));
    const again = await client.take('publish', 15);
    expect(again.map(text)).toEqual(numbers(5, 20));
    expect(again.every(({ dup }) => dup)).toBe(true);
    expect(again.map(({ messageId }) => messageId).slice(0, 10)).toEqual(
      sent.slice(5, 15).map(({ messageId }) => messageId),
    );
    await client.ping();
    expect(client.pending).toEqual([]);
  });

  test('completes every QoS 2 message, each once, however often its connection is lost on the way (MQTT-4.3.3, MQTT-4.4.0-1)', async () => {
    const id = `exactly-once-${version}`;
    await subscribeAndLeave(gateway.port, version, id, 2);
    const publishing = publishExactlyOnce(`${id}/cmd`, numbers(0, 200));
    const receiver = new Qos2Receiver(
      () => RawClient.connect(gateway.port, version, kept(version, id)),
      new Random(version),
    );
    await receiver.run(200);
    await publishing;
    expect(receiver.connections).toBeGreaterThan(5);
    expect(receiver.delivered).toEqual(numbers(0, 200));
    using last = await RawClient.connect(gateway.port, version, kept(version, id));
    await last.ping();
    expect(last.pending).toEqual([]);
  });
});

/** With QoS 2, ten at a time. */
async function publishExactlyOnce(topic: string, payloads: readonly string[]): Promise<void> {
  using client = await RawClient.connect(gateway.port, 4, { clientId: `publisher-of-${topic}` });
  for (let at = 0; at < payloads.length; at += 10) {
    const some = payloads.slice(at, at + 10).map((payload, i) => ({ payload, messageId: at + i + 1 }));
    for (const { payload, messageId } of some) client.publish(topic, payload, { qos: 2, messageId });
    await client.take('pubrec', some.length);
    for (const { messageId } of some) client.send({ cmd: 'pubrel', messageId });
    await client.take('pubcomp', some.length);
  }
}

describe.concurrent('a subscriber of MQTT 5', () => {
  test.each([true, false])(
    'never has more unacknowledged than its receive maximum, session kept: %s (MQTT-3.3.4-9)',
    async (isKept) => {
      const id = `narrow-${isKept}`;
      const properties = { receiveMaximum: 2, ...(isKept ? { sessionExpiryInterval: 3600 } : {}) };
      using client = await RawClient.connect(gateway.port, 5, { clientId: id, clean: !isKept, properties });
      await client.subscribe(`${id}/#`, 1);
      await publishAll({ port: gateway.port, topic: `${id}/cmd` }, numbers(0, 10));
      for (let at = 0; at < 10; at += 2) {
        const packets = await client.take('publish', 2);
        expect(packets.map(text)).toEqual(numbers(at, at + 2));
        await client.ping();
        expect(client.pending).toEqual([]);
        for (const { messageId } of packets) client.send({ cmd: 'puback', messageId });
      }
      await client.ping();
      expect(client.pending).toEqual([]);
    },
  );

  test.each([0, 1, 2] as const)(
    'with QoS %i gets nothing larger than its maximum packet size, but what comes behind it (MQTT-3.1.2-24, MQTT-3.1.2-25)',
    async (qos) => {
      const id = `small-${qos}`;
      using client = await RawClient.connect(gateway.port, 5, {
        clientId: id,
        properties: { maximumPacketSize: 100, receiveMaximum: 1 },
      });
      await client.subscribe(`${id}/#`, qos);
      for (const payload of ['first', 'x'.repeat(100), 'second'])
        await publishAll({ port: gateway.port, topic: `${id}/cmd` }, [payload], { qos: 1 });
      for (const expected of ['first', 'second']) {
        const packet = await client.next('publish');
        expect(text(packet)).toBe(expected);
        await completeFlow(client, packet);
      }
      await client.ping();
      expect(client.pending).toEqual([]);
    },
  );

  test('does not get what expired while it was away, and of the rest how long it still lives (MQTT-3.3.2-5, MQTT-3.3.2-6)', async () => {
    await subscribeAndLeave(gateway.port, 5, 'late', 1);
    await publishAll({ port: gateway.port, topic: 'late/cmd' }, ['brief'], {
      properties: { messageExpiryInterval: 1 },
    });
    await publishAll({ port: gateway.port, topic: 'late/cmd' }, ['lasting'], {
      properties: { messageExpiryInterval: 100 },
    });
    await publishAll({ port: gateway.port, topic: 'late/cmd' }, ['eternal']);
    await new Promise((resolve) => setTimeout(resolve, 1200)); // the second that the first one lives
    using client = await RawClient.connect(gateway.port, 5, kept(5, 'late'));
    const [lasting, eternal] = await client.take('publish', 2);
    expect([lasting, eternal].map(text)).toEqual(['lasting', 'eternal']);
    expect(lasting.properties?.messageExpiryInterval).toBeLessThan(100);
    expect(lasting.properties?.messageExpiryInterval).toBeGreaterThan(90);
    expect(eternal.properties).toBeUndefined();
    await client.ping();
    expect(client.pending).toEqual([]);
  });

  test('gets the properties of a message, its subscription identifiers and no topic alias (MQTT-3.3.2-17, MQTT-3.3.4-3)', async () => {
    using client = await RawClient.connect(gateway.port, 5, { clientId: 'curious' });
    client.send({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [{ topic: 'curious/#', qos: 1, nl: false, rap: false, rh: 0 }],
      properties: { subscriptionIdentifier: 7 },
    });
    await client.next('suback');
    const properties = {
      contentType: 'a',
      responseTopic: 'b',
      correlationData: Buffer.from('c'),
      payloadFormatIndicator: true,
      userProperties: { d: ['e', 'f'] },
    };
    await publishAll({ port: gateway.port, topic: 'curious/cmd' }, ['x'], {
      properties: { ...properties, topicAlias: 1 },
    });
    expect((await client.next('publish')).properties).toEqual({ ...properties, subscriptionIdentifier: 7 });
  });

  test('gets back nothing of its own with No Local, and RETAIN as published only when it asks (MQTT-3.8.3-3, MQTT-3.3.1-12, MQTT-3.3.1-13)', async () => {
    using client = await RawClient.connect(gateway.port, 5, { clientId: 'choosy' });
    await client.subscribe('choosy/own', 1, { nl: true });
    await client.subscribe('choosy/rap', 1, { rap: true });
    await client.subscribe('choosy/plain', 1);
    for (const [i, topic] of ['choosy/own', 'choosy/rap', 'choosy/plain'].entries())
      client.publish(topic, 'x', { retain: true, messageId: i + 1, qos: 1 });
    const packets: Packet[] = [];
    while (packets.length < 5) packets.push(await client.any());
    await client.ping();
    expect(client.pending).toEqual([]);
    const published = packets
      .filter(({ cmd }) => cmd === 'publish')
      .map(({ topic, retain }) => [topic, retain]);
    expect(published).toEqual([
      ['choosy/rap', true],
      ['choosy/plain', false],
    ]);
  });
});

async function completeFlow(client: RawClient, { qos, messageId }: Packet): Promise<void> {
  if (qos === 1) client.send({ cmd: 'puback', messageId });
  if (qos !== 2) return;
  client.send({ cmd: 'pubrec', messageId });
  expect(await client.next('pubrel')).toMatchObject({ messageId });
  client.send({ cmd: 'pubcomp', messageId });
}
