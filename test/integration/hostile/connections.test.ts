// Connections that never become a client: too many, too slow, silent, gone at once, or with something else to say. Each
// is closed and counted, and others come in and are served meanwhile.

import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { type Attack, attacked } from '../../support/attacked-gateway.ts';
import { connectPacket, encode, RawClient } from '../../support/raw-client.ts';
import type { RunningGateway } from '../../support/running-gateway.ts';
import { SocketFlood } from '../../support/socket-flood.ts';
import { waitFor } from '../../support/wait-for.ts';

const admissionOf = async (gateway: RunningGateway) => (await gateway.gateway.status()).admission;

async function closedByThen(flood: SocketFlood, count: number): Promise<void> {
  const what = () => `${count} connections are closed, ${flood.ended} of them so far`;
  await waitFor(() => flood.ended >= count, { what });
}

/** As little time for a CONNECT as may be set; who has failed to sign in has to wait less than that. */
const impatient = { mqtt: { connectTimeoutMs: 1000 }, access: { failures: { delayMaxMs: 500 } } };

/** Resolves with whether a client from that address is let in. */
async function comesIn({ port }: RunningGateway, from: string): Promise<boolean> {
  using client = new RawClient(connect({ port, host: '127.0.0.1', localAddress: from }), 4);
  return await client.sendConnect({ clientId: `from ${from}` }).then(
    ({ returnCode }) => returnCode === 0,
    () => false,
  );
}

test('an address has some of the places for those who are not signed in, and all together have no more', async () => {
  const connections = { pendingMax: 30, pendingPerAddressMax: 20 };
  await attacked({ quotas: { connections } }, async ({ gateway, served }) => {
    using one = new SocketFlood({ port: gateway.port, count: 50 });
    await closedByThen(one, 30);
    await served();
    expect((await admissionOf(gateway)).refusedConnections).toEqual({ 'pending-address': 30 });
    expect(await comesIn(gateway, '127.0.0.1')).toBe(false);
    expect(await comesIn(gateway, '127.0.0.2')).toBe(true);
    using two = new SocketFlood({ port: gateway.port, count: 18, from: '127.0.0.3' });
    await closedByThen(two, 8);
    await served();
    const { refusedConnections, connections } = await admissionOf(gateway);
    expect(refusedConnections).toEqual({ 'pending-address': 31, pending: 8 });
    expect(connections).toMatchObject({ pending: 30, signedIn: 1 });
    expect([one.ended, two.ended]).toEqual([30, 8]);
    two[Symbol.dispose]();
    await waitFor(() => comesIn(gateway, '127.0.0.2'), { what: 'a place that was given back' });
  });
});

test('a listener has no more connections than it may', async () => {
  const listeners = [{ type: 'tcp', host: '127.0.0.1', port: 0, maxConnections: 10 }];
  await attacked({ listeners }, async ({ gateway, served }) => {
    using flood = new SocketFlood({ port: gateway.port, count: 40 });
    await closedByThen(flood, 31);
    await served();
    const status = await gateway.gateway.status();
    expect(status.listeners[gateway.urls[0]!]!.overLimit).toBe(31);
    expect(status.counters.connections).toBe(10);
    expect(flood.ended).toBe(31);
  });
});

test('connections that do not open their WebSocket have a limit and a time', async () => {
  const listeners = ['tcp', 'ws'].map((type) => ({ type, host: '127.0.0.1', port: 0 }));
  const quotas = { connections: { pendingMax: 10, pendingPerAddressMax: 10 } };
  await attacked({ listeners, quotas, ...impatient }, async ({ gateway, served }) => {
    const port = Number(new URL(gateway.urls[1]!).port);
    const counters = async () => (await gateway.gateway.status()).listeners[gateway.urls[1]!]!;
    using flood = new SocketFlood({ port, count: 25, first: Buffer.from('GET /mqtt HTTP/1.1\r\n') });
    await closedByThen(flood, 15);
    await served();
    expect(await counters()).toMatchObject({ pendingRefused: 15, upgradeTimeouts: 0 });
    await closedByThen(flood, 25);
    expect(await counters()).toMatchObject({ pendingRefused: 15, upgradeTimeouts: 10 });
  });
});

