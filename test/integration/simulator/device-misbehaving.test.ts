import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { parser } from 'mqtt-packet';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connectFrame } from '../../../simulator/fleet/connect-frame.ts';
import { malformations } from '../../../simulator/fleet/malformed-frame.ts';
import {
  ConductedClient,
  type MisbehavingClient,
  type MisbehavingOptions,
} from '../../../simulator/fleet/misbehaving-client.ts';
import {
  halfOpenClient,
  malformedClient,
  oversizeClient,
  slowReader,
  wrongCredentialsClient,
} from '../../../simulator/fleet/misconduct.ts';
import { seededRandom } from '../../../simulator/seeded-random.ts';
import { hasMosquitto, type MosquittoOptions, startMosquitto } from '../../support/mosquitto.ts';
import { waitFor } from '../../support/wait-for.ts';

async function broker(options: MosquittoOptions = {}): Promise<string> {
  const mosquitto = await startMosquitto(options);
  onTestFinished(() => mosquitto[Symbol.asyncDispose]());
  return `mqtt://127.0.0.1:${mosquitto.port}`;
}

/** Stopped when the test is over. */
function started(client: MisbehavingClient): MisbehavingClient {
  onTestFinished(() => client.stop(1000));
  client.start();
  return client;
}

const anybody = { clientId: 'anybody', cleanSession: true, sessionExpiryS: 0, keepAliveS: 60 };

const optionsFor = (url: string, changes: Partial<MisbehavingOptions> = {}): MisbehavingOptions => ({
  url,
  clientId: 'crook',
  version: 5,
  reconnect: { minMs: 5, maxMs: 20 },
  random: seededRandom(7),
  ...changes,
});

const until = (client: MisbehavingClient, isSo: () => boolean) =>
  waitFor(isSo, { timeoutMs: 10_000, what: () => JSON.stringify([client.counters, [...client.endings]]) });

