import { describe, expect, test } from 'vitest';
import {
  decoyHash,
  hashFault,
  hashPassword,
  verifyPassword,
} from '../../../../../gateway/admission/identity/password-hash.ts';

const cheap = { ln: 10, r: 8, p: 1 };
const salt = 'A'.repeat(22);
const key = 'B'.repeat(43);
const base64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64').replace(/=+$/, '');

/** RFC 7914, chapter 12, the third vector. */
const rfcKey =
  '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2' +
  'd5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887';

describe('a hash', () => {
  test('of a password is verified by it, and by no other', async () => {
    const hash = await hashPassword('correct horse', cheap);
    expect(hash).toMatch(/^\$scrypt\$ln=10,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(hashFault(hash)).toBeUndefined();
    for (const [password, isGood] of [
      ['correct horse', true],
      [Buffer.from('correct horse'), true],
      ['correct horse ', false],
      ['', false],
    ] as const) {
      expect(await verifyPassword(password, hash)).toBe(isGood);
    }
  });

  test('of the same password is another each time', async () => {
    expect(await hashPassword('x', cheap)).not.toBe(await hashPassword('x', cheap));
  });

  test('of bytes that are no text is of those bytes', async () => {
    const hash = await hashPassword(Buffer.from([0xff, 0x00, 0xfe]), cheap);
    expect(await verifyPassword(Buffer.from([0xff, 0x00, 0xfe]), hash)).toBe(true);
    expect(await verifyPassword(Buffer.from([0xfe, 0x00, 0xff]), hash)).toBe(false);
  });

  test.each([
    [
      'RFC 7914',
      `$scrypt$ln=14,r=8,p=1$${base64(Buffer.from('SodiumChloride').toString('hex'))}$${base64(rfcKey)}`,
      'pleaseletmein',
    ],
    [
      'passlib',
      '$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E',
      'password',
    ],
  ])('by %s is understood', async (_, hash, password) => {
    expect(await verifyPassword(password, hash)).toBe(true);
  });

  test.each([
    ['', 'is not of the form'],
    ['secret', 'is not of the form'],
    [`$argon2id$v=19$m=65536,t=3,p=4$${salt}$${key}`, 'is not of the form'],
    [`$scrypt$ln=15,r=8,p=1$${salt}$${key}=`, 'is not of the form'],
    [`$scrypt$r=8,ln=15,p=1$${salt}$${key}`, 'is not of the form'],
    [`$scrypt$ln=015,r=8,p=1$${salt}$${key}`, 'is not of the form'],
    [`$scrypt$ln=9,r=8,p=1$${salt}$${key}`, 'has ln=9, which is not between 10 and 16'],
    [`$scrypt$ln=31,r=8,p=1$${salt}$${key}`, 'has ln=31'],
    [`$scrypt$ln=10,r=0,p=1$${salt}$${key}`, 'has r=0'],
    [`$scrypt$ln=10,r=99,p=1$${salt}$${key}`, 'has r=99'],
    [`$scrypt$ln=10,r=8,p=17$${salt}$${key}`, 'has p=17'],
    [`$scrypt$ln=16,r=9,p=1$${salt}$${key}`, 'takes more than 64 MiB'],
    [`$scrypt$ln=16,r=8,p=3$${salt}$${key}`, 'takes too long'],
    [`$scrypt$ln=10,r=8,p=1$AAAA$${key}`, 'has a salt of 3 bytes, not of 8 to 64'],
    [`$scrypt$ln=10,r=8,p=1$${'A'.repeat(90)}$${key}`, 'has a salt of 67 bytes'],
    [`$scrypt$ln=10,r=8,p=1$${salt}$AA`, 'has a key of 1 bytes, not of 16 to 64'],
    [`$scrypt$ln=10,r=8,p=1$${salt}$${'A'.repeat(129)}`, 'is not of the form'],
    [`$scrypt$ln=10,r=8,p=1$${salt}$${'A'.repeat(25)}`, 'has a key of 0 bytes'],
  ])('%s is refused before anything is calculated', async (hash, fault) => {
    expect(hashFault(hash)).toContain(fault);
    await expect(verifyPassword('x', hash)).rejects.toThrow(fault);
  });

  test('takes the largest that is allowed', async () => {
    expect(await verifyPassword('x', `$scrypt$ln=11,r=32,p=16$${salt}$${key}`)).toBe(false);
  });
});

describe('a decoy', () => {
  test('costs what its model costs', () => {
    expect(decoyHash(`$scrypt$ln=12,r=4,p=2$${salt}$${key}`)).toMatch(/^\$scrypt\$ln=12,r=4,p=2\$/);
    expect(decoyHash(undefined)).toMatch(/^\$scrypt\$ln=15,r=8,p=1\$/);
    expect(hashFault(decoyHash(undefined))).toBeUndefined();
  });
});
