// What clients leave with the gateway and do not come back for: retained messages, queues of sessions that are away,
// wills, sessions. What is beyond the limit is dropped or refused and counted, exactly; what is within it is there.

import { expect, test } from 'vitest';
import { attacked } from '../../support/attacked-gateway.ts';
import { codeOf } from '../../support/guarded-gateway.ts';
import { type Packet, type PublishFields, RawClient } from '../../support/raw-client.ts';
import type { RunningGateway } from '../../support/running-gateway.ts';
import { publishAll } from '../../support/shared-gateway.ts';

const KIBIBYTE = 'x'.repeat(1024);
const UNAVAILABLE = 3;
const dropped = async ({ gateway }: RunningGateway) => (await gateway.status()).dropped;
const refusals = async ({ gateway }: RunningGateway) => (await gateway.status()).admission.refusedConnections;
const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => `${i}`);

/** Each to a topic of its own; resolves when all are acknowledged. */
async function publishEach(client: RawClient, topics: readonly string[], rest: PublishFields, text = 'x') {
  for (const [i, topic] of topics.entries())
    client.publish(topic, text, { qos: 1, messageId: i + 1, ...rest });
  await client.take('puback', topics.length);
}

/** The retained messages of a filter, which are so many. */
async function retained(client: RawClient, filter: string, count: number): Promise<Packet[]> {
  await client.subscribe(filter, 0);
  const packets = await client.take('publish', count);
  await client.ping();
  expect(client.pending).toEqual([]);
  return packets;
}

/** A session, and that it is away. */
async function leaveSession(port: number, clientId: string, filter: string): Promise<void> {
  using client = await RawClient.connect(port, 4, { clientId, clean: false });
  await client.subscribe(filter, 1);
  await client.disconnect();
}

/** What waits for a session, which is so many messages. */
async function collect(port: number, clientId: string, count: number): Promise<string[]> {
  using client = await RawClient.connect(port, 4, { clientId, clean: false });
  const packets = await client.take('publish', count);
  client.send(...packets.map(({ messageId }) => ({ cmd: 'puback', messageId })));
  await client.ping();
  expect(client.pending).toEqual([]);
  return packets.map(({ payload }) => String(payload));
}

test('there are no more retained messages than may be, and those there are can still be replaced', async () => {
  await attacked({ sessions: { retainedMessagesMax: 10 } }, async ({ gateway, served }) => {
    using client = await RawClient.connect(gateway.port, 4, { clientId: 'hoarder' });
    const topics = numbers(50).map((i) => `kept/${i}`);
    await publishEach(client, topics, { retain: true });
    expect(await dropped(gateway)).toEqual({ 'retained-full': 40 });
    await served();
    await publishEach(client, topics.slice(0, 10), { retain: true }, 'new');
    const kept = await retained(client, 'kept/#', 10);
    expect(kept.map(({ topic, payload }) => `${topic} ${payload}`).sort()).toEqual(
      topics.slice(0, 10).map((topic) => `${topic} new`),
    );
    expect(await dropped(gateway)).toEqual({ 'retained-full': 40 });
  });
});

test('retained messages have no more bytes than may be', async () => {
  await attacked({ sessions: { retainedBytesMax: 10 * 1024 } }, async ({ gateway, served }) => {
    using client = await RawClient.connect(gateway.port, 4, { clientId: 'hoarder' });
    await publishEach(
      client,
      numbers(50).map((i) => `kept/${i}`),
      { retain: true },
      KIBIBYTE,
    );
    expect(await dropped(gateway)).toEqual({ 'retained-full': 41 }); // each has a KiB and what belongs to it
    await served();
    await retained(client, 'kept/#', 9);
  });
});