/** What a client sends to a server that only listens; the server ends the connection when `enough` says so. */
async function listening(enough: (bytes: Buffer) => boolean): Promise<{ url: string; received: Buffer[] }> {
  const received: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const index = received.push(Buffer.alloc(0)) - 1;
    sockets.add(socket);
    socket.on('error', () => {}); // whatever the client does
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      received[index] = Buffer.concat([received[index], chunk]);
      if (enough(received[index])) socket.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return { url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

describe('a half-open client', () => {
  test('stays open without a word', async () => {
    const { url, received } = await listening(() => true);
    const client = started(halfOpenClient(optionsFor(url), 'nothing'));
    await until(client, () => received.length === 1 && client.counters.open === 1);
    expect(received[0]).toHaveLength(0);
    await client.stop(1000);
    expect(client.counters).toMatchObject({ attempts: 1, ended: 0, open: 0 });
  });

  test('sends half a CONNECT, and again when it is ended', async () => {
    const { url, received } = await listening((bytes) => bytes.length > 0);
    const client = started(halfOpenClient(optionsFor(url), 'half'));
    await until(client, () => client.counters.ended >= 3);
    expect(client.counters.attempts).toBeGreaterThanOrEqual(3);
    expect(client.endings.get('closed')).toBe(client.counters.ended);
    const packets: unknown[] = [];
    parser()
      .on('packet', (packet) => packets.push(packet))
      .parse(received[0]);
    expect([received[0][0], packets]).toEqual([0x10, []]);
  });
});

test('a slow reader takes its subscription and then reads nothing, where another reads all', async () => {
  const flood = Buffer.alloc(32 * 1024 * 1024);
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    const reader = parser();
    socket.on('error', () => {}); // it is cut off in the end
    socket.on('data', (bytes) => reader.parse(bytes));
    reader.on('packet', ({ cmd }) => {
      if (cmd === 'connect') socket.write(Buffer.from([0x20, 3, 0, 0, 0]));
      if (cmd === 'subscribe') socket.write(Buffer.from([0x90, 4, 0, 1, 0, 1]));
      if (cmd === 'pingreq') socket.write(flood);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const client = started(slowReader(optionsFor(`mqtt://127.0.0.1:${port}`), 'flood/#'));
  await waitFor(() => (sockets[0]?.writableLength ?? 0) > 0, { what: 'the flood for the slow one' });
  const other = connect(port, '127.0.0.1').resume();
  other.write(Buffer.from([...connectFrame({ ...anybody, version: 5 }), 0xc0, 0]));
  await waitFor(() => sockets[1]?.bytesWritten > flood.length && sockets[1].writableLength === 0, {
    what: 'the flood to reach the other',
  });
  other.destroy();
  expect(sockets[0].writableLength).toBeGreaterThan(0);
  expect(client.counters).toMatchObject({ attempts: 1, accepted: 1, refused: 0, ended: 0, open: 1 });
});

describe.runIf(hasMosquitto())('at mosquitto', () => {
  test.each([4, 5] as const)('malformed frames end the connection, version %i', async (version) => {
    const client = started(malformedClient(optionsFor(await broker(), { version })));
    await until(client, () => client.counters.ended >= 30);
    expect(client.counters).toMatchObject({ tolerated: 0, refused: 0 });
    expect(client.counters.accepted).toBeGreaterThanOrEqual(30);
  });

  test.each(Object.entries(malformations))('it does not accept: %s', async (_rule, make) => {
    const url = await broker();
    const options = optionsFor(url);
    const conduct = {
      opened: (line: { send(bytes: Buffer): void }) => line.send(connectFrame({ ...anybody, version: 5 })),
      welcomed: (line: { send(bytes: Buffer): void }) => line.send(make(options.random, 5)),
    };
    const client = started(new ConductedClient(options, conduct));
    await until(client, () => client.counters.ended >= 1);
  });

  test('an oversize publish is refused, or the connection ended', async () => {
    const url = await broker({ lines: ['message_size_limit 1000'] });
    const oversize = { topic: 'plant/large', payloadBytes: 100_000, intervalMs: 1 };
    const client = started(oversizeClient(optionsFor(url), oversize));
    await until(client, () => client.counters.refused + client.counters.ended >= 3);
    await client.stop(1000);
    const small = started(oversizeClient(optionsFor(url), { ...oversize, payloadBytes: 100 }));
    await until(small, () => small.counters.accepted === 1);
    await small.stop(1000);
    expect(small.counters).toMatchObject({ refused: 0, ended: 0 });
  });

  test('wrong credentials are refused again and again, and right ones show as tolerated', async () => {
    const files = { passwords: '' };
    const lines = ['password_file {directory}/passwords'];
    const url = await broker({ allowAnonymous: false, files, lines });
    const wrong = started(wrongCredentialsClient(optionsFor(url, { username: 'u', password: 'wrong' })));
    await until(wrong, () => wrong.counters.refused >= 3);
    expect(wrong.counters).toMatchObject({ accepted: 0, tolerated: 0 });
    expect(wrong.endings.get('CONNACK 0x87')).toBeGreaterThanOrEqual(2);
    const right = started(wrongCredentialsClient(optionsFor(await broker())));
    await until(right, () => right.counters.tolerated >= 2);
    expect(right.counters).toMatchObject({ refused: 0, ended: 0 });
  });
});

test('a gateway that is not there counts as attempts only', async () => {
  const { url } = await listening(() => false);
  const nowhere = url.replace(/\d+$/, '1');
  const client = started(halfOpenClient(optionsFor(nowhere), 'nothing'));
  await until(client, () => client.counters.attempts >= 2);
  await client.stop(1000);
  expect(client.counters).toMatchObject({ ended: 0, open: 0 });
  expect(client.endings.get('ECONNREFUSED')).toBeGreaterThanOrEqual(1);
});
