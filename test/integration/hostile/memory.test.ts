// Many clients that each stay within what one may take, and together would fill the memory: large packets that are begun
// and not ended, subscribers that do not read; and one that asks for retained messages again and again. The bounds are
// constants, so these tests take as much memory as they are.

import { expect, test } from 'vitest';
import { clientLimits, MiB } from '../../../config/limits.ts';
import { attacked } from '../../support/attacked-gateway.ts';
import { encode, publishPacket, RawClient } from '../../support/raw-client.ts';
import { waitFor } from '../../support/wait-for.ts';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

test('packets of signed-in clients that are begun and not ended take so much together: the oldest end', async () => {
  const COUNT = 80;
  const payload = Buffer.alloc(1_000_000);
  const packet = encode(publishPacket('large', payload, { qos: 1, messageId: 1 }), 4);
  const mostLeft = Math.floor(clientLimits.partialPacketBytesMax / packet.length);
  await attacked({}, async ({ gateway, served }) => {
    using stack = new DisposableStack();
    const clients: RawClient[] = [];
    for (const i of numbers(COUNT)) {
      const client = stack.use(await RawClient.connect(gateway.port, 4, { clientId: `dawdler-${i}` }));
      clients.push(client);
      client.write(packet.subarray(0, -1));
    }
    const givenUp = async () => (await gateway.counters()).partialPackets;
    await waitFor(async () => (await givenUp()) >= COUNT - mostLeft, { what: 'those begun first to end' });
    await served();
    expect(await givenUp()).toBeLessThan(COUNT / 2); // no more than it takes
    expect((await gateway.counters()).connections).toBe(1 + COUNT - (await givenUp()));
    await clients[0].end();
    const last = clients.at(-1)!;
    last.write(packet.subarray(-1));
    expect(await last.next('puback')).toMatchObject({ messageId: 1 });
  });
});

test('what waits for all subscribers together has a limit: some that do not read end, who reads gets all', async () => {
  const COUNT = 16;
  const payload = Buffer.alloc(1_000_000);
  const enough = 4 * (clientLimits.unsentBytesMax / COUNT / payload.length); // the system keeps some too
  await attacked({ mqtt: { outboundBytesMax: 256 * MiB } }, async ({ gateway, served }) => {
    using stack = new DisposableStack();
    const enter = async (clientId: string): Promise<RawClient> => {
      const client = stack.use(await RawClient.connect(gateway.port, 4, { clientId }));
      await client.subscribe('large', 0);
      return client;
    };
    const keen = await enter('keen');
    for (const i of numbers(COUNT)) (await enter(`deaf-${i}`)).socket.pause();
    using writer = await RawClient.connect(gateway.port, 4, { clientId: 'writer' });
    let sent = 0;
    const ended = async () => (await gateway.counters()).slowReaders;
    while ((await ended()) === 0 && sent < enough) {
      writer.publish('large', payload, { qos: 1, messageId: ++sent });
      await writer.next('puback');
      expect((await keen.next('publish')).payload).toHaveLength(payload.length);
    }
    await served();
    expect(await ended()).toBeGreaterThan(0);
    expect(await ended()).toBeLessThan(COUNT / 2); // until there is room again
    expect((await gateway.counters()).connections).toBe(3 + COUNT - (await ended()));
    await keen.ping();
  });
});

test('a client that asks for retained messages again and again, faster than they go out, is ended', async () => {
  const { replaysMax } = clientLimits;
  const COUNT = 500; // the engine takes a turn for each, and meanwhile a few more SUBSCRIBEs
  await attacked({ mqtt: { outboundBytesMax: 256 * MiB } }, async ({ gateway, served }) => {
    using writer = await RawClient.connect(gateway.port, 4, { clientId: 'writer' });
    for (const i of numbers(COUNT))
      writer.publish(`kept/${i}`, 'x', { qos: 1, messageId: i + 1, retain: true });
    await writer.take('puback', COUNT);
    using asker = await RawClient.connect(gateway.port, 4, { clientId: 'asker' });
    const subscriptions = [{ topic: 'kept/#', qos: 0 }];
    const ask = (count: number) =>
      asker.send(...numbers(count).map((i) => ({ cmd: 'subscribe', messageId: i + 1, subscriptions })));
    const ended = async () => (await gateway.counters()).slowReaders;
    asker.socket.pause();
    ask(replaysMax / 2);
    await served();
    expect(await ended()).toBe(0);
    ask(2 * replaysMax);
    await waitFor(async () => (await ended()) === 1, { what: 'its end' });
    await served();
    expect((await gateway.counters()).connections).toBe(2);
    using reader = await RawClient.connect(gateway.port, 4, { clientId: 'reader' });
    await reader.subscribe('kept/#', 0);
    await reader.take('publish', COUNT);
  });
});
