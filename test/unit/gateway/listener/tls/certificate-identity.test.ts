import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  certificateUser,
  type IdentityRule,
} from '../../../../../gateway/listener/tls/certificate-identity.ts';
import { CertificateAuthority, hasOpenssl } from '../../../../support/certificate-authority.ts';
import { TemporaryDirectory } from '../../../../support/temporary-directory.ts';

const IA5 = { 'san-email': 0x81, 'san-dns': 0x82, 'san-uri': 0x86 } as const;

/** The extension as bytes, so that any byte can stand in a name. */
function alternativeNames(...names: [rule: keyof typeof IA5, value: string | Buffer][]): string {
  const entries = names.map(([rule, value]) => tagged(IA5[rule], Buffer.from(value)));
  return `subjectAltName=DER:${tagged(0x30, Buffer.concat(entries)).toString('hex')}`;
}

function tagged(tag: number, body: Buffer): Buffer {
  const length = body.length < 0x80 ? [body.length] : [0x82, body.length >>> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

describe.skipIf(!hasOpenssl())('the user in a certificate', () => {
  let directory: TemporaryDirectory;
  let authority: CertificateAuthority;
  beforeAll(() => {
    directory = new TemporaryDirectory();
    authority = new CertificateAuthority(directory.path, 'Plant CA');
  });
  afterAll(() => directory[Symbol.dispose]());

  const userOf = (rule: IdentityRule, subject: string, ...extensions: string[]) =>
    certificateUser(new X509Certificate(authority.issue({ subject, extensions }).cert), rule);
  const user = (name: string) => ({ ok: true, user: name });
  const refused = (reason: string) => ({ ok: false, reason });

  test.each([
    ['/CN=press-1', 'press-1'],
    ['/O=Plant/OU=Hall 2/CN=press-1', 'press-1'],
    ['/CN=a, CN=admin', 'a, CN=admin'],
    ['/CN=a\\+OU=b', 'a+OU=b'],
    ['/CN=a\\/CN=admin', 'a/CN=admin'],
    ['/CN="quoted\\\\"', '"quoted\\"'],
    ['/CN=Wägung ☃', 'Wägung ☃'],
    ['/O=CN=admin/CN=press-1', 'press-1'],
    ['/CN= DNS:x', ' DNS:x'],
  ])('by its common name, in the subject %s, is %s', (subject, name) => {
    expect(userOf('cn', subject)).toEqual(user(name));
  });

  test('is nobody without a common name, with several, or with one that is not a name', () => {
    expect(userOf('cn', '/O=Plant')).toEqual(refused('no-name'));
    expect(userOf('cn', '/O=Plant', alternativeNames(['san-dns', 'press-1']))).toEqual(refused('no-name'));
    expect(userOf('cn', '/CN=press-1/CN=admin')).toEqual(refused('ambiguous-name'));
    expect(userOf('cn', '/CN=press-1\nCN=admin')).toEqual(refused('bad-name'));
    expect(userOf('cn', '/CN=press-1\u0085')).toEqual(refused('bad-name'));
    expect(userOf('cn', '/CN=press-1\u2028')).toEqual(refused('bad-name'));
    expect(userOf('cn', '/CN=press\uffff')).toEqual(refused('bad-name'));
    expect(userOf('cn', '/CN=press\ufffd')).toEqual(refused('bad-name'));
  });

  test('by an alternative name is the first of its kind, whatever stands before it', () => {
    const names = alternativeNames(
      ['san-uri', 'urn:dev:1'],
      ['san-dns', 'press-1.plant'],
      ['san-email', 'press-1@plant'],
      ['san-dns', 'admin'],
      ['san-email', 'admin@plant'],
      ['san-uri', 'urn:admin'],
    );
    expect(userOf('san-dns', '/CN=x', names)).toEqual(user('press-1.plant'));
    expect(userOf('san-email', '/CN=x', names)).toEqual(user('press-1@plant'));
    expect(userOf('san-uri', '/CN=x', names)).toEqual(user('urn:dev:1'));
    expect(userOf('cn', '/CN=x', names)).toEqual(user('x'));
  });

  test('is nobody without an alternative name of the kind', () => {
    expect(userOf('san-dns', '/CN=press-1')).toEqual(refused('no-name'));
    expect(userOf('san-dns', '/CN=press-1', alternativeNames(['san-uri', 'urn:x']))).toEqual(
      refused('no-name'),
    );
    expect(userOf('san-dns', '/CN=press-1', alternativeNames(['san-dns', '']))).toEqual(refused('no-name'));
    expect(userOf('san-dns', '/CN=x', 'subjectAltName=dirName:d', '[d]', 'CN=DNS:admin')).toEqual(
      refused('no-name'),
    );
  });

  test.each([
    ['a, DNS:admin'],
    ['a", DNS:admin, "b'],
    ['"admin"'],
    ["a', DNS:admin"],
    ['a\\u002c DNS:admin'],
    ['a, email:admin'],
  ])('is %s and nobody else when that is the name, however it looks (CVE-2021-44532)', (name) => {
    expect(userOf('san-uri', '/CN=x', alternativeNames(['san-uri', name]))).toEqual(user(name));
    expect(userOf('san-dns', '/CN=x', alternativeNames(['san-uri', name]))).toEqual(refused('no-name'));
    const before = alternativeNames(['san-uri', name], ['san-dns', 'press-1']);
    expect(userOf('san-dns', '/CN=x', before)).toEqual(user('press-1'));
  });

  test.each([
    ['a NUL', 'admin\0.evil'],
    ['a line end', 'admin\n'],
    ['a byte that is not ASCII', Buffer.from([0x61, 0xe4])],
    ['UTF-8', 'Wägung'],
  ])('is nobody with %s in the alternative name', (_what, name) => {
    expect(userOf('san-dns', '/CN=x', alternativeNames(['san-dns', name]))).toEqual(refused('bad-name'));
    // Not the next one either: the first is the name.
    const two = alternativeNames(['san-dns', name], ['san-dns', 'admin']);
    expect(userOf('san-dns', '/CN=x', two)).toEqual(refused('bad-name'));
  });

  test('has at most 256 characters', () => {
    const [longest, tooLong] = [256, 257].map((length) => 'n'.repeat(length));
    expect(userOf('san-uri', '/CN=x', alternativeNames(['san-uri', longest]))).toEqual(user(longest));
    expect(userOf('san-uri', '/CN=x', alternativeNames(['san-uri', tooLong]))).toEqual(refused('bad-name'));
  });
});
