import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../../../config/load.ts';
import type { Config, ListenerConfig } from '../../../../config/settings.ts';
import { clientFlags } from '../../../../gateway/commands/client-flags.ts';
import { CertificateAuthority, hasOpenssl } from '../../../support/certificate-authority.ts';
import { TemporaryDirectory } from '../../../support/temporary-directory.ts';

const tcp = { type: 'tcp', host: '127.0.0.1', port: 0, maxConnections: 1 } as const;
const ws = { ...tcp, type: 'ws', path: '/mqtt' } as const;
const noTrust = { caFile: '', crlFile: '', clientCertificates: 'none', identity: 'cn' } as const;
const anonymous = { anonymous: true };
const { access } = configOf();

function configOf(): Config {
  const loaded = loadConfig({ text: 'access: {anonymous: true}', env: {} });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.config;
}

function flagsOf(
  listeners: readonly ListenerConfig[],
  urls: readonly string[],
  changes: Partial<Config['access']> = anonymous,
): string | undefined {
  return clientFlags({ listeners: [...listeners], access: { ...access, ...changes } }, urls);
}

test('of TCP are the address and the port that was opened', () => {
  expect(flagsOf([tcp], ['mqtt://127.0.0.1:4711'])).toBe('-h 127.0.0.1 -p 4711');
  expect(flagsOf([{ ...tcp, host: '::1' }], ['mqtt://[::1]:4711'])).toBe('-h ::1 -p 4711');
  expect(flagsOf([{ ...tcp, host: '0.0.0.0' }], ['mqtt://0.0.0.0:80'])).toBe('-h localhost -p 80');
});

test('are of the first listener that is no WebSocket, if there is one', () => {
  expect(flagsOf([ws, tcp], ['ws://127.0.0.1:1/mqtt', 'mqtt://127.0.0.1:2'])).toBe('-h 127.0.0.1 -p 2');
  expect(flagsOf([ws], ['ws://127.0.0.1:1/mqtt'])).toBeUndefined();
});

test('have a user and a password where nobody comes in without', () => {
  const users = { anonymous: false, usersFile: 'users' };
  expect(flagsOf([tcp], ['mqtt://127.0.0.1:1'], users)).toBe('-h 127.0.0.1 -p 1 -u USER -P PASSWORD');
  const hook = { anonymous: false, hook: { ...access.hook, url: 'http://127.0.0.1/' } };
  expect(flagsOf([tcp], ['mqtt://127.0.0.1:1'], hook)).toBe('-h 127.0.0.1 -p 1 -u USER -P PASSWORD');
  expect(flagsOf([tcp], ['mqtt://127.0.0.1:1'], { ...users, anonymous: true })).toBe('-h 127.0.0.1 -p 1');
});

test('are not of a listener that lets nobody in', () => {
  const tls = { ...tcp, ...noTrust, type: 'tls', certFile: '/gone', keyFile: '' } as const;
  const asking = { ...tls, clientCertificates: 'optional' } as const;
  const urls = ['mqtt://127.0.0.1:1', 'mqtts://127.0.0.1:2'];
  expect(flagsOf([tcp, asking], urls, { anonymous: false })).toMatch(/^-h 127\.0\.0\.1 -p 2 /);
  expect(flagsOf([tcp, tls], urls, { anonymous: false })).toBeUndefined();
});

describe.skipIf(!hasOpenssl())('of TLS', () => {
  let directory: TemporaryDirectory;
  let authority: CertificateAuthority;
  beforeAll(() => {
    directory = new TemporaryDirectory();
    authority = new CertificateAuthority(directory.path, 'Plant CA');
  });
  afterAll(() => directory[Symbol.dispose]());

  function flags(
    changes: Partial<Extract<ListenerConfig, { type: 'tls' }>>,
    signIn?: Partial<Config['access']>,
  ): string | undefined {
    const { certFile } = authority.server();
    const listener = { ...tcp, ...noTrust, keyFile: '', type: 'tls' as const, certFile, ...changes };
    return flagsOf([listener], ['mqtts://127.0.0.1:8883'], signIn);
  }

  test('name the file with the authority, and a certificate of one’s own where it is required', () => {
    const caFile = authority.caFile;
    expect(flags({ caFile })).toBe(`-h 127.0.0.1 -p 8883 --cafile '${caFile}'`);
    expect(flags({ caFile, clientCertificates: 'required' })).toBe(
      `-h 127.0.0.1 -p 8883 --cafile '${caFile}' --cert CERT_FILE --key KEY_FILE`,
    );
  });

  test('say who one is where the listener asks for it', () => {
    const head = `-h 127.0.0.1 -p 8883 --cafile '${authority.caFile}'`;
    const certificate = '--cert CERT_FILE --key KEY_FILE';
    const users = { anonymous: false, usersFile: 'users' };
    const trust = { caFile: authority.caFile };
    expect(flags(trust, users)).toBe(`${head} -u USER -P PASSWORD`);
    expect(flags({ ...trust, clientCertificates: 'optional' }, users)).toBe(`${head} -u USER -P PASSWORD`);
    expect(flags({ ...trust, clientCertificates: 'required' }, users)).toBe(`${head} ${certificate}`);
    expect(flags({ ...trust, clientCertificates: 'optional' }, { anonymous: false })).toBe(
      `${head} ${certificate}`,
    );
    expect(flags({ ...trust, clientCertificates: 'optional' })).toBe(head);
  });

  test('name the certificate itself where its root is in the same file', () => {
    const certFile = directory.file('chain.crt');
    writeFileSync(certFile, authority.server().cert + authority.cert);
    expect(flags({ certFile })).toBe(`-h 127.0.0.1 -p 8883 --cafile ${certFile}`);
  });

  test('have a placeholder where nobody here knows the authority, or the files are gone', () => {
    expect(flags({})).toBe('-h 127.0.0.1 -p 8883 --cafile CA_FILE');
    expect(flags({ certFile: '/gone' })).toBe('-h 127.0.0.1 -p 8883 --cafile CA_FILE');
  });

  test('take a host that the certificate is good for', () => {
    const hostIn = (names: string, host: string) => {
      const { certFile } = authority.server({ extensions: [`subjectAltName=${names}`] });
      return flags({ certFile, host })?.split(' ')[1];
    };
    expect(hostIn('DNS:localhost', '127.0.0.1')).toBe('localhost');
    expect(hostIn('IP:127.0.0.1', '0.0.0.0')).toBe('127.0.0.1');
    expect(hostIn('DNS:*.plant,DNS:gateway.plant', '0.0.0.0')).toBe('gateway.plant');
    expect(hostIn('URI:urn:x', '10.0.0.1')).toBe('10.0.0.1');
  });
});
