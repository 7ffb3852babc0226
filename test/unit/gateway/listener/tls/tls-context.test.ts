import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SluiceError } from '../../../../../config/errors.ts';
import { tlsLimits } from '../../../../../config/limits.ts';
import { loadTlsContext, type TlsFiles } from '../../../../../gateway/listener/tls/tls-context.ts';
import { CertificateAuthority, hasOpenssl, openssl } from '../../../../support/certificate-authority.ts';
import { TemporaryDirectory } from '../../../../support/temporary-directory.ts';

const DAY_MS = 86_400_000;

describe.skipIf(!hasOpenssl())('the files of a TLS listener', () => {
  let directory: TemporaryDirectory;
  let authority: CertificateAuthority;
  let files: TlsFiles;

  beforeEach(() => {
    directory = new TemporaryDirectory();
    authority = new CertificateAuthority(directory.path, 'Plant CA');
    const { certFile, keyFile } = authority.server();
    files = { certFile, keyFile, caFile: '', crlFile: '', clientCertificates: 'none' };
  });
  afterEach(() => directory[Symbol.dispose]());

  const load = (changes: Partial<TlsFiles> = {}, nowMs = Date.now()) =>
    loadTlsContext({ ...files, ...changes }, nowMs);

  function write(name: string, content: string | Buffer): string {
    const file = directory.file(name);
    writeFileSync(file, content);
    return file;
  }

  /** What the operator reads: "code: message. hint" */
  function faultOf(changes: Partial<TlsFiles>): string {
    try {
      load(changes);
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      return `${error.code}: ${error.message}. ${error.hint}`;
    }
    return 'none';
  }

  const asking = (changes: Partial<TlsFiles> = {}): Partial<TlsFiles> => ({
    clientCertificates: 'required',
    caFile: authority.caFile,
    ...changes,
  });

  test('that fit together make a context, without a word', () => {
    const { warnings, authorities, files: loaded, options } = load();
    expect({ warnings, authorities }).toEqual({ warnings: [], authorities: [] });
    expect(loaded.map(({ path }) => path)).toEqual([files.certFile, files.keyFile]);
    expect(loaded[0].detail).toMatch(
      /^CN=localhost, fingerprint ([0-9A-F]{2}:){31}[0-9A-F]{2}, valid until 20/,
    );
    // Without an authority of ours, every public one would be believed.
    expect('ca' in options).toBe(false);
  });

  test('with authorities and lists are all there for the audit log', () => {
    authority.revoke(authority.client('lost'));
    const crlFile = write('crl.pem', authority.revocationList());
    const { warnings, files: loaded } = load(asking({ crlFile }));
    expect(warnings).toEqual([]);
    expect(loaded.map(({ path }) => path)).toEqual([
      files.certFile,
      files.keyFile,
      authority.caFile,
      crlFile,
    ]);
    expect(loaded[2].detail).toBe('authorities: O=Test plant, CN=Plant CA');
    expect(loaded[3].detail).toMatch(/^revocation lists: 1 revoked, holds until 20/);
  });

  test('that are missing are named', () => {
    const certFile = directory.file('none.pem');
    expect(faultOf({ certFile })).toBe(
      `TLS_FILE_UNREADABLE: ${certFile} does not exist. Put it there, or set the right path in listeners[].`,
    );
    expect(faultOf({ keyFile: directory.path })).toMatch(/^TLS_FILE_UNREADABLE: .* is a directory\./);
    expect(faultOf(asking({ crlFile: '/nowhere/crl.pem' }))).toMatch(
      /^TLS_FILE_UNREADABLE: \/nowhere\/crl.pem /,
    );
  });

  test.skipIf(process.getuid?.() === 0)('that may not be read are named', () => {
    chmodSync(files.keyFile, 0);
    expect(faultOf({})).toMatch(/^TLS_FILE_UNREADABLE: .* may not be read by the gateway\. Give the user/);
  });

  test('that are huge are not read', () => {
    const certFile = write('huge.pem', '');
    truncateSync(certFile, tlsLimits.fileBytesMax + 1);
    expect(faultOf({ certFile })).toMatch(
      /^TLS_FILE_UNREADABLE: .*huge.pem cannot be read: it has \d+ bytes/,
    );
  });

  test('that are empty, cut off or not PEM are told apart', () => {
    expect(faultOf({ certFile: write('a.pem', '') })).toMatch(/^TLS_FILE_NOT_PEM: .*a.pem is empty\. /);
    const cert = readFileSync(files.certFile, 'utf8');
    expect(faultOf({ certFile: write('b.pem', cert.slice(0, 400)) })).toMatch(
      /^TLS_FILE_NOT_PEM: .*b.pem has no PEM in it/,
    );
    openssl('x509', '-in', files.certFile, '-outform', 'DER', '-out', directory.file('c.der'));
    expect(faultOf({ certFile: directory.file('c.der') })).toMatch(
      /^TLS_FILE_NOT_PEM: .*c.der is DER, not PEM\. Convert it/,
    );
  });

  test('that are mixed up are told by what they hold', () => {
    const { certFile, keyFile } = files;
    expect(faultOf({ certFile: keyFile, keyFile: certFile })).toMatch(
      /^TLS_CERTIFICATE: .* holds no CERTIFICATE, but EC PRIVATE KEY\. Check that/,
    );
    expect(faultOf({ keyFile: certFile })).toMatch(/^TLS_KEY: .* holds no PRIVATE KEY, but CERTIFICATE/);
    expect(faultOf(asking({ caFile: keyFile }))).toMatch(/^TLS_AUTHORITIES: .* holds no CERTIFICATE/);
    expect(faultOf(asking({ crlFile: certFile }))).toMatch(
      /^TLS_REVOCATION_LIST: .* holds no X509 CRL, but CERTIFICATE/,
    );
  });

  test('with nonsense between the right lines are told', () => {
    const block = (label: string) => `-----BEGIN ${label}-----\nbm9uc2Vuc2U=\n-----END ${label}-----\n`;
    const good = readFileSync(files.certFile, 'utf8');
    expect(faultOf({ certFile: write('a.pem', block('CERTIFICATE')) })).toMatch(
      /^TLS_CERTIFICATE: .*a.pem holds something unreadable as certificate 1 of 1\./,
    );
    expect(faultOf({ certFile: write('chain.pem', good + block('CERTIFICATE')) })).toMatch(
      /chain.pem holds something unreadable as certificate 2 of 2\./,
    );
    expect(faultOf({ keyFile: write('b.pem', block('PRIVATE KEY')) })).toMatch(
      /^TLS_KEY: .*b.pem holds no usable key\./,
    );
    const lists = authority.revocationList() + block('X509 CRL');
    expect(faultOf(asking({ crlFile: write('c.pem', lists) }))).toMatch(
      /^TLS_REVOCATION_LIST: .*c.pem holds something unreadable as revocation list 2 of 2\./,
    );
  });

  test('of which the key is of another certificate are refused', () => {
    const { keyFile } = authority.server();
    expect(faultOf({ keyFile })).toMatch(
      /^TLS_KEY_MISMATCH: .* is not the key of the first certificate in .*, CN=localhost\./,
    );
  });

  test('of which the certificate is not the first in its file are refused', () => {
    const certFile = write('chain.pem', authority.cert + readFileSync(files.certFile, 'utf8'));
    expect(faultOf({ certFile })).toMatch(/^TLS_KEY_MISMATCH: .* Put the gateway's own certificate first/);
  });

  test.each(['traditional', 'pkcs8'])('of which the key is encrypted (%s) say how to decrypt it', (form) => {
    const keyFile = directory.file('locked.key');
    const how = form === 'pkcs8' ? ['pkcs8', '-topk8'] : ['ec', '-aes128'];
    openssl(...how, '-in', files.keyFile, '-passout', 'pass:secret', '-out', keyFile);
    expect(faultOf({ keyFile })).toMatch(/^TLS_KEY: .*locked.key holds an encrypted key.* Decrypt it with/);
  });

  test('of which OpenSSL takes the key for too short are refused with its reason', () => {
    const [certFile, keyFile] = [directory.file('weak.crt'), directory.file('weak.key')];
    const args = ['req', '-x509', '-newkey', 'rsa:512', '-noenc', '-subj', '/CN=weak', '-keyout', keyFile];
    execFileSync('openssl', [...args, '-out', certFile], { stdio: 'ignore' });
    expect(faultOf({ certFile, keyFile })).toMatch(/^TLS_CONTEXT: .*weak.crt .*key too small/);
  });

  test('without authorities are refused when clients are asked for certificates', () => {
    expect(faultOf({ clientCertificates: 'optional' })).toMatch(
      /^TLS_AUTHORITIES: caFile of the listener is empty, but clientCertificates is optional\. Set it/,
    );
  });

  test('of which one has expired, or holds later, are used with a warning', () => {
    const later = load(asking(), Date.now() + 3 * DAY_MS).warnings;
    expect(later).toHaveLength(2);
    expect(later[0]).toMatch(/the certificate of CN=localhost has expired at 20.*; have it renewed$/);
    expect(later[1]).toMatch(/the certificate of O=Test plant, CN=Plant CA has expired/);
    expect(load({}, Date.now() - 3 * DAY_MS).warnings).toEqual([
      expect.stringMatching(/CN=localhost holds only from 20.* on; check the date/),
    ]);
  });

  test('of which the revocation list has ended, or holds later, warn that everybody is refused', () => {
    const crlFile = write('crl.pem', authority.revocationList({ until: new Date('2020-01-02T03:04:05Z') }));
    expect(load(asking({ crlFile })).warnings).toEqual([
      `${crlFile}: the revocation list of O=Test plant, CN=Plant CA has ended at 2020-01-02T03:04:05Z: ` +
        'every client certificate below it is refused; fetch a newer one',
    ]);
    const from = new Date(Date.now() + DAY_MS);
    writeFileSync(crlFile, authority.revocationList({ from, until: new Date(Date.now() + 2 * DAY_MS) }));
    expect(load(asking({ crlFile })).warnings).toEqual([
      expect.stringMatching(
        /CN=Plant CA holds only from 20.* on: every client certificate below it is refused/,
      ),
    ]);
    // A newer one beside it will do.
    const both = authority.revocationList({ until: new Date('2020-01-02T03:04:05Z') });
    writeFileSync(crlFile, both + authority.revocationList());
    expect(load(asking({ crlFile })).warnings).toEqual([]);
  });

  test('of which an authority has no revocation list, while others have, warn that its clients are refused', () => {
    const other = new CertificateAuthority(directory.path, 'Other CA');
    const caFile = write('both.pem', authority.cert + other.cert);
    const crlFile = write('crl.pem', authority.revocationList());
    expect(load(asking({ caFile, crlFile })).warnings).toEqual([
      `${crlFile} has no revocation list of O=Test plant, CN=Other CA: every client certificate below it is ` +
        'refused; add its list',
    ]);
    expect(load(asking({ caFile })).warnings).toEqual([]);
    const of = write('of.pem', authority.revocationList() + other.revocationList());
    expect(load(asking({ crlFile: of })).warnings).toEqual([
      `${of} has a revocation list of an authority that ${authority.caFile} does not have`,
    ]);
  });

  test('with an authority that is not a root, without its root, warn that its clients are refused', () => {
    const sub = new CertificateAuthority(directory.path, 'Sub CA', authority);
    expect(load(asking({ caFile: sub.caFile })).warnings).toEqual([
      expect.stringMatching(/CN=Sub CA is not a root, .*; add the certificates up to the root$/),
    ]);
    const caFile = write('both.pem', sub.cert + authority.cert);
    expect(load(asking({ caFile })).warnings).toEqual([]);
  });

  test('that have no effect are told, for somebody thinks that they have', () => {
    expect(load({ caFile: '/ca.pem', crlFile: '/crl.pem' }).warnings).toEqual([
      'caFile /ca.pem has no effect: clientCertificates is none, so no client is asked for a certificate',
      'crlFile /crl.pem has no effect: clientCertificates is none, so no client is asked for a certificate',
    ]);
  });
});
