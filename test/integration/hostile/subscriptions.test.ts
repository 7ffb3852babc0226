// Subscription bombs: too many filters in a packet, for a client, for all clients, with too many levels, all of them
// matching everything, and by one who reads nothing of what comes.

import { expect, test } from 'vitest';
import { attacked } from '../../support/attacked-gateway.ts';
import { type Packet, RawClient } from '../../support/raw-client.ts';
import type { RunningGateway } from '../../support/running-gateway.ts';
import { waitFor } from '../../support/wait-for.ts';

const filters = (count: number, name = 'f') => Array.from({ length: count }, (_, i) => `${name}/${i}`);
const subscribe = (topics: readonly string[], messageId = 1) => ({
  cmd: 'subscribe',
  messageId,
  subscriptions: topics.map((topic) => ({ topic, qos: 1 })),
});
const granted = (suback: Packet): number => suback.granted!.filter((code) => code < 3).length;
const refusedBy = async ({ gateway }: RunningGateway) => (await gateway.status()).admission.refusedSubscribes;

test.each([true, false])(
  'a client has no more than it may, in one packet or in many (clean: %s)',
  async (clean) => {
    await attacked({ mqtt: { subscriptionsMax: 20 } }, async ({ gateway, served }) => {
      using client = await RawClient.connect(gateway.port, 4, { clientId: 'bomb', clean });
      client.send(subscribe(filters(500)));
      expect(granted(await client.next('suback'))).toBe(20);
      client.send(...filters(30, 'g').map((topic, i) => subscribe([topic], i + 2)));
      const subacks = await client.take('suback', 30);
      expect(subacks.map(granted)).toEqual(Array(30).fill(0));
      await served();
      client.send({ cmd: 'unsubscribe', messageId: 99, unsubscriptions: ['f/0'] }, subscribe(['h'], 100));
      await client.next('unsuback');
      expect(granted(await client.next('suback'))).toBe(1);
      expect(await refusedBy(gateway)).toBe(480 + 30);
    });
  },
);

test('more filters in one packet than are taken end the connection', async () => {
  await attacked({}, async ({ gateway }) => {
    using client = await RawClient.connect(gateway.port, 5, { clientId: 'bomb' });
    const subscriptions = filters(1001).map((topic) => ({ topic, qos: 1, nl: false, rap: false, rh: 0 }));
    client.send({ cmd: 'subscribe', messageId: 1, subscriptions });
    expect(await client.next('disconnect')).toMatchObject({ reasonCode: 0x97 });
    await client.end();
    expect((await gateway.counters()).protocolViolations).toBe(1);
  });
});

test('all clients together have a limit too, and what one gives back another may have', async () => {
  await attacked({ mqtt: { subscriptionsTotalMax: 100 } }, async ({ gateway, served }) => {
    using stack = new DisposableStack();
    const enter = async (clientId: string) =>
      stack.use(await RawClient.connect(gateway.port, 4, { clientId }));
    const [a, b, c] = await Promise.all([enter('a'), enter('b'), enter('c')]);
    const ask = async (client: RawClient): Promise<number> => {
      client.send(subscribe(filters(60)));
      return granted(await client.next('suback'));
    };
    expect([await ask(a), await ask(b), await ask(c)]).toEqual([60, 40, 0]);
    expect(await refusedBy(gateway)).toBe(20 + 60);
    await served();
    await a.disconnect();
    await waitFor(async () => (await ask(c)) === 60, { what: 'what was given back' });
  });
});

test('filters of many levels are counted by their levels', async () => {
  const levels = Array(30).fill('x').join('/');
  const mqtt = { subscriptionsMax: 1000, subscriptionsTotalMax: 100, topicLevelsMax: 32 };
  await attacked({ mqtt }, async ({ gateway, served }) => {
    using client = await RawClient.connect(gateway.port, 4, { clientId: 'deep' });
    const deep = filters(60).map((filter) => `${filter.replace('/', '')}/${levels}`);
    for (const [i, filter] of deep.entries()) client.send(subscribe([filter], i + 1));
    const subacks = await client.take('suback', deep.length);
    const count = subacks.reduce((sum, suback) => sum + granted(suback), 0);
    expect(count).toBe(17); // 31 levels each, until there are 5 times 100
    expect(await refusedBy(gateway)).toBe(60 - 17);
    await served();
    client.send(subscribe([`${levels}/${levels}`], 100));
    await client.end();
    expect((await gateway.counters()).protocolViolations).toBe(1);
  });
});

test('clients that subscribe to everything, many times over, get it, and so do the others', async () => {
  const everything = ['#', '+/#', '+/+', 'bystander/#', 'bystander/+', '+/said', 'bystander/said', '+/+/#'];
  await attacked({}, async ({ gateway, served }) => {
    using stack = new DisposableStack();
    for (let i = 0; i < 20; i++) {
      const client = stack.use(await RawClient.connect(gateway.port, 4, { clientId: `all-${i}` }));
      client.send(subscribe(everything));
      expect(granted(await client.next('suback'))).toBe(everything.length);
      expect((await client.next('publish')).topic).toBe('bystander/said');
    }
    await served();
  });
});

test('a client that reads nothing of all it has subscribed to is ended', async () => {
  const payload = Buffer.alloc(256 * 1024);
  await attacked({ mqtt: { outboundBytesMax: 64 * 1024 } }, async ({ gateway, served }) => {
    using reader = await RawClient.connect(gateway.port, 4, { clientId: 'deaf' });
    await reader.subscribe('#', 0);
    reader.socket.pause();
    using writer = await RawClient.connect(gateway.port, 4, { clientId: 'writer' });
    let sent = 0;
    // As much as the system keeps for a connection is not known.
    while ((await gateway.counters()).slowReaders === 0 && sent < 400) {
      writer.publish('large', payload, { qos: 1, messageId: ++sent });
      await writer.next('puback');
    }
    expect(await gateway.counters()).toMatchObject({ slowReaders: 1, connections: 2 });
    await served();
  });
});

test('an UNSUBSCRIBE is carried out before the SUBSCRIBE of the same filter right behind it', async () => {
  await attacked({}, async ({ gateway }) => {
    using client = await RawClient.connect(gateway.port, 4, { clientId: 'hasty' });
    client.send(
      subscribe(['a'], 1),
      { cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['a'] },
      subscribe(['a'], 3),
    );
    const acks = [await client.any(), await client.any(), await client.any()];
    expect(acks.map(({ messageId }) => messageId)).toEqual([1, 2, 3]);
    client.publish('a', 'still subscribed');
    expect(String((await client.next('publish')).payload)).toBe('still subscribed');
  });
});
