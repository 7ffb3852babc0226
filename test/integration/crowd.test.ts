// A crowd of idle connections and clients that do not read must not be felt by those that work. The bounds are against
// hanging and growing, they claim nothing about speed.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { publishBusily } from '../support/busy-publishers.ts';
import { GatewayProcess } from '../support/gateway-process.ts';
import { connectPacket, encode, publishPacket, RawClient } from '../support/raw-client.ts';
import { residentBytes } from '../support/resident-memory.ts';
import { RunningGateway } from '../support/running-gateway.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

const IDLE = 2000;
/** For each connection, and for the young generation of the heap and what is under way. */
const GROWTH_BYTES_MAX = IDLE * 64 * 1024 + 150 * 1024 * 1024;
const CONNACK_BYTES = 4;
const PUBACK_BYTES = 4;
const UNREAD_PUBLISHES = 150_000;
/** So much the kernel does not keep in between. */
const UNREAD_PUBLISHES_MAX = 20 * UNREAD_PUBLISHES;

const settings = { mqtt: { outboundBytesMax: '64KiB', packetBytesMax: '64KiB' } };
const load = { publishers: 50, messages: 400, window: 10, payloadBytes: 1000 };

/** A connection of its own, accepted and left alone. */
async function connectIdle(port: number, clientId: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => {}); // it shows in `destroyed`
  socket.write(encode(connectPacket(4, { clientId, keepalive: 600 }), 4));
  for (let bytes = 0; bytes < CONNACK_BYTES; ) bytes += (await once(socket, 'data'))[0].length;
  return socket;
}

/** Connections in groups, so that the listen queue is not what is tested. */
async function connectCrowd(port: number): Promise<Socket[]> {
  const crowd: Socket[] = [];
  while (crowd.length < IDLE) {
    const names = Array.from({ length: 200 }, (_, i) => `idle-${crowd.length + i}`);
    crowd.push(...(await Promise.all(names.map((name) => connectIdle(port, name)))));
  }
  return crowd;
}

/** Subscribes to everything, then reads nothing more. */
async function connectSlowReader(port: number): Promise<RawClient> {
  const reader = await RawClient.connect(port, 4, { clientId: 'slow-reader' });
  await reader.subscribe('#', 0);
  reader.socket.pause();
  return reader;
}

interface DeafPublisher {
  socket: Socket;
  published: number;
  acknowledgedBytes(): Promise<number>;
}

/** Publishes and reads no PUBACK until it is told to. `isFelt`: it need not publish more. */
async function connectDeafPublisher(
  port: number,
  isFelt: (published: number) => Promise<boolean> = async () => true,
): Promise<DeafPublisher> {
  const socket = await connectIdle(port, 'deaf-publisher');
  socket.pause();
  const bytes = encode(publishPacket('deaf/t', 'x', { qos: 1, messageId: 1 }), 4);
  const many = Buffer.concat(Array(UNREAD_PUBLISHES).fill(bytes));
  let published = 0;
  do {
    socket.write(many);
    published += UNREAD_PUBLISHES;
  } while (!(await isFelt(published)) && published < UNREAD_PUBLISHES_MAX);
  const acknowledgedBytes = async (): Promise<number> => {
    const wanted = published * PUBACK_BYTES;
    let received = 0;
    socket.on('data', (chunk) => {
      received += chunk.length;
    });
    socket.resume();
    await waitFor(() => received >= wanted || socket.destroyed, {
      what: () => `${received} of ${wanted} bytes of PUBACKs`,
    });
    return received;
  };
  return { socket, published, acknowledgedBytes };
}

test('two thousand idle connections, a slow reader and a deaf publisher do not disturb fifty busy publishers', async () => {
  await using gateway = await GatewayProcess.start({ settings });
  const { port } = gateway;
  const { pid } = gateway.server;
  const aloneMs = await publishBusily({ port, ...load }, 'alone');
  const before = residentBytes(pid!);
  const crowd = await connectCrowd(port);
  using slow = await connectSlowReader(port);
  const deaf = await connectDeafPublisher(port);
  const crowdedMs = await publishBusily({ port, ...load }, 'crowded');
  expect(crowdedMs).toBeLessThan(20 * aloneMs + 5000);

  await waitFor(() => gateway.lines.some(({ event }) => event === 'slow-reader'), {
    what: 'the end of the slow reader',
  });
  slow.socket.resume();
  await slow.end();
  expect(
    gateway.lines.filter(({ event }) => event !== undefined).map(({ event, client }) => [event, client]),
  ).toEqual([['slow-reader', 'slow-reader']]);
  expect(await deaf.acknowledgedBytes()).toBe(UNREAD_PUBLISHES * PUBACK_BYTES);
  expect(residentBytes(pid!) - before).toBeLessThan(GROWTH_BYTES_MAX);
  expect(crowd.filter((socket) => socket.destroyed || socket.readableEnded)).toEqual([]);
  for (const socket of [...crowd, deaf.socket]) socket.destroy();
});

test('who does not read is counted: a subscriber is ended, a publisher is not read until it reads', async () => {
  using directory = new TemporaryDirectory();
  await using gateway = await RunningGateway.start(directory.path, settings);
  using slow = await connectSlowReader(gateway.port);
  const deaf = await connectDeafPublisher(gateway.port, async (published) => {
    const isSettled = async () => {
      const { readPauses, acknowledged } = await gateway.counters();
      return readPauses > 0 || acknowledged >= published;
    };
    await waitFor(isSettled, { what: `a pause in reading, or ${published} acknowledgements` });
    return (await gateway.counters()).readPauses > 0;
  });
  const before = await gateway.counters();
  expect(before.readPauses).toBeGreaterThan(0);
  expect(before.slowReaders).toBe(0);
  await publishBusily({ port: gateway.port, ...load, messages: 200 }, 'busy');
  await waitFor(async () => (await gateway.counters()).slowReaders === 1, {
    what: 'the end of the slow reader',
  });
  expect(await deaf.acknowledgedBytes()).toBe(deaf.published * PUBACK_BYTES);
  expect((await gateway.counters()).slowReaders).toBe(1);
  slow.socket.resume();
  await slow.end();
  deaf.socket.destroy();
});