test('a CONNECT has to be there in time, however slowly it comes', async () => {
  const hello = encode(connectPacket(4, { clientId: 'as-slow-as-it-goes' }), 4);
  await attacked(impatient, async ({ gateway, served }) => {
    const { port } = gateway;
    using silent = new SocketFlood({ port, count: 10 });
    using half = new SocketFlood({ port, count: 10, first: hello.subarray(0, 8) });
    using slow = new SocketFlood({ port, count: 10 });
    let at = 0;
    const dribble = setInterval(() => {
      for (const socket of slow.sockets) socket.write(hello.subarray(at, at + 1));
      at++;
    }, 100); // all of it would take three times as long as there is
    await served();
    for (const flood of [silent, half, slow]) await closedByThen(flood, 10);
    clearInterval(dribble);
    expect(at).toBeGreaterThan(2);
    expect(at).toBeLessThan(hello.length);
    expect(await gateway.counters()).toMatchObject({ connectTimeouts: 30, connections: 1 });
  });
});

test('what is no MQTT ends at once', async () => {
  const firsts = {
    HTTP: Buffer.from('GET / HTTP/1.1\r\nHost: gateway\r\n\r\n'),
    TLS: Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
    zeros: Buffer.alloc(1000),
    'a PUBLISH before CONNECT': Buffer.from([0x30, 4, 0, 1, 0x61, 0x78]),
    'a length of five bytes': Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 1]),
    'a CONNECT larger than one may be': Buffer.from([0x10, 0x80, 0x80, 0x40]), // 1 MiB
    'another protocol': Buffer.from([0x10, 12, 0, 4, ...Buffer.from('HTTP'), 4, 2, 0, 60, 0, 0]),
  };
  await attacked({}, async ({ gateway, served }) => {
    using stack = new DisposableStack();
    const floods = Object.values(firsts).map((first) =>
      stack.use(new SocketFlood({ port: gateway.port, count: 20, first })),
    );
    for (const flood of floods) await closedByThen(flood, 20);
    await served();
    const counters = await gateway.counters();
    expect(counters).toMatchObject({ protocolViolations: 20 * floods.length, connections: 1 });
  });
});

test('connections that are reset before or in the middle of their CONNECT leave nothing behind', async () => {
  const hello = encode(connectPacket(4, {}), 4);
  await attacked({}, async ({ gateway, served }) => {
    const COUNT = 300;
    using flood = new SocketFlood({ port: gateway.port, count: COUNT, first: hello.subarray(0, 5) });
    await waitForConnections(gateway, COUNT + 1);
    for (const socket of flood.sockets) socket.resetAndDestroy();
    await served();
    await waitForConnections(gateway, 1);
    const { connections, refusedConnections } = await admissionOf(gateway);
    expect(connections).toMatchObject({ connections: 1, pending: 0, signedIn: 1, addresses: 1 });
    expect(refusedConnections).toEqual({});
    expect(await gateway.counters()).toMatchObject({ connectionsTotal: COUNT + 1, engineFaults: 0 });
  });
});

async function waitForConnections(gateway: Attack['gateway'], count: number): Promise<void> {
  const isSo = async () => (await gateway.counters()).connections === count;
  await waitFor(isSo, { what: `${count} connections` });
}

test('hundreds that come, subscribe and go all at once wait for each other, and others do not wait for all', async () => {
  const crowd = 900;
  await attacked({}, async ({ gateway, served }) => {
    const { port } = gateway;
    const count = async () => (await gateway.counters()).connections;
    const before = await count();
    const clients = Array.from(
      { length: crowd },
      () => new RawClient(connect({ port, host: '127.0.0.1' }), 4),
    );
    const came = await Promise.all(
      clients.map((client, i) =>
        client.sendConnect({ clientId: `crowd-${i}` }).then((ack) => ack.returnCode),
      ),
    );
    expect(new Set(came)).toEqual(new Set([0]));
    await served();
    expect(await count()).toBe(before + crowd);
    const waits = async () => (await gateway.counters()).crowdWaits;
    await Promise.all(clients.map((client, i) => client.subscribe(`crowd/${i}/commands`, 1)));
    await served();
    const waitedToSubscribe = await waits();
    expect(waitedToSubscribe).toBeGreaterThan(0);
    // Half of them say goodbye, the others just go.
    for (const [i, client] of clients.entries()) {
      if (i % 2 === 0) client.send({ cmd: 'disconnect' });
      client[Symbol.dispose]();
    }
    await served();
    await waitFor(async () => (await count()) === before, { what: 'the end of the crowd' });
    expect(await waits()).toBeGreaterThan(waitedToSubscribe);
  });
});
