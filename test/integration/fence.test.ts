// The session engine is a beta: a fault inside it ends the client that it worked for, and nobody else notices.

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Bystander } from '../support/bystander.ts';
import { GatewayProcess } from '../support/gateway-process.ts';
import { RawClient } from '../support/raw-client.ts';
import { storedRecords } from '../support/stored-records.ts';

const preload = fileURLToPath(new URL('../support/engine-faults.ts', import.meta.url));

/** More than the gateway lets be under way to local subscribers. */
const POISONED_MESSAGES = 6000;

let gateway: GatewayProcess;
let bystander: Bystander;

beforeAll(async () => {
  const env = { NODE_OPTIONS: `--import=${preload}`, SLUICE_LOG__LEVEL: 'error' };
  gateway = await GatewayProcess.start({ env, settings: { commit: { lingerMs: '2ms' } } });
  bystander = await Bystander.start(gateway.port, 10);
});
afterAll(async () => {
  await bystander[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
});

const keptOf = (device: string): string[] =>
  storedRecords(gateway.dataDir)
    .filter((record) => record.device === device)
    .map(({ payload }) => payload);

/** Somebody with a subscription, a session and a message on its way. */
async function expectOthersServed(subscriber: RawClient, payload: string): Promise<void> {
  const before = bystander.acknowledged;
  subscriber.publish('others/said', payload, { qos: 1, messageId: 1 });
  const [publish] = await subscriber.each('publish', 'puback');
  expect(String(publish.payload)).toBe(payload);
  subscriber.send({ cmd: 'puback', messageId: publish.messageId });
  await subscriber.ping();
  while (bystander.acknowledged < before + 3 && bystander.fault === undefined)
    await new Promise((resolve) => setTimeout(resolve, 5));
  expect(bystander.fault).toBeUndefined();
  expect(gateway.server.isRunning, gateway.errorOutput).toBe(true);
}

test.each(['at-once', 'next-tick', 'immediate', 'timer', 'promise', 'no-error'])(
  'a fault of the session engine that surfaces like this: %s, ends that client and no other',
  async (how) => {
    using subscriber = await RawClient.connect(gateway.port, 5, { clientId: `other-${how}` });
    await subscriber.subscribe('others/#', 1);
    using victim = await RawClient.connect(gateway.port, 4, { clientId: `victim-${how}`, clean: false });
    victim.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: `fault/${how}`, qos: 1 }] });
    await victim.end();
    await expectOthersServed(subscriber, how);
    // It may come back, and is served like anybody.
    using again = await RawClient.connect(gateway.port, 4, { clientId: `victim-${how}-again` });
    again.publish('victim/said', how, { qos: 1, messageId: 1 });
    await again.next('puback');
    expect(keptOf(`victim-${how}-again`)).toEqual([how]);
  },
);

test('a fault in what listens to the session engine ends the client it was about', async () => {
  using subscriber = await RawClient.connect(gateway.port, 5, { clientId: 'other-ping' });
  await subscriber.subscribe('others/#', 1);
  using victim = await RawClient.connect(gateway.port, 4, { clientId: 'faulty-ping' });
  victim.send({ cmd: 'pingreq' });
  await victim.end();
  await expectOthersServed(subscriber, 'ping');
});

test('what a client published before its fault is kept and forwarded like anything else', async () => {
  using victim = await RawClient.connect(gateway.port, 4, { clientId: 'diligent' });
  victim.publish('victim/said', 'before', { qos: 1, messageId: 1 });
  victim.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'fault/immediate', qos: 1 }] });
  await victim.end();
  using after = await RawClient.connect(gateway.port, 4, { clientId: 'after' });
  after.publish('after/said', 'x', { qos: 1, messageId: 1 });
  await after.next('puback');
  expect(keptOf('diligent')).toEqual(['before']);
});

test.each([
  [0, 1000],
  [1, POISONED_MESSAGES],
] as const)(
  'a fault in delivering a message of QoS %i to subscribers is noted, %i times, and publishing goes on',
  async (qos, messages) => {
    using subscriber = await RawClient.connect(gateway.port, 5, { clientId: `other-poison-${qos}` });
    await subscriber.subscribe('others/#', 1);
    using poisoned = await RawClient.connect(gateway.port, 4, { clientId: `poisoned-${qos}` });
    await poisoned.subscribe('poison/#', 1);
    using publisher = await RawClient.connect(gateway.port, 4, { clientId: `poisoner-${qos}` });
    for (let sent = 0; sent < messages; sent += 1000) {
      for (let i = 1; i <= 1000; i++) publisher.publish('poison/x', 'x', { qos, messageId: i });
      publisher.publish('harmless', 'x', { qos: 1, messageId: 1001 });
      await publisher.take('puback', qos === 1 ? 1001 : 1);
    }
    await expectOthersServed(subscriber, `poison-${qos}`);
  },
);