test('a session that is away has the first messages of its queue, and no more than may be', async () => {
  await attacked({ sessions: { queuedMessagesMax: 10 } }, async ({ gateway, served }) => {
    const { port } = gateway;
    await leaveSession(port, 'away', 'news');
    await publishAll({ port, topic: 'news' }, numbers(50));
    expect(await dropped(gateway)).toEqual({ 'session-queue-full': 40 });
    await served();
    expect(await collect(port, 'away', 10)).toEqual(numbers(10));
    expect(await dropped(gateway)).toEqual({ 'session-queue-full': 40 });
  });
});

test('a session that is away has no more bytes in its queue than may be', async () => {
  const sessions = { queuedBytesMax: 10 * 1024 };
  await attacked({ sessions, mqtt: { packetBytesMax: 10 * 1024 } }, async ({ gateway, served }) => {
    const { port } = gateway;
    await leaveSession(port, 'away', 'news');
    const payloads = numbers(50).map((i) => i.padEnd(1024));
    await publishAll({ port, topic: 'news' }, payloads);
    expect(await dropped(gateway)).toEqual({ 'session-queue-full': 41 });
    await served();
    expect(await collect(port, 'away', 9)).toEqual(payloads.slice(0, 9));
  });
});

test('the queues of all sessions together have a limit: a little in each of many counts too', async () => {
  const SESSIONS = 30;
  const sessions = { queuedBytesMax: 4 * 1024 }; // of all: 64 KiB, with 256 bytes for each entry
  await attacked({ sessions, mqtt: { packetBytesMax: 4 * 1024 } }, async ({ gateway, served }) => {
    const { port } = gateway;
    const names = numbers(SESSIONS).map((i) => `away-${i}`);
    for (const name of names) await leaveSession(port, name, 'news');
    await publishAll({ port, topic: 'news' }, numbers(20));
    const lost = (await dropped(gateway))['queues-full'] ?? 0;
    const kept = SESSIONS * 20 - lost;
    expect(kept).toBeLessThanOrEqual((64 * 1024) / 256);
    expect(kept).toBeGreaterThanOrEqual(SESSIONS * 7);
    await served();
    expect(await collect(port, names.at(-1)!, Math.floor(kept / SESSIONS))).toEqual(
      numbers(Math.floor(kept / SESSIONS)),
    );
  });
});

test('who brings a will for which there is no room is not let in', async () => {
  await attacked({ sessions: { willsBytesMax: 10 * 1024 } }, async ({ gateway, served }) => {
    using stack = new DisposableStack();
    const codes: number[] = [];
    const enter = async (clientId: string, rest: object): Promise<number> => {
      const client = stack.use(await RawClient.open(gateway.port, 4));
      return codeOf(await client.sendConnect({ clientId, ...rest }));
    };
    const will = { topic: 'died', payload: KIBIBYTE, qos: 1, retain: false };
    for (const i of numbers(30)) codes.push(await enter(`with-will-${i}`, { will }));
    expect(codes).toEqual([...Array(9).fill(0), ...Array(21).fill(UNAVAILABLE)]);
    expect(await refusals(gateway)).toEqual({ 'wills-full': 21 });
    await served();
    expect(await enter('without-will', {})).toBe(0);
  });
});

test('there are no more sessions than may be, and clients that keep none still come in', async () => {
  await attacked({ sessions: { sessionsMax: 5 } }, async ({ gateway, served }) => {
    const enter = async (clientId: string, clean: boolean): Promise<number> => {
      using client = await RawClient.open(gateway.port, 4);
      const code = codeOf(await client.sendConnect({ clientId, clean }));
      if (code === 0) await client.disconnect();
      return code;
    };
    const codes: number[] = [];
    for (const i of numbers(20)) codes.push(await enter(`stays-${i}`, false));
    expect(codes).toEqual([...Array(5).fill(0), ...Array(15).fill(UNAVAILABLE)]);
    expect(await refusals(gateway)).toEqual({ 'sessions-full': 15 });
    await served();
    expect(await enter('stays-0', false)).toBe(0);
    expect(await enter('passes', true)).toBe(0);
  });
});
