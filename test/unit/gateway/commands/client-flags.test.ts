import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ListenerConfig } from '../../../../config/settings.ts';
import { clientFlags } from '../../../../gateway/commands/client-flags.ts';
import { CertificateAuthority, hasOpenssl } from '../../../support/certificate-authority.ts';
import { TemporaryDirectory } from '../../../support/temporary-directory.ts';

const tcp = { type: 'tcp', host: '127.0.0.1', port: 0, maxConnections: 1 } as const;
const ws = { ...tcp, type: 'ws', path: '/mqtt' } as const;

test('of TCP are the address and the port that was opened', () => {
  expect(clientFlags([tcp], ['mqtt://127.0.0.1:4711'])).toBe('-h 127.0.0.1 -p 4711');
  expect(clientFlags([{ ...tcp, host: '::1' }], ['mqtt://[::1]:4711'])).toBe('-h ::1 -p 4711');
  expect(clientFlags([{ ...tcp, host: '0.0.0.0' }], ['mqtt://0.0.0.0:80'])).toBe('-h localhost -p 80');
});

test('are of the first listener that is no WebSocket, if there is one', () => {
  expect(clientFlags([ws, tcp], ['ws://127.0.0.1:1/mqtt', 'mqtt://127.0.0.1:2'])).toBe('-h 127.0.0.1 -p 2');
  expect(clientFlags([ws], ['ws://127.0.0.1:1/mqtt'])).toBeUndefined();
});

describe.skipIf(!hasOpenssl())('of TLS', () => {
  let directory: TemporaryDirectory;
  let authority: CertificateAuthority;
  beforeAll(() => {
    directory = new TemporaryDirectory();
    authority = new CertificateAuthority(directory.path, 'Plant CA');
  });
  afterAll(() => directory[Symbol.dispose]());

  function flags(changes: Partial<Extract<ListenerConfig, { type: 'tls' }>>): string | undefined {
    const tls = { keyFile: '', caFile: '', crlFile: '', clientCertificates: 'none', identity: 'cn' } as const;
    const { certFile } = authority.server();
    return clientFlags([{ ...tcp, ...tls, type: 'tls', certFile, ...changes }], ['mqtts://127.0.0.1:8883']);
  }

  test('name the file with the authority, and a certificate of one’s own where it is required', () => {
    const caFile = authority.caFile;
    expect(flags({ caFile })).toBe(`-h 127.0.0.1 -p 8883 --cafile '${caFile}'`);
    expect(flags({ caFile, clientCertificates: 'required' })).toBe(
      `-h 127.0.0.1 -p 8883 --cafile '${caFile}' --cert client.crt --key client.key`,
    );
  });

  test('name the certificate itself where its root is in the same file', () => {
    const certFile = directory.file('chain.crt');
    writeFileSync(certFile, authority.server().cert + authority.cert);
    expect(flags({ certFile })).toBe(`-h 127.0.0.1 -p 8883 --cafile ${certFile}`);
  });

  test('have a placeholder where nobody here knows the authority, or the files are gone', () => {
    expect(flags({})).toBe('-h 127.0.0.1 -p 8883 --cafile authority.crt');
    expect(flags({ certFile: '/gone' })).toBe('-h 127.0.0.1 -p 8883 --cafile authority.crt');
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
