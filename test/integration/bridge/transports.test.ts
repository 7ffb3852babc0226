// The ways to an upstream: TLS with its certificates, WebSocket, user names.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { pipeline } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { createWebSocketStream, WebSocketServer } from 'ws';
import type { MqttSinkSettings } from '../../../bridge/sinks/mqtt/config.ts';
import { hasMosquitto, hasTool, startMosquitto } from '../../support/mosquitto.ts';
import { TemporaryDirectory } from '../../support/temporary-directory.ts';
import { BridgeHarness } from './bridge-harness.ts';

const tls = { ca: '', cert: '', key: '', rejectUnauthorized: true };

/** An authority, and certificates by it for the broker (127.0.0.1) and a client. */
class Certificates extends TemporaryDirectory {
  readonly ca = this.file('ca.pem');

  constructor() {
    super();
    const request = [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '1',
      '-subj',
      '/CN=Test authority',
    ];
    this.#openssl([...request, '-keyout', this.file('ca.key'), '-out', this.ca]);
  }

  /** Files of a certificate signed by the authority. */
  issue(name: string): { cert: string; key: string } {
    const cert = this.file(`${name}.pem`);
    const key = this.file(`${name}.key`);
    this.#openssl([
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      key,
      '-out',
      this.file('csr'),
    ]);
    writeFileSync(this.file('ext'), 'subjectAltName = IP:127.0.0.1');
    const by = [
      '-CA',
      this.ca,
      '-CAkey',
      this.file('ca.key'),
      '-CAcreateserial',
      '-extfile',
      this.file('ext'),
    ];
    this.#openssl(['x509', '-req', '-in', this.file('csr'), '-days', '1', '-out', cert, ...by]);
    return { cert, key };
  }

  #openssl(args: string[]): void {
    execFileSync('openssl', args, { stdio: 'ignore' });
  }
}

/** A broker's lines and files for TLS. */
function tlsBroker(certificates: Certificates, extra: string[] = []) {
  const { cert, key } = certificates.issue('broker');
  const files = { 'ca.pem': certificates.ca, 'broker.pem': cert, 'broker.key': key };
  const texts = Object.entries(files).map(([name, path]) => [name, readFileSync(path, 'utf8')]);
  const lines = [
    'cafile {directory}/ca.pem',
    'certfile {directory}/broker.pem',
    'keyfile {directory}/broker.key',
    ...extra,
  ];
  return { lines, files: Object.fromEntries(texts) as Record<string, string> };
}

async function delivers(settings: Partial<MqttSinkSettings>): Promise<void> {
  await using harness = new BridgeHarness(settings);
  harness.append(10);
  await harness.start();
  await harness.delivered();
}

async function lastErrorOf(settings: Partial<MqttSinkSettings>): Promise<string> {
  await using harness = await new BridgeHarness(settings).start();
  await harness.until(() => typeof harness.status()?.lastError === 'string');
  return harness.status()!.lastError!;
}

/**
 * MQTT over WebSocket for a broker that only speaks TCP (mosquitto's own listener cannot be kept on the
 * loopback).
 */
async function webSocketGate(port: number): Promise<AsyncDisposable & { port: number }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'mqtt' });
  await once(server, 'listening');
  server.on('connection', (socket) => {
    const stream = createWebSocketStream(socket);
    const broker = connect(port, '127.0.0.1');
    pipeline(stream, broker, stream, () => {}); // however it ends, both ends are closed
  });
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const client of server.clients) client.terminate();
      server.close();
      await once(server, 'close');
    },
  };
}

describe.skipIf(!hasMosquitto() || !hasTool('openssl', 'openssl'))('TLS', () => {
  test('only a certificate of a known authority is trusted, unless it is said otherwise', async () => {
    using certificates = new Certificates();
    await using upstream = await startMosquitto(tlsBroker(certificates));
    const url = `mqtts://127.0.0.1:${upstream.port}`;
    await delivers({ url, tls: { ...tls, ca: certificates.ca } });
    expect(await lastErrorOf({ url, tls })).toMatch(/certificate/);
    await delivers({ url, tls: { ...tls, rejectUnauthorized: false } });
  });

  test('a client certificate that is put in its place later is taken without a restart', async () => {
    using certificates = new Certificates();
    await using upstream = await startMosquitto(tlsBroker(certificates, ['require_certificate true']));
    const files = { cert: certificates.file('client.pem'), key: certificates.file('client.key') };
    const url = `mqtts://127.0.0.1:${upstream.port}`;
    const retries = {
      reconnect: { minMs: 20, maxMs: 100, stableAfterMs: 1000 },
      breaker: { failures: 1000, openMs: 100 },
    };
    await using harness = new BridgeHarness({
      url,
      ...retries,
      tls: { ...tls, ca: certificates.ca, ...files },
    });
    harness.append(10);
    await harness.start();
    await harness.until(() => typeof harness.status()?.lastError === 'string');
    expect(harness.status()!.lastError).toContain('client.pem');
    certificates.issue('client');
    await harness.delivered();
  });
});

describe.skipIf(!hasMosquitto())('other ways', () => {
  test('WebSocket', async () => {
    await using upstream = await startMosquitto();
    await using gate = await webSocketGate(upstream.port);
    await delivers({ url: `ws://127.0.0.1:${gate.port}/mqtt` });
    await delivers({ url: `ws://127.0.0.1:${gate.port}/mqtt`, format: 'each', protocolVersion: 4 });
  });

  test.each([5, 4] as const)('user name and password, MQTT version %i', async (protocolVersion) => {
    using directory = new TemporaryDirectory();
    writeFileSync(directory.file('users'), 'gateway:secret\n');
    execFileSync('mosquitto_passwd', ['-U', directory.file('users')], { stdio: 'ignore' });
    const files = { users: readFileSync(directory.file('users'), 'utf8') };
    const options = { allowAnonymous: false, lines: ['password_file {directory}/users'], files };
    await using upstream = await startMosquitto(options);
    const url = `mqtt://127.0.0.1:${upstream.port}`;
    await delivers({ url, protocolVersion, username: 'gateway', password: 'secret' });
    expect(await lastErrorOf({ url, protocolVersion, username: 'gateway', password: 'wrong' })).toMatch(
      /not authorized|password/,
    );
  });
});
