import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { generate } from 'mqtt-packet';
import { describe, expect, onTestFinished, test } from 'vitest';
import { LeanClient } from '../../../simulator/fleet/lean-client.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { hasTool } from '../../support/mosquitto.ts';
import { TemporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';
import { clientClasses, Subject } from './device-harness.ts';
import { startScript } from './device-script.ts';

const CONNACK = Buffer.from([0x20, 3, 0, 0, 0]);

/** Calls `onData` with everything that comes. */
async function startServer(onData: (chunk: Buffer, socket: Socket) => void): Promise<string> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {}); // it is cut off in the end
    socket.on('data', (chunk) => onData(chunk, socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('the lean client', () => {
  test('pings when it has nothing to say, and ends a connection on which nothing comes back', async () => {
    const clock = new FakeClock();
    await using script = await startScript();
    using subject = new Subject(LeanClient, { url: script.url, keepAliveS: 30 }, clock);
    await subject.connect();
    clock.advance(15_000); // CONNECT and CONNACK count
    clock.advance(15_000);
    await waitFor(() => script.peers[0].seen.length > 0, { what: 'PINGREQ' });
    expect(script.peers[0].seen).toEqual(['pingreq']);
    expect(subject.client.isConnected).toBe(true);
    clock.advance(15_000); // the script does not answer it
    expect(subject.log).toEqual(['connected false', 'lost: no answer in the keep-alive time']);
    clock.advance(10);
    await subject.waitUntil(() => subject.connects === 2);
  });

  test('does not ping while it publishes and is answered', async () => {
    const clock = new FakeClock();
    await using script = await startScript({
      answer: ({ cmd, messageId = 0 }, { send }) => {
        if (cmd === 'publish') send({ cmd: 'puback', messageId });
      },
    });
    using subject = new Subject(LeanClient, { url: script.url, keepAliveS: 30 }, clock);
    await subject.connect();
    for (let sequence = 0; sequence < 4; sequence++) {
      subject.publish(sequence);
      await subject.waitUntil(() => subject.acked.length === sequence + 1);
      clock.advance(15_000);
    }
    expect(script.peers[0].seen.filter((line) => line === 'pingreq')).toEqual([]);
    expect(subject.client.isConnected).toBe(true);
  });

  test('gives up waiting for CONNACK, and tries again', async () => {
    const clock = new FakeClock();
    const chunks: Buffer[] = [];
    const url = await startServer((chunk) => void chunks.push(chunk));
    using subject = new Subject(LeanClient, { url }, clock);
    subject.client.connect();
    await waitFor(() => chunks.length === 1, { what: 'CONNECT' });
    clock.advance(10_000);
    expect(subject.log).toEqual(['failed: no CONNACK in time']);
    clock.advance(10);
    await waitFor(() => chunks.length === 2, { what: 'another CONNECT' });
    expect(chunks[1].equals(chunks[0])).toBe(true);
  });

  test('sends all publishes of a turn in one write', async () => {
    const chunks: Buffer[] = [];
    const url = await startServer((chunk, socket) => {
      if (chunk[0] === 0x10) socket.write(CONNACK);
      else chunks.push(chunk);
    });
    using subject = new Subject(LeanClient, { url, windowMessages: 500 });
    await subject.connect();
    for (let sequence = 0; sequence < 500; sequence++) expect(subject.publish(sequence)).toBe(true);
    await waitFor(() => chunks.length > 0, { what: 'the publishes' });
    expect(chunks).toHaveLength(1);
    expect(chunks[0].length).toBeGreaterThan(500 * 'plant/subjectpayload 1'.length);
  });

  test('says no while more than a mebibyte waits for the socket, with QoS 0 as well, and tells when it has gone', async () => {
    let socketOfServer: Socket | undefined;
    const url = await startServer((chunk, socket) => {
      if (chunk[0] !== 0x10 || socketOfServer !== undefined) return;
      socketOfServer = socket.pause();
      socket.write(CONNACK);
    });
    using subject = new Subject(LeanClient, { url });
    await subject.connect();
    const message = {
      topic: 't',
      payload: Buffer.alloc(100_000),
      qos: 0 as const,
      retain: false,
      sequence: 0,
    };
    let taken = 0;
    while (subject.client.publish(message)) taken++;
    expect(taken).toBeGreaterThan(9);
    expect(taken * message.payload.length).toBeLessThan(64 * 1024 * 1024); // the kernel takes some
    expect(subject.ready).toBe(0);
    socketOfServer?.resume();
    await subject.waitUntil(() => subject.ready === 1);
    expect(subject.client.publish(message)).toBe(true);
  });

  test('reads answers that come in pieces, between publishes that are not for it', async () => {
    const url = await startServer((chunk, socket) => {
      if (chunk[0] === 0x10) socket.write(CONNACK);
      else {
        const publish = { cmd: 'publish', topic: 'x', qos: 0, dup: false, retain: false } as const;
        const ids = [1, 2, 3].map((messageId) =>
          generate({ cmd: 'puback', messageId }, { protocolVersion: 5 }),
        );
        const noise = generate({ ...publish, payload: Buffer.alloc(200_000) }, { protocolVersion: 5 });
        const bytes = Buffer.concat([ids[0], noise, ids[1], ids[2]]);
        socket.write(bytes.subarray(0, 1));
        setImmediate(() => socket.write(bytes.subarray(1, -2)));
        setTimeout(() => socket.write(bytes.subarray(-2)), 5);
      }
    });
    using subject = new Subject(LeanClient, { url });
    await subject.connect();
    for (const sequence of [0, 1, 2]) subject.publish(sequence);
    await subject.waitUntil(() => subject.acked.length === 3);
    expect(subject.acked).toEqual([0, 1, 2]);
  });

  test('ends a connection on which no MQTT is spoken', async () => {
    const page = `HTTP/1.1 400 Bad Request\r\n\r\n${'not here '.repeat(20)}`;
    const url = await startServer((_chunk, socket) => void socket.write(page));
    using subject = new Subject(LeanClient, { url });
    subject.client.connect();
    await subject.waitUntil(() => subject.log.length > 0);
    expect(subject.log[0]).toMatch(/^failed: a packet of type 4/);
  });

  test('refuses URLs that it has no socket for', () => {
    expect(() => new Subject(LeanClient, { url: 'ws://127.0.0.1:1' })).toThrow('no raw client for ws:');
  });
});

describe.runIf(hasTool('openssl', 'openssl'))('over TLS', () => {
  test.each(clientClasses)('$name publishes, and checks the certificate', async ({ Client }) => {
    using directory = new TemporaryDirectory();
    const [cert, key] = [directory.file('cert.pem'), directory.file('key.pem')];
    const subjectOf = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    execFileSync('openssl', [...request, ...subjectOf, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    const server = createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }, (socket) => {
      socket.on('error', () => {}); // it is cut off in the end
      socket.on('data', (chunk) => {
        if (chunk[0] === 0x10) socket.write(CONNACK);
        else if (chunk[0] >> 4 === 3) {
          const idAt = 2 + 2 + chunk.readUInt16BE(2);
          socket.write(Buffer.from([0x40, 2, chunk[idAt], chunk[idAt + 1]]));
        }
      });
    });
    server.on('tlsClientError', () => {}); // the one that does not trust it
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const url = `mqtts://127.0.0.1:${(server.address() as AddressInfo).port}`;
    using subject = new Subject(Client, { url, tls: { ca: readFileSync(cert) } });
    await subject.connect();
    subject.publish(0);
    await subject.waitUntil(() => subject.acked.length === 1);
    using distrustful = new Subject(Client, { url });
    distrustful.client.connect();
    await distrustful.waitUntil(() => distrustful.log.length > 0);
    expect(distrustful.log[0]).toMatch(/^failed: self-signed certificate/);
  });
});
