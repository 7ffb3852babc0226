import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type CertificateRules,
  certificateRefusals,
  judgeCertificate,
  type ShownCertificate,
} from '../../../../../gateway/listener/tls/certificate-judge.ts';
import { CertificateAuthority, hasOpenssl } from '../../../../support/certificate-authority.ts';
import { TemporaryDirectory } from '../../../../support/temporary-directory.ts';

describe.skipIf(!hasOpenssl())('a client that shows', () => {
  let directory: TemporaryDirectory;
  let certificate: X509Certificate;
  let stranger: X509Certificate;
  let rules: CertificateRules;
  beforeAll(() => {
    directory = new TemporaryDirectory();
    const authority = new CertificateAuthority(directory.path, 'Plant CA');
    certificate = new X509Certificate(authority.client('press-1').cert);
    // The same name, so that it is the key that makes the difference.
    const namesake = new CertificateAuthority(`${directory.path}/other`, 'Plant CA');
    stranger = new X509Certificate(namesake.client('press-1').cert);
    const authorities = [new X509Certificate(authority.cert)];
    rules = { clientCertificates: 'required', identity: 'cn', authorities };
  });
  afterAll(() => directory[Symbol.dispose]());

  const judge = (shown: Partial<ShownCertificate>, rest: Partial<CertificateRules> = {}) =>
    judgeCertificate(
      { certificate: undefined, isAuthorized: false, fault: '', ...shown },
      { ...rules, ...rest },
    );

  test('a good certificate is let in under its name', () => {
    const subject = 'O=Test plant, CN=press-1';
    expect(judge({ certificate, isAuthorized: true })).toEqual({
      kind: 'accept',
      certificate: { user: 'press-1', subject },
    });
  });

  test('none is let in without a name only where certificates are optional', () => {
    // What Node says of a client without a certificate, and what it might say.
    for (const shown of [{ fault: 'UNABLE_TO_GET_ISSUER_CERT' }, { isAuthorized: true }]) {
      expect(judge(shown)).toMatchObject({ kind: 'refuse', reason: 'missing' });
      expect(judge(shown, { clientCertificates: 'optional' })).toEqual({ kind: 'accept', certificate: null });
    }
  });

  test.each([
    ['CERT_HAS_EXPIRED', 'expired'],
    ['CERT_NOT_YET_VALID', 'not-yet-valid'],
    ['CERT_REVOKED', 'revoked'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unknown-authority'],
    ['CRL_HAS_EXPIRED', 'crl-expired'],
    ['CRL_SIGNATURE_FAILURE', 'crl-unusable'],
    ['UNABLE_TO_GET_CRL', 'crl-missing'],
    ['INVALID_PURPOSE', 'wrong-purpose'],
    ['UNSPECIFIED', 'invalid'],
    ['toString', 'invalid'],
    ['', 'invalid'],
  ])('one of which OpenSSL says %s is refused as %s, where it is optional too', (fault, reason) => {
    for (const clientCertificates of ['required', 'optional'] as const) {
      const verdict = judge({ certificate, fault }, { clientCertificates });
      expect(verdict).toMatchObject({ kind: 'refuse', reason, subject: 'O=Test plant, CN=press-1' });
      expect(certificateRefusals).toContain(reason);
    }
  });

  test.each(['UNABLE_TO_GET_CRL', 'CERT_HAS_EXPIRED', 'INVALID_PURPOSE', 'UNSPECIFIED'])(
    'one of a stranger is of an unknown authority, also when OpenSSL only says %s',
    (fault) => {
      const verdict = judge({ certificate: stranger, fault });
      expect(verdict).toMatchObject({ kind: 'refuse', reason: 'unknown-authority' });
    },
  );

  test('one that cannot be read is refused, and nothing is thrown', () => {
    const unreadable = {
      get subject() {
        throw new Error('out of\nmemory');
      },
    } as unknown as X509Certificate;
    const verdict = judge({ certificate: unreadable, isAuthorized: true });
    expect(verdict).toMatchObject({ kind: 'refuse', reason: 'invalid', detail: 'out of?memory' });
  });

  test('a very long subject is told in part', () => {
    const long = {
      subject: `CN=${'x\n'.repeat(5000)}`,
      serialNumber: '01',
      issuer: 'CN=\u001b[2J',
      checkIssued: () => true,
      verify: () => true,
    };
    const verdict = judge({ certificate: long as unknown as X509Certificate, fault: 'CERT_HAS_EXPIRED' });
    expect(verdict).toMatchObject({ detail: 'CERT_HAS_EXPIRED, serial 01, issued by CN=?[2J' });
    expect(verdict.kind === 'refuse' && verdict.subject.length).toBe(512);
  });
});
