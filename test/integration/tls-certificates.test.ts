// Client certificates at a TLS listener: who is let in, under which name, and what the audit log is told of the others.
// Sessions, renegotiation and files that change while it runs included.

import { once } from 'node:events';
import { copyFileSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { ListenerConfig } from '../../config/settings.ts';
import { certificateRefusals } from '../../gateway/listener/tls/certificate-judge.ts';
import {
  CertificateAuthority,
  hasOpenssl,
  type IssuedCertificate,
} from '../support/certificate-authority.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';
import { TestListener, TestTlsClient } from '../support/test-listener.ts';
import { waitFor } from '../support/wait-for.ts';

type TlsConfig = Extract<ListenerConfig, { type: 'tls' }>;

const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;
const DAY_MS = 86_400_000;
const by = (version: (typeof VERSIONS)[number]) => ({ minVersion: version, maxVersion: version });
const shows = ({ cert, key }: IssuedCertificate) => ({ cert, key });

describe.skipIf(!hasOpenssl())('client certificates', () => {
  let directory: TemporaryDirectory;
  let authority: CertificateAuthority;
  let other: CertificateAuthority;
  let server: IssuedCertificate;
  let listener: TestListener | undefined;

  beforeAll(() => {
    directory = new TemporaryDirectory();
    authority = new CertificateAuthority(directory.path, 'Plant CA');
    other = new CertificateAuthority(directory.path, 'Other CA');
    server = authority.server();
  });
  afterAll(() => directory[Symbol.dispose]());
  afterEach(async () => {
    await listener?.stop();
    listener = undefined;
  });

  async function listen(changes: Partial<TlsConfig> = {}): Promise<TestListener> {
    listener = await TestListener.start({ ...configOf(), ...changes });
    return listener;
  }

  function configOf(): TlsConfig {
    return {
      type: 'tls',
      host: '127.0.0.1',
      port: 0,
      maxConnections: 100,
      certFile: server.certFile,
      keyFile: server.keyFile,
      caFile: authority.caFile,
      crlFile: '',
      clientCertificates: 'required',
      identity: 'cn',
    };
  }

  async function isLetIn(options: ConnectionOptions = {}): Promise<boolean> {
    using client = new TestTlsClient(listener!.port, options);
    return await client.isLetIn();
  }

  function write(name: string, text: string): string {
    const file = directory.file(name);
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
    return file;
  }

  /** The audit events since the last call. */
  const audited = () => listener!.audited.splice(0);
  const refusal = (reason: string, subject: string) => ({
    event: 'certificate-refused',
    reason,
    address: '127.0.0.1',
    object: subject,
  });

  describe.each(VERSIONS)('over %s', (version) => {
    test('a good one names its client', async () => {
      await listen();
      expect(await isLetIn({ ...by(version), ...shows(authority.client('press-1')) })).toBe(true);
      expect(listener!.peers).toEqual([
        {
          address: '127.0.0.1',
          port: expect.any(Number),
          listener: `tls:${listener!.port}`,
          certificate: { user: 'press-1', subject: 'O=Test plant, CN=press-1' },
        },
      ]);
      expect(audited()).toEqual([]);
    });

    test('none, a bad one or a nameless one is refused with the reason, where they are optional too', async () => {
      const revoked = authority.client('lost');
      authority.revoke(revoked);
      const crlFile = write('crl.pem', authority.revocationList());
      const sub = new CertificateAuthority(directory.path, `Sub ${version}`, other);
      const subject = (user: string) => `O=Test plant, CN=${user}`;
      const future = { from: new Date(Date.now() + DAY_MS), until: new Date(Date.now() + 2 * DAY_MS) };
      const cases: [reason: string, told: string, shown: IssuedCertificate][] = [
        ['expired', subject('old'), authority.expired('old')],
        ['not-yet-valid', 'CN=early', authority.issue({ subject: '/CN=early', ...future })],
        ['revoked', subject('lost'), revoked],
        ['unknown-authority', subject('x'), other.client('x')],
        ['unknown-authority', subject('x'), sub.client('x')],
        ['wrong-purpose', 'CN=localhost', authority.server()],
        ['no-name', 'O=Plant', authority.issue({ subject: '/O=Plant' })],
        ['ambiguous-name', 'CN=a, CN=b', authority.issue({ subject: '/CN=a/CN=b' })],
        ['bad-name', 'CN=a\\0Ab', authority.issue({ subject: '/CN=a\nb' })],
      ];
      for (const clientCertificates of ['required', 'optional'] as const) {
        await listen({ crlFile, clientCertificates });
        for (const [reason, told, shown] of cases) {
          expect([reason, await isLetIn({ ...by(version), ...shows(shown) })]).toEqual([reason, false]);
          expect(audited()).toEqual([{ ...refusal(reason, told), detail: expect.any(String) }]);
        }
        expect(listener!.peers).toEqual([]);
        expect(listener!.listener.counters.certificateRefusals['unknown-authority']).toBe(2);
        const hasNone = await isLetIn(by(version));
        if (clientCertificates === 'optional') {
          expect(hasNone).toBe(true);
          expect(listener!.peers).toMatchObject([{ certificate: null }]);
          expect(audited()).toEqual([]);
        } else {
          expect(hasNone).toBe(false);
          expect(audited()).toEqual([refusal('missing', '')]);
        }
        await listener!.stop();
      }
    });

    test('one that has signed itself is of an unknown authority, with and without a revocation list', async () => {
      const self = { cert: other.cert, key: keyOf(directory, other) };
      for (const crlFile of ['', write('crl.pem', authority.revocationList())]) {
        await listen({ crlFile });
        expect(await isLetIn({ ...by(version), ...self })).toBe(false);
        // With what it was signed by sent along, too.
        const { cert, key } = other.client('x');
        expect(await isLetIn({ ...by(version), cert: cert + other.cert, key })).toBe(false);
        expect(audited().map(({ reason }) => reason)).toEqual(['unknown-authority', 'unknown-authority']);
        await listener!.stop();
      }
    });

    test('a saved session lets nobody in again whose certificate was revoked since', async () => {
      const crlFile = write('crl.pem', authority.revocationList());
      const press = authority.client('press-1');
      await listen({ crlFile });
      const saved: Buffer[] = [];
      {
        using client = new TestTlsClient(listener!.port, { ...by(version), ...shows(press) });
        expect(await client.isLetIn()).toBe(true);
        saved.push(...client.sessions, client.socket.getSession()!);
      }
      for (const session of saved) {
        using again = new TestTlsClient(listener!.port, { ...by(version), ...shows(press), session });
        expect(await again.isLetIn()).toBe(true);
        expect(again.socket.isSessionReused()).toBe(false);
      }
      authority.revoke(press);
      write('crl.pem', authority.revocationList());
      await waitFor(() => listener!.listener.counters.contextSwaps === 1, { what: 'the new list is in use' });
      audited();
      for (const session of saved) {
        expect(await isLetIn({ ...by(version), ...shows(press), session })).toBe(false);
        expect(await isLetIn({ ...by(version), session })).toBe(false);
        expect(audited().map(({ reason }) => reason)).toEqual(['revoked', 'missing']);
      }
    });

    test('without them sessions are resumed, which is cheaper for a device', async () => {
      await listen({ clientCertificates: 'none', caFile: '' });
      using client = new TestTlsClient(listener!.port, by(version));
      expect(await client.isLetIn()).toBe(true);
      const session = client.sessions.at(-1);
      using again = new TestTlsClient(listener!.port, { ...by(version), session });
      expect(await again.isLetIn()).toBe(true);
      expect(again.socket.isSessionReused()).toBe(true);
      expect(listener!.peers).toMatchObject([{ certificate: null }, { certificate: null }]);
    });
  });

  test('a session that was saved where no certificate was asked for is of no use where one is', async () => {
    await listen({ clientCertificates: 'none', caFile: '' });
    const open = listener!;
    const asking = await listen();
    for (const version of VERSIONS) {
      using client = new TestTlsClient(open.port, by(version));
      expect(await client.isLetIn()).toBe(true);
      expect(await isLetIn({ ...by(version), session: client.sessions.at(-1) })).toBe(false);
    }
    expect(asking.audited.map(({ reason }) => reason)).toEqual(['missing', 'missing']);
    await open.stop();
  });

  test('a client cannot show another one later: TLS 1.2 is not negotiated anew', async () => {
    await listen();
    using client = new TestTlsClient(listener!.port, {
      ...by('TLSv1.2'),
      ...shows(authority.client('press-1')),
    });
    expect(await client.isLetIn()).toBe(true);
    const failure = await new Promise<Error | null>((resolve) => {
      client.socket.once('error', resolve);
      client.socket.renegotiate({ rejectUnauthorized: false }, resolve);
    });
    expect(failure).toMatchObject({ code: 'ERR_SSL_NO_RENEGOTIATION' });
  });

  test.each([
    ['san-dns', 'press-1.plant'],
    ['san-email', 'press-1@plant'],
    ['san-uri', 'urn:press:1'],
    ['cn', 'press-1'],
  ] as const)('by %s the name is %s', async (identity, user) => {
    await listen({ identity });
    const names = 'subjectAltName=URI:urn:press:1,DNS:press-1.plant,email:press-1@plant,DNS:admin';
    expect(await isLetIn(shows(authority.issue({ subject: '/CN=press-1', extensions: [names] })))).toBe(true);
    expect(listener!.peers).toMatchObject([{ certificate: { user } }]);
  });

  test('over a WebSocket they are judged and name their client as well, before anything is said in HTTP', async () => {
    listener = await TestListener.start({ ...configOf(), type: 'wss', path: '/mqtt' });
    const open = (shown: IssuedCertificate) =>
      new WebSocket(listener!.listener.url, ['mqtt'], { rejectUnauthorized: false, ...shows(shown) });
    const good = open(authority.client('press-1'));
    await once(good, 'open');
    const bad = open(authority.expired('press-2'));
    await new Promise((resolve) => bad.once('error', resolve));
    expect(listener!.peers).toMatchObject([
      { listener: `wss:${listener!.port}`, certificate: { user: 'press-1' } },
    ]);
    expect(audited()).toMatchObject([refusal('expired', 'O=Test plant, CN=press-2')]);
    good.terminate();
  });

  test('where they are not asked for, a client that has one is nobody', async () => {
    await listen({ clientCertificates: 'none', caFile: '' });
    expect(await isLetIn(shows(authority.client('press-1')))).toBe(true);
    expect(listener!.peers).toMatchObject([{ certificate: null }]);
  });

  describe('of an authority without a revocation list in force', () => {
    test('are refused once there is a list, and the log says that it is the list', async () => {
      const until = new Date(Date.now() - DAY_MS / 2);
      const crlFile = write('crl.pem', authority.revocationList({ until }));
      await listen({ crlFile });
      expect(
        listener!.said(/Plant CA has ended at .*: every client certificate below it is refused/),
      ).toHaveLength(1);
      const press = shows(authority.client('press-1'));
      for (let i = 0; i < 3; i++) expect(await isLetIn(press)).toBe(false);
      expect(audited().map(({ reason }) => reason)).toEqual(['crl-expired', 'crl-expired', 'crl-expired']);
      expect(listener!.said(/refused for want of a valid revocation list/)).toMatchObject([
        { level: 'error', reason: 'crl-expired', file: crlFile },
      ]);
      write('crl.pem', authority.revocationList());
      await waitFor(() => listener!.listener.counters.contextSwaps === 1, { what: 'the new list is in use' });
      expect(await isLetIn(press)).toBe(true);
    });

    test('in the middle of the chain are refused as well, until it has one', async () => {
      const sub = new CertificateAuthority(directory.path, 'Sub CA', authority);
      const caFile = write('both.pem', sub.cert + authority.cert);
      const crlFile = write('crl.pem', sub.revocationList());
      await listen({ caFile, crlFile });
      const press = shows(sub.client('press-1'));
      expect(await isLetIn(press)).toBe(false);
      expect(audited().map(({ reason }) => reason)).toEqual(['crl-missing']);
      write('crl.pem', sub.revocationList() + authority.revocationList());
      await waitFor(() => listener!.listener.counters.contextSwaps === 1, { what: 'the new list is in use' });
      expect(await isLetIn(press)).toBe(true);
    });
  });

  describe('and files that change while it runs', () => {
    let own: { certFile: string; keyFile: string; caFile: string };
    beforeEach(() => {
      own = { certFile: 'own.crt', keyFile: 'own.key', caFile: 'own-ca.crt' };
      for (const name of ['certFile', 'keyFile', 'caFile'] as const) own[name] = directory.file(own[name]);
      copyFileSync(server.certFile, own.certFile);
      copyFileSync(server.keyFile, own.keyFile);
      copyFileSync(authority.caFile, own.caFile);
    });

    async function shownNow(): Promise<string> {
      using client = new TestTlsClient(listener!.port, shows(authority.client('looker')));
      await once(client.socket, 'secureConnect');
      return client.socket.getPeerX509Certificate()!.toString();
    }

    test('a new certificate with its key is shown from then on, and is in the audit log', async () => {
      await listen(own);
      const fresh = authority.server({ subject: '/CN=fresh' });
      expect(await shownNow()).toBe(server.cert);
      audited();
      write('own.crt', fresh.cert);
      write('own.key', fresh.key);
      await waitFor(() => listener!.listener.counters.contextSwaps === 1, { what: 'the new one is in use' });
      expect(await shownNow()).toBe(fresh.cert);
      const detail = expect.stringMatching(/CN=fresh, fingerprint [0-9A-F:]{95}, valid until 20/);
      expect(audited()).toEqual([
        { event: 'identity-data', reason: 'changed', object: own.certFile, detail },
        { event: 'identity-data', reason: 'changed', object: own.keyFile, detail },
      ]);
      expect(listener!.said('new TLS files are in use')).toMatchObject([
        { level: 'info', subject: 'CN=fresh', files: [own.certFile, own.keyFile] },
      ]);
    });

    test.each(['half written', 'without its key', 'gone'])(
      'a certificate that is %s is not used: the one before stays, the log says so once, and a good one is',
      async (what) => {
        await listen(own);
        const fresh = authority.server({ subject: '/CN=fresh' });
        if (what === 'half written') writeFileSync(own.certFile, fresh.cert.slice(0, 300));
        else if (what === 'gone') unlinkSync(own.certFile);
        else write('own.crt', fresh.cert);
        const said = () => listener!.said('changed TLS files cannot be used: those before stay in use');
        await waitFor(() => said().length > 0, { what: 'it is in the log' });
        expect(said()).toMatchObject([
          { level: 'error', reason: expect.stringContaining('own.'), hint: expect.any(String) },
        ]);
        expect(await shownNow()).toBe(server.cert);
        write('own.crt', fresh.cert);
        write('own.key', fresh.key);
        await waitFor(() => listener!.listener.counters.contextSwaps === 1, {
          what: 'the good one is in use',
        });
        expect(await shownNow()).toBe(fresh.cert);
        expect(said().length).toBe(listener!.listener.counters.contextSwapFailures);
      },
    );

    test('a new authority is believed, and the old one no more', async () => {
      await listen(own);
      expect(await isLetIn(shows(authority.client('press-1')))).toBe(true);
      write('own-ca.crt', other.cert);
      await waitFor(() => listener!.listener.counters.contextSwaps === 1, { what: 'it is in use' });
      expect(await isLetIn(shows(other.client('press-2')))).toBe(true);
      expect(await isLetIn(shows(authority.client('press-1')))).toBe(false);
      const detail = 'authorities: O=Test plant, CN=Other CA';
      expect(audited()).toMatchObject([
        { event: 'identity-data', object: own.caFile, detail },
        refusal('unknown-authority', 'O=Test plant, CN=press-1'),
      ]);
    });
  });

  describe('of clients that are connected when files change', () => {
    let caFile: string;
    let crlFile: string;
    beforeEach(() => {
      caFile = write('believed.pem', authority.cert + other.cert);
      crlFile = write('crls.pem', authority.revocationList() + other.revocationList());
    });

    async function connected(shown: IssuedCertificate): Promise<TestTlsClient> {
      const client = new TestTlsClient(listener!.port, shows(shown));
      expect(await client.isLetIn()).toBe(true);
      return client;
    }
    const inUse = (swaps: number) =>
      waitFor(() => listener!.listener.counters.contextSwaps === swaps, { what: 'they are in use' });
    const refusals = () => audited().filter(({ event }) => event === 'certificate-refused');
    const ENDED = /^clients were disconnected/;

    test('one that is revoked now ends its client, and those of the same authority stay', async () => {
      await listen({ caFile, crlFile });
      const press = authority.client('press-1');
      using revoked = await connected(press);
      // More than are looked at in one turn.
      const others = await Promise.all(
        Array.from({ length: 25 }, (_, i) => connected(authority.client(`o${i}`))),
      );
      authority.revoke(press);
      write('crls.pem', authority.revocationList() + other.revocationList());
      await revoked.closed();
      expect(refusals()).toEqual([
        {
          ...refusal('revoked', 'O=Test plant, CN=press-1'),
          user: 'press-1',
          detail: expect.stringMatching(/^while it was connected, serial [0-9A-F]+, issued by /),
        },
      ]);
      await waitFor(() => listener!.said(ENDED).length === 1, { what: 'the log says it' });
      expect(listener!.said(ENDED)).toMatchObject([{ level: 'warn', count: 1 }]);
      expect(listener!.listener.counters.certificateRefusals.revoked).toBe(1);
      // A later list ends nobody else, and nobody again.
      write('crls.pem', other.revocationList() + authority.revocationList());
      await inUse(2);
      using another = await connected(authority.client('another'));
      for (const client of [another, ...others]) {
        expect(await client.isLetIn()).toBe(true);
        client.socket.destroy();
      }
      expect(refusals()).toEqual([]);
      expect(listener!.said(ENDED)).toHaveLength(1);
    });

    test('the same number of another authority is another certificate', async () => {
      await listen({ caFile, crlFile });
      const [mine, theirs] = [authority, other].map((each) => each.issue({ subject: '/CN=twin' }));
      authority.revoke(mine);
      using first = await connected(mine);
      using second = await connected(theirs);
      write('crls.pem', authority.revocationList() + other.revocationList());
      await first.closed();
      expect(await second.isLetIn()).toBe(true);
    });

    test('those below an authority that is revoked now end', async () => {
      const sub = new CertificateAuthority(directory.path, 'Line CA', authority);
      const lists = () => sub.revocationList() + authority.revocationList();
      crlFile = write('line-crls.pem', lists());
      await listen({ caFile: write('line.pem', sub.cert + authority.cert), crlFile });
      using below = await connected(sub.client('press-1'));
      using beside = await connected(authority.client('press-2'));
      authority.revoke(sub.issued);
      write('line-crls.pem', lists());
      await below.closed();
      expect(await beside.isLetIn()).toBe(true);
      expect(refusals()).toMatchObject([refusal('revoked', 'O=Test plant, CN=press-1')]);
    });

    test('one whose authority was sent along stays unless it is revoked itself', async () => {
      const sub = new CertificateAuthority(directory.path, 'Cell CA', authority);
      const lists = () => sub.revocationList() + authority.revocationList();
      crlFile = write('cell-crls.pem', lists());
      await listen({ caFile: write('roots.pem', authority.cert + other.cert), crlFile });
      const [lost, good] = [sub.client('lost'), sub.client('good')];
      const sendAlong = (own: IssuedCertificate) => connected({ ...own, cert: own.cert + sub.cert });
      using revoked = await sendAlong(lost);
      using kept = await sendAlong(good);
      sub.revoke(lost);
      write('cell-crls.pem', lists());
      write('roots.pem', authority.cert);
      await revoked.closed();
      await waitFor(() => listener!.said(ENDED).length === 1, { what: 'all were looked at' });
      expect(await kept.isLetIn()).toBe(true);
      expect(refusals().map(({ object }) => object)).toEqual(['O=Test plant, CN=lost']);
    });

    test('those of an authority that is not trusted any more end, and who has ended meanwhile is not told', async () => {
      await listen({ caFile });
      using kept = await connected(authority.client('press-1'));
      using distrusted = await connected(other.client('press-2'));
      using gone = await connected(other.client('press-3'));
      gone.socket.destroy();
      await waitFor(() => listener!.listener.connections === 2, { what: 'it is gone' });
      write('believed.pem', authority.cert);
      await distrusted.closed();
      expect(refusals()).toMatchObject([refusal('unknown-authority', 'O=Test plant, CN=press-2')]);
      expect(await kept.isLetIn()).toBe(true);
    });

    test('a list that has ended, or a new certificate of the gateway, ends nobody', async () => {
      const certFile = write('renewed.crt', server.cert);
      const keyFile = write('renewed.key', readFileSync(server.keyFile, 'utf8'));
      await listen({ caFile, crlFile, certFile, keyFile });
      using client = await connected(authority.client('press-1'));
      const until = new Date(Date.now() - DAY_MS / 2);
      write('crls.pem', authority.revocationList({ until }) + other.revocationList({ until }));
      await inUse(1);
      const fresh = authority.server();
      write('renewed.crt', fresh.cert);
      write('renewed.key', readFileSync(fresh.keyFile, 'utf8'));
      await inUse(2);
      expect(await client.isLetIn()).toBe(true);
      expect(refusals()).toEqual([]);
    });

    test('a handshake that had begun before is not let in by the files before', async () => {
      await listen({ caFile, crlFile });
      const press = authority.client('press-1');
      const socket = connectPlain(listener!.port, '127.0.0.1');
      await waitFor(() => listener!.listener.connections === 1, { what: 'it is accepted' });
      authority.revoke(press);
      write('crls.pem', authority.revocationList() + other.revocationList());
      await inUse(1);
      using client = new TestTlsClient(listener!.port, { socket, ...shows(press) });
      expect(await client.isLetIn()).toBe(false);
      expect(refusals()).toMatchObject([refusal('revoked', 'O=Test plant, CN=press-1')]);
      expect(listener!.peers).toEqual([]);
    });
  });

  test('every reason is counted under its name', async () => {
    await listen();
    expect(Object.keys(listener!.listener.counters.certificateRefusals)).toEqual([...certificateRefusals]);
    await isLetIn();
    expect(listener!.listener.counters.certificateRefusals.missing).toBe(1);
  });
});

function keyOf(directory: TemporaryDirectory, { name }: CertificateAuthority): Buffer {
  return readFileSync(directory.file(`${name}/root.key`));
}
