import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  numberOf,
  parseRevocationList,
  revokedNumbers,
  subjectOf,
} from '../../../../../gateway/listener/tls/revocation-list.ts';
import { CertificateAuthority, hasOpenssl } from '../../../../support/certificate-authority.ts';
import { TemporaryDirectory } from '../../../../support/temporary-directory.ts';

const derOf = (pem: string) => Buffer.from(pem.replaceAll(/-----.*-----/g, ''), 'base64');

describe.skipIf(!hasOpenssl())('a revocation list', () => {
  test('tells whose it is, from when until when it holds, and how many it revokes', () => {
    using directory = new TemporaryDirectory();
    const authority = new CertificateAuthority(directory.path, 'Plant CA');
    const [from, until] = [new Date('2024-02-29T23:59:58Z'), new Date('2049-12-31T00:00:00Z')];
    const none = parseRevocationList(derOf(authority.revocationList({ from, until })));
    expect(none).toMatchObject({ thisUpdateMs: from.getTime(), nextUpdateMs: until.getTime(), revoked: 0 });
    expect(none.issuer).toEqual(subjectOf(new X509Certificate(authority.cert)));
    const clients = ['a', 'b', 'c'].map((user) => authority.client(user));
    for (const client of clients) authority.revoke(client);
    const three = parseRevocationList(derOf(authority.revocationList()));
    expect(three.revoked).toBe(3);
    expect(three.digest).not.toBe(none.digest);
    expect([...revokedNumbers(none)]).toEqual([]);
    const names = clients.map(({ cert }) => numberOf(new X509Certificate(cert)));
    expect([...revokedNumbers(three)].sort()).toEqual(names.map(({ number }) => number).sort());
    expect(names[0].issuer).toBe(three.issuer.toString('latin1'));
  });

  test('has dates of the next century too, which are written otherwise (RFC 5280 5.1.2.4)', () => {
    using directory = new TemporaryDirectory();
    const authority = new CertificateAuthority(directory.path, 'Plant CA');
    const until = new Date('2051-01-02T03:04:05Z');
    expect(parseRevocationList(derOf(authority.revocationList({ until }))).nextUpdateMs).toBe(
      until.getTime(),
    );
  });

  test('cut off anywhere, or with any byte of its head changed, is read or refused, and never anything else', () => {
    using directory = new TemporaryDirectory();
    const authority = new CertificateAuthority(directory.path, 'Plant CA');
    authority.revoke(authority.client('a'));
    const whole = derOf(authority.revocationList());
    for (let length = 0; length < whole.length; length++) {
      expect(() => parseRevocationList(whole.subarray(0, length))).toThrow(RangeError);
    }
    for (let at = 0; at < whole.length; at++) {
      for (const value of [0, 0x30, 0x7f, 0x80, 0x84, 0xff]) {
        const changed = Buffer.from(whole);
        changed[at] = value;
        const read = () => parseRevocationList(changed);
        if (throws(read)) expect(read).toThrow(RangeError);
      }
    }
  });

  test('a certificate is none', () => {
    using directory = new TemporaryDirectory();
    const { cert } = new CertificateAuthority(directory.path, 'Plant CA');
    expect(() => parseRevocationList(derOf(cert))).toThrow(RangeError);
  });
});

function throws(read: () => unknown): boolean {
  try {
    read();
    return false;
  } catch {
    return true;
  }
}
