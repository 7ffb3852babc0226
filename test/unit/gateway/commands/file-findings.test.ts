import { chmodSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { renderProblems } from '../../../../config/check.ts';
import { loadConfig, problemOf } from '../../../../config/load.ts';
import { decoyHash } from '../../../../gateway/admission/identity/password-hash.ts';
import { fileFindings } from '../../../../gateway/commands/file-findings.ts';
import { CertificateAuthority, hasOpenssl } from '../../../support/certificate-authority.ts';
import { TemporaryDirectory } from '../../../support/temporary-directory.ts';

const DAY_MS = 86_400_000;
const hash = decoyHash(undefined);

let directory: TemporaryDirectory;
beforeEach(() => {
  directory = new TemporaryDirectory();
});
afterEach(() => directory[Symbol.dispose]());

/** What is said of the files of a configuration, a line each, with the directory left out. */
async function said(settings: object, nowMs = Date.now()): Promise<string[]> {
  const loaded = loadConfig({ text: JSON.stringify(settings), env: {} });
  if (!loaded.ok) throw new Error(renderProblems(loaded.problems));
  const findings = await fileFindings(loaded.config, nowMs);
  return findings.map((finding) => {
    const line = renderProblems([problemOf(finding, loaded.origins)], 'c.yaml');
    return `${finding.severity} ${line}`.replaceAll(`${directory.path}/`, '');
  });
}

function write(name: string, text: string, mode = 0o600): string {
  const file = directory.file(name);
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

describe('of the password file', () => {
  const groups = { sensors: {} };
  const ofUsers = (text: string, mode?: number) =>
    said({ access: { usersFile: write('users', text, mode), groups } });

  test('nothing is said when it is good, or there is none', async () => {
    expect(await ofUsers(`ann:${hash}:sensors\nbob:${hash}:default\n`)).toEqual([]);
    expect(await said({ access: { anonymous: true } })).toEqual([]);
  });

  test('every line that is wrong is told, at the setting that names the file', async () => {
    const lines = await ofUsers('# users\nann\nbob:secret\n');
    expect(lines).toEqual([
      expect.stringMatching(
        /^problem c\.yaml:1:\d+ access\.usersFile: users:2 has no colon; write user:hash/,
      ),
      expect.stringMatching(
        /^problem c\.yaml:1:\d+ access\.usersFile: users:3 has a hash that is not of the form/,
      ),
    ]);
    expect(lines.join()).not.toContain('secret');
  });

  test('it is told that it is not there, and how to write one', async () => {
    expect(await said({ access: { usersFile: directory.file('gone') } })).toEqual([
      expect.stringMatching(
        /^problem .*usersFile: cannot read the password file gone: ENOENT.*sluice passwd FILE/,
      ),
    ]);
  });

  test('rights and groups that are odd are warnings, with the users of the group', async () => {
    expect(await ofUsers(`ann:${hash}:sensor\n`, 0o644)).toEqual([
      expect.stringMatching(/^warning .* users can be read by everybody on this machine: chmod 600 users\.$/),
      expect.stringMatching(
        /^warning .* users has the group "sensor" of "ann", which access\.groups does not/,
      ),
    ]);
  });
});

describe.skipIf(!hasOpenssl())('of the files of a TLS listener', () => {
  let authority: CertificateAuthority;
  let tls: { type: string; certFile: string; keyFile: string };
  beforeEach(() => {
    authority = new CertificateAuthority(directory.path, 'ca');
    const { certFile, keyFile } = authority.server();
    tls = { type: 'tls', certFile, keyFile };
  });
  const ofListener = (changes: object, nowMs?: number) =>
    said({ access: { anonymous: true }, listeners: [{ type: 'tcp' }, { ...tls, ...changes }] }, nowMs);

  test('nothing is said when they fit together', async () => {
    expect(await ofListener({})).toEqual([]);
    expect(
      await ofListener({ type: 'wss', clientCertificates: 'required', caFile: authority.caFile }),
    ).toEqual([]);
  });

  test('all that cannot be read are told, each at its own setting', async () => {
    const gone = directory.file('gone.pem');
    const trust = { caFile: write('empty.pem', ''), clientCertificates: 'optional' };
    expect(await ofListener({ certFile: gone, keyFile: directory.path, ...trust })).toEqual([
      expect.stringMatching(
        /^problem c\.yaml:1:\d+ listeners\.1\.certFile: gone\.pem does not exist\. Put it there/,
      ),
      expect.stringMatching(/^problem .* listeners\.1\.keyFile: .* is a directory\. Set the path/),
      expect.stringMatching(
        /^problem .* listeners\.1\.caFile: empty\.pem is empty\. Write it anew, whole\.$/,
      ),
    ]);
  });

  test('a key of another certificate, and a revocation list that is none, are told', async () => {
    const { keyFile } = authority.server();
    expect(await ofListener({ keyFile })).toEqual([
      expect.stringMatching(
        /^problem .* listeners\.1\.keyFile: \S+ is not the key of the first certificate in/,
      ),
    ]);
    const trust = { clientCertificates: 'required', caFile: authority.caFile, crlFile: authority.caFile };
    expect(await ofListener(trust)).toEqual([
      expect.stringMatching(/^problem .* listeners\.1\.c\w+File: \S+ holds no X509 CRL, but CERTIFICATE/),
    ]);
  });

  test.each([
    [
      'has expired',
      { from: new Date(Date.now() - 2 * DAY_MS), until: new Date(Date.now() - DAY_MS) },
      'certFile',
    ],
    [
      'is not valid yet',
      { from: new Date(Date.now() + DAY_MS), until: new Date(Date.now() + 2 * DAY_MS) },
      'certFile',
    ],
  ])('a certificate that %s is a warning', async (_, validity, setting) => {
    const { certFile, keyFile } = authority.issue({ subject: '/CN=old', ...validity });
    expect(await ofListener({ certFile, keyFile })).toEqual([
      expect.stringMatching(
        new RegExp(
          `^warning .* listeners\\.1\\.${setting}: \\S+ the certificate of CN=old (has expired|holds only)`,
        ),
      ),
    ]);
  });

  test('an authority that has expired is told at its own setting; one that nobody is asked for not at all', async () => {
    const later = Date.now() + 10 * DAY_MS;
    const both = await ofListener({ clientCertificates: 'required', caFile: authority.caFile }, later);
    expect(both.map((line) => /listeners\.1\.\w+/.exec(line)?.[0])).toEqual([
      'listeners.1.certFile',
      'listeners.1.caFile',
    ]);
    expect(await ofListener({ caFile: directory.file('gone.pem') })).toEqual([]);
  });
});
