// MQTT over TLS and over WebSocket over TLS, with clients that we did not write, and certificates that are replaced
// while devices publish.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  CertificateAuthority,
  hasOpenssl,
  type IssuedCertificate,
} from '../support/certificate-authority.ts';
import { hasTool } from '../support/mosquitto.ts';
import { RunningGateway } from '../support/running-gateway.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

const run = promisify(execFile);
const IN_USE = 'new TLS files are in use';

describe.skipIf(!hasOpenssl())('a gateway with TLS', () => {
  let directory: TemporaryDirectory;
  let authority: CertificateAuthority;
  let gateway: RunningGateway;
  let files: { certFile: string; keyFile: string; crlFile: string };

  beforeAll(async () => {
    directory = new TemporaryDirectory();
    authority = new CertificateAuthority(directory.path, 'Plant CA');
    files = {
      certFile: directory.file('gateway.crt'),
      keyFile: directory.file('gateway.key'),
      crlFile: directory.file('plant.crl'),
    };
    replace(authority.server());
    write(files.crlFile, authority.revocationList());
    const host = 'localhost';
    const mutual = { ...files, caFile: authority.caFile, clientCertificates: 'required' };
    const { certFile, keyFile } = files;
    const listeners = [
      { type: 'tls', host, port: 0, ...mutual },
      { type: 'wss', host, port: 0, ...mutual },
      { type: 'tls', host, port: 0, certFile, keyFile },
    ];
    const rules = [{ publish: ['#'], subscribe: ['#'] }];
    const access = { anonymous: true, reloadMs: '100ms', rules };
    gateway = await RunningGateway.start(directory.file('data'), { listeners, access });
  });
  afterAll(async () => {
    await gateway.stop();
    directory[Symbol.dispose]();
  });

  const portOf = (listener: number) => Number(new URL(gateway.urls[listener]).port);
  const said = (message: string) => gateway.lines.filter(({ msg }) => msg === message).length;
  const keptOf = (device: string) => gateway.records().filter((record) => record.device === device).length;

  /** A line of the audit log, when it is there. */
  async function audited(wanted: object): Promise<void> {
    const file = directory.file('data/audit/audit.log');
    const isThere = () => {
      const text = existsSync(file) ? readFileSync(file, 'utf8') : ''; // it is there with its first line
      const lines = text.split('\n').filter((line) => line.endsWith('}'));
      return lines.some((line) => {
        const event = JSON.parse(line) as Record<string, unknown>;
        return Object.entries(wanted).every(([key, value]) => event[key] === value);
      });
    };
    await waitFor(isThere, { what: `the audit log has ${JSON.stringify(wanted)}` });
  }

  function write(file: string, text: string): void {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  }

  function replace({ cert, key }: IssuedCertificate): void {
    write(files.certFile, cert);
    write(files.keyFile, key);
  }

  function connectAs(
    clientId: string,
    own: IssuedCertificate | null,
    options: IClientOptions & { to?: number } = {},
  ) {
    const { to = 0, ...rest } = options;
    const { cert, key } = own ?? {};
    const common = { clientId, ca: authority.cert, cert, key, reconnectPeriod: 0 };
    // Its connect promise waits for ever when the connection is closed before CONNACK.
    const client = mqtt.connect(gateway.urls[to], { ...common, ...rest });
    return new Promise<MqttClient>((resolve, reject) => {
      client.once('connect', () => resolve(client));
      client.once('error', reject);
      client.once('close', () => reject(new Error('closed')));
    });
  }

  /** Of whatever is shown to a client that connects now. */
  async function shownCertificate(listener: number): Promise<string> {
    const socket = connect({ port: portOf(listener), host: 'localhost', ca: authority.cert });
    await once(socket, 'secureConnect');
    const shown = socket.getPeerX509Certificate()!.toString();
    socket.destroy();
    return shown;
  }

  test.each([
    ['mqtts', 0, 4],
    ['mqtts', 0, 5],
    ['wss', 1, 4],
    ['wss', 1, 5],
  ] as const)(
    'mqtt.js publishes and subscribes by %s (listener %i, version %i)',
    async (scheme, to, version) => {
      expect(gateway.urls[to]).toMatch(`${scheme}://localhost:`);
      const id = `${scheme}-${version}`;
      const client = await connectAs(id, authority.client(id), { to, protocolVersion: version });
      await client.subscribeAsync(`${id}/#`, { qos: 2 });
      for (const qos of [0, 1, 2] as const) {
        const arrived = new Promise<unknown[]>((resolve) =>
          client.once('message', (...args) => resolve(args)),
        );
        // More than one TLS record.
        const payload = `qos ${qos} ${'x'.repeat(40_000)}`;
        await client.publishAsync(`${id}/t`, payload, { qos });
        const [topic, received] = await arrived;
        expect([topic, String(received)]).toEqual([`${id}/t`, payload]);
      }
      await client.endAsync();
      expect(keptOf(id)).toBe(3);
    },
  );

  test('without a certificate nobody comes in where one is required', async () => {
    for (const to of [0, 1]) await expect(connectAs('nobody', null, { to })).rejects.toThrow();
    const client = await connectAs('somebody', null, { to: 2 });
    await client.endAsync();
  });

  describe.skipIf(!hasTool('mosquitto_pub', 'mosquitto-clients'))('mosquitto_pub', () => {
    const publish = (to: number, id: string, ...args: string[]) =>
      run('mosquitto_pub', [
        '-h',
        'localhost',
        '-p',
        `${portOf(to)}`,
        '-i',
        id,
        '-q',
        '1',
        '-t',
        't',
        '-m',
        'm',
        ...args,
      ]);

    test('publishes with a certificate, and without one where none is asked for', async () => {
      const { certFile, keyFile } = authority.client('mosquitto');
      const own = ['--cert', certFile, '--key', keyFile];
      await publish(0, 'mosquitto', '--cafile', authority.caFile, ...own);
      await publish(2, 'mosquitto', '--cafile', authority.caFile, '--tls-version', 'tlsv1.2');
      expect(keptOf('mosquitto')).toBe(2);
      await expect(publish(0, 'mosquitto', '--cafile', authority.caFile)).rejects.toThrow();
      expect(keptOf('mosquitto')).toBe(2);
    });

    test('does not publish to a gateway that it does not trust, and the log says who that was', async () => {
      const { caFile } = new CertificateAuthority(directory.path, 'Other CA');
      await expect(publish(2, 'distrustful', '--cafile', caFile)).rejects.toThrow();
      const told = () =>
        gateway.lines.find(
          ({ msg, reason }) => msg === 'a TLS handshake failed' && reason === 'client-refused',
        );
      await waitFor(() => told() !== undefined, { what: 'the log says it' });
      expect(told()).toMatchObject({
        code: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
        address: expect.stringMatching(/^(127\.0\.0\.1|::1)$/),
      });
    });
  });

  test('an expired certificate is refused, and the audit log says why', async () => {
    await expect(connectAs('old', authority.expired('old'))).rejects.toThrow();
    await audited({ event: 'certificate-refused', reason: 'expired', object: 'O=Test plant, CN=old' });
  });

  test('a certificate is replaced under load: nobody is disconnected, who comes then sees the new one', async () => {
    const CLIENTS = 12;
    const ROUNDS = 3;
    const acknowledged: number[] = Array(CLIENTS).fill(0);
    let interruptions = 0;
    let isOver = false;
    const clients = await Promise.all(
      acknowledged.map((_, i) =>
        connectAs(`load-${i}`, authority.client(`load-${i}`), {
          to: i % 2,
          protocolVersion: i % 4 < 2 ? 4 : 5,
        }),
      ),
    );
    for (const client of clients) {
      client.on('close', () => (interruptions += isOver ? 0 : 1));
      client.on('error', () => interruptions++);
    }
    const publishing = clients.map(async (client, i) => {
      for (; !isOver; acknowledged[i]++)
        await client.publishAsync(`load/${i}`, 'x'.repeat(1000), { qos: i % 3 === 0 ? 2 : 1 });
    });
    for (let round = 1; round <= ROUNDS; round++) {
      const before = said(IN_USE);
      const next = authority.server();
      replace(next);
      await waitFor(() => said(IN_USE) === before + 3, { what: 'it is in use at each listener' });
      for (const to of [0, 1, 2]) expect(await shownCertificate(to)).toBe(next.cert);
      const seen = [...acknowledged];
      await waitFor(() => acknowledged.every((count, i) => count > seen[i] + 10), {
        what: 'everybody still publishes',
      });
      const late = await connectAs(`late-${round}`, authority.client(`late-${round}`));
      await late.publishAsync('late', 'm', { qos: 1 });
      await late.endAsync();
    }
    isOver = true;
    await Promise.all(publishing);
    await audited({ event: 'identity-data', reason: 'changed', object: files.certFile });
    expect(interruptions).toBe(0);
    await Promise.all(clients.map((client) => client.endAsync()));
    expect(acknowledged.map((_, i) => keptOf(`load-${i}`))).toEqual(acknowledged);
  });

  test('a revocation list that is replaced ends who is on it, and keeps it out from then on', async () => {
    const own = authority.client('lost');
    const other = await connectAs('kept', authority.client('kept'));
    const clients = await Promise.all(
      [0, 1].map((to) => connectAs(`lost-${to}`, own, { to, protocolVersion: 5 })),
    );
    const goodbyes = clients.map(
      (client) =>
        new Promise((resolve) => client.once('disconnect', ({ reasonCode }) => resolve(reasonCode))),
    );
    const old = await connectAs('lost-old', own, { protocolVersion: 4 });
    const oldEnds = new Promise<void>((resolve) => old.once('close', resolve));
    authority.revoke(own);
    const before = said(IN_USE);
    write(files.crlFile, authority.revocationList());
    await waitFor(() => said(IN_USE) === before + 2, { what: 'it is in use at both listeners' });
    expect(await Promise.all(goodbyes)).toEqual([0x98, 0x98]);
    await oldEnds;
    await other.publishAsync('kept', 'still there', { qos: 1 });
    await other.endAsync();
    for (const to of [0, 1]) await expect(connectAs('lost-again', own, { to })).rejects.toThrow();
    await Promise.all([old, ...clients].map((client) => client.endAsync()));
    expect([keptOf('kept'), keptOf('lost-again')]).toEqual([1, 0]);
    await audited({ event: 'identity-data', object: files.crlFile });
    const object = 'O=Test plant, CN=lost';
    await audited({ event: 'certificate-refused', reason: 'revoked', object });
    await audited({ event: 'certificate-refused', reason: 'revoked', object, user: 'lost' }); // was connected
    await (await connectAs('found', authority.client('found'))).endAsync();
  });
});
