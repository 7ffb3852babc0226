// Connections to a TLS or WebSocket listener that never become a client: noise, silence, dribbling, old versions, too
// many. Each ends, each is counted, the log stays short, nothing is left, and others are served meanwhile.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { SluiceError } from '../../config/errors.ts';
import type { ListenerConfig } from '../../config/settings.ts';
import { CertificateAuthority, hasOpenssl } from '../support/certificate-authority.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';
import { TestListener, TestTlsClient } from '../support/test-listener.ts';
import { waitFor } from '../support/wait-for.ts';

/** Longer than any test may take. */
const NEVER_MS = 600_000;
const SOON_MS = 300;
/** The head of a TLS record with a ClientHello of 16 KiB, of which the rest is to come. */
const HELLO_BEGUN = Buffer.from([0x16, 3, 1, 0x3f, 0xff, 1, 0, 0x3f, 0xfb]);

describe.skipIf(!hasOpenssl())('connections that never become a client', () => {
  let directory: TemporaryDirectory;
  let files: { certFile: string; keyFile: string };
  let listener: TestListener;
  const sockets: Socket[] = [];

  beforeAll(() => {
    directory = new TemporaryDirectory();
    const { certFile, keyFile } = new CertificateAuthority(directory.path, 'Plant CA').server();
    files = { certFile, keyFile };
  });
  afterAll(() => directory[Symbol.dispose]());
  afterEach(async () => {
    await listener.stop();
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  function configOf(type: ListenerConfig['type'], maxConnections = 10_000): ListenerConfig {
    const tls = { ...files, caFile: '', crlFile: '', clientCertificates: 'none', identity: 'cn' } as const;
    const common = { host: '127.0.0.1', port: 0, maxConnections, path: '/mqtt' };
    return { type, ...common, ...tls } as ListenerConfig;
  }

  async function listen(type: ListenerConfig['type'], connectTimeoutMs: number, maxConnections?: number) {
    listener = await TestListener.start(configOf(type, maxConnections), { connectTimeoutMs });
  }

  /** A bare connection; `closed` resolves when the listener has ended it. */
  function open(first?: Buffer | string): { socket: Socket; closed: Promise<unknown> } {
    const socket = connect(listener.port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => {}); // 'close' follows
    socket.resume();
    const closed = closeOf(socket);
    if (first !== undefined) socket.write(first);
    return { socket, closed };
  }

  async function isServed(options = {}): Promise<boolean> {
    using client = new TestTlsClient(listener.port, options);
    return await client.isLetIn();
  }

  const failures = () => listener.listener.counters.handshakeFailures;
  const noneLeft = () =>
    waitFor(() => listener.listener.connections === 0, { what: 'no connection is left' });

  test('a flood of something else than TLS ends at once, fills no log and leaves nothing', async () => {
    await listen('tls', NEVER_MS);
    const noise = [
      'GET / HTTP/1.1\r\n\r\n',
      '\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0',
      '\0\0\0\0\0\0\0\0',
      'x'.repeat(9999),
    ];
    for (let wave = 0; wave < 10; wave++) {
      await Promise.all(Array.from({ length: 100 }, (_, i) => open(noise[i % noise.length]).closed));
      expect(await isServed()).toBe(true);
    }
    await noneLeft();
    expect(failures()).toMatchObject({ 'not-tls': 1000, other: 0, timeout: 0 });
    expect(listener.listener.counters.handshakes).toBe(10);
    // Five, and at most a sum every ten seconds.
    const told = listener.said(/handshake/);
    expect(told.length).toBeLessThan(20);
    expect(told[0]).toMatchObject({ reason: 'not-tls', address: '127.0.0.1', level: 'info' });
    expect(listener.lines.length).toBe(told.length + 1); // and the certificate at the start
  });

  test('who says nothing, or one byte after the other, is ended in time', async () => {
    await listen('tls', SOON_MS);
    const silent = open();
    const dribbling = open(HELLO_BEGUN);
    // At this pace the hello takes minutes: only the listener can end it.
    const timer = setInterval(() => dribbling.socket.write('a'), 20);
    await Promise.all([silent.closed, dribbling.closed]);
    clearInterval(timer);
    expect(failures().timeout).toBe(2);
    await noneLeft();
  });

  test('they count as connections: one too many is closed, and there is room again when they are gone', async () => {
    await listen('tls', NEVER_MS, 3);
    const three = [open(), open(HELLO_BEGUN), open()];
    await waitFor(() => listener.listener.connections === 3, { what: 'they are there' });
    await open().closed;
    expect(listener.listener.counters.overLimit).toBe(1);
    for (const { socket } of three) socket.destroy();
    await noneLeft();
    expect(await isServed()).toBe(true);
    expect(failures().closed).toBe(3);
    // They were gone when it was told.
    for (const line of listener.said('a TLS handshake failed'))
      expect(line).toMatchObject({ reason: 'closed', address: '127.0.0.1' });
  });

  test('a client that is too old, or has no cipher of ours, is refused and counted as such', async () => {
    await listen('tls', NEVER_MS);
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' };
    expect(await isServed(old)).toBe(false);
    for (const ciphers of ['ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES256-SHA384'])
      expect(await isServed({ maxVersion: 'TLSv1.2', ciphers })).toBe(false);
    expect(await isServed({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-CHACHA20-POLY1305' })).toBe(true);
    expect(await isServed({ minVersion: 'TLSv1.3' })).toBe(true);
    expect(failures()).toMatchObject({ 'old-version': 1, 'nothing-shared': 2 });
  });

  test('a client that does not trust the gateway is counted, and its address is told', async () => {
    await listen('tls', NEVER_MS);
    const args = ['s_client', '-connect', `127.0.0.1:${listener.port}`, '-verify_return_error', '-CAfile'];
    await new Promise((resolve) => execFile('openssl', [...args, files.certFile], resolve).stdin?.end());
    await waitFor(() => failures()['client-refused'] === 1, { what: 'it is counted' });
    expect(listener.said('a TLS handshake failed')).toMatchObject([
      { reason: 'client-refused', code: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', address: '127.0.0.1' },
    ]);
  });

  describe.each(['ws', 'wss'] as const)('at a %s listener', (type) => {
    /** Below the WebSocket. */
    function openBelow(): Socket {
      const socket = type === 'ws' ? open().socket : new TestTlsClient(listener.port).socket;
      sockets.push(socket);
      socket.resume();
      return socket;
    }

    test('who opens no WebSocket is ended in time, whatever it says meanwhile', async () => {
      await listen(type, SOON_MS);
      const silent = openBelow();
      const slow = openBelow();
      const polite = openBelow();
      slow.write('GET /mqtt HTTP/1.1\r\n');
      const timer = setInterval(() => slow.write('x-more: and more\r\n'), 20);
      polite.write('GET /mqtt HTTP/1.1\r\nhost: a\r\n\r\n'); // is told 426 and closed
      await Promise.all([silent, slow, polite].map((socket) => closeOf(socket)));
      clearInterval(timer);
      expect(listener.listener.counters.upgradeTimeouts).toBe(2);
      await noneLeft();
    });

    test('who has opened one is not', async () => {
      await listen(type, SOON_MS);
      const client = new WebSocket(listener.listener.url, ['mqtt'], { rejectUnauthorized: false });
      await once(client, 'open');
      await closeOf(openBelow()); // has waited as long as the other one might have
      client.send(Buffer.from('hello'));
      expect(String((await once(client, 'message'))[0])).toBe('hello');
      expect(listener.peers).toMatchObject([{ address: '127.0.0.1', listener: `${type}:${listener.port}` }]);
      client.terminate();
      await noneLeft();
    });

    test('they count as connections', async () => {
      await listen(type, NEVER_MS, 2);
      const two = [openBelow(), openBelow()];
      await waitFor(() => listener.listener.connections === 2, { what: 'they are there' });
      await open().closed;
      expect(listener.listener.counters.overLimit).toBe(1);
      for (const socket of two) socket.destroy();
      await noneLeft();
    });
  });

  test.each([
    ['tls', HELLO_BEGUN],
    ['wss', HELLO_BEGUN],
    ['ws', 'GET / HTTP/1.1\r\n'],
  ] as const)('do not keep a %s listener from stopping', async (type, begun) => {
    await listen(type, NEVER_MS);
    const half = [open(), open(), open(begun)];
    if (type === 'wss') {
      // Past TLS, and no WebSocket yet.
      const { socket } = new TestTlsClient(listener.port);
      sockets.push(socket);
    }
    const isPastTls = () => listener.listener.counters.handshakes === (type === 'wss' ? 1 : 0);
    await waitFor(() => listener.listener.connections >= 3 && isPastTls(), { what: 'they are there' });
    await listener.listener.stop(NEVER_MS);
    await Promise.all(half.map(({ closed }) => closed));
  });

  test('a listener on every address tells IPv4 clients by their IPv4 address', async () => {
    listener = await TestListener.start({ ...configOf('tls'), host: '::' });
    expect(listener.listener.url).toBe(`mqtts://[::]:${listener.port}`);
    expect(await isServed()).toBe(true);
    expect(await isServed({ host: '::1' })).toBe(true);
    expect(listener.peers.map(({ address }) => address)).toEqual(['127.0.0.1', '::1']);
  });

  test('a listener whose files or port are not to be had does not start, and says why', async () => {
    listener = await TestListener.start(configOf('tls'));
    const fault = async (config: ListenerConfig): Promise<unknown> =>
      await TestListener.start(config).then(
        () => 'it started',
        (error: unknown) => error,
      );
    const noKey = await fault({ ...configOf('tls'), keyFile: directory.file('no.key') } as ListenerConfig);
    expect(noKey).toBeInstanceOf(SluiceError);
    expect(noKey).toMatchObject({ code: 'TLS_FILE_UNREADABLE' });
    expect(await fault({ ...configOf('wss'), port: listener.port })).toMatchObject({ code: 'PORT_TAKEN' });
  });
});

/** Unlike `once`, whatever comes before. */
function closeOf(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => socket.once('close', resolve));
}
