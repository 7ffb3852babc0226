// Passwords as they are kept: scrypt (RFC 7914) in the PHC string format,
//
//     $scrypt$ln=15,r=8,p=1$<salt>$<key>       base64 without padding; N = 2^ln, memory = 128 * N * r bytes
//
// as passlib and others write it too. What a file asks for is bounded before anything is calculated, so that no file
// can take the memory or the time of the gateway. scrypt runs in libuv's thread pool; how many at a time is the
// caller's (password-check.ts).

import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { MiB } from '../../../config/limits.ts';

export interface HashCost {
  /** Binary logarithm of N. */
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

/** 32 MiB and, on one core of a small board, a third of a second. */
export const defaultHashCost: HashCost = { ln: 15, r: 8, p: 1 };

const hashLimits = {
  ln: { min: 10, max: 16 },
  r: { min: 1, max: 32 },
  p: { min: 1, max: 16 },
  memoryBytesMax: 64 * MiB,
  /** N * r * p: four times the time of the default. */
  workMax: 2 ** 20,
  saltBytes: { min: 8, max: 64 },
  /** A key of one byte would be met by one password in 256. */
  keyBytes: { min: 16, max: 64 },
} as const;
/** Of `sluice passwd --cost`. */
export const costRange = hashLimits.ln;

const SALT_BYTES = 16;
const KEY_BYTES = 32;
const FORM =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{1,128})\$([A-Za-z0-9+/]{1,128})$/;

const COST_NAMES = ['ln', 'r', 'p'] as const;

interface HashParts {
  readonly cost: HashCost;
  /** Base64. */
  readonly salt: string;
  readonly key: string;
}

/** The bytes of a text are its UTF-8. Resolves to the PHC string; a new one each time, because of its salt. */
export async function hashPassword(
  password: string | Buffer,
  cost: HashCost = defaultHashCost,
): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  return phcOf(cost, salt, await derive(password, cost, { salt, bytes: KEY_BYTES }));
}

/** In a time that depends on the hash alone. Rejects when `hash` is none (`hashFault` tells before). */
export async function verifyPassword(password: string | Buffer, hash: string): Promise<boolean> {
  const found = parts(hash);
  if (typeof found === 'string') throw new RangeError(`the hash ${found}`);
  const [salt, key] = [Buffer.from(found.salt, 'base64'), Buffer.from(found.key, 'base64')];
  return timingSafeEqual(await derive(password, found.cost, { salt, bytes: key.length }), key);
}

/** What is wrong with a hash, as the end of a sentence; undefined when nothing is. */
export function hashFault(hash: string): string | undefined {
  const found = parts(hash);
  return typeof found === 'string' ? found : undefined;
}

/** A hash that no password has, and that takes as long to verify as `like`. */
export function decoyHash(like: string | undefined): string {
  const found = like === undefined ? 'none' : parts(like);
  const cost = typeof found === 'string' ? defaultHashCost : found.cost;
  return phcOf(cost, randomBytes(SALT_BYTES), randomBytes(KEY_BYTES));
}

/** Makes no buffers: a file of a hundred thousand is checked while devices are being served. */
function parts(hash: string): HashParts | string {
  const match = FORM.exec(hash);
  if (match === null) return 'is not of the form $scrypt$ln=15,r=8,p=1$salt$key';
  const cost = { ln: Number(match[1]), r: Number(match[2]), p: Number(match[3]) };
  for (const name of COST_NAMES) {
    const { min, max } = hashLimits[name];
    const value = cost[name];
    if (value < min || value > max) return `has ${name}=${value}, which is not between ${min} and ${max}`;
  }
  const { memoryBytesMax, workMax, saltBytes, keyBytes } = hashLimits;
  if (memoryBytes(cost) > memoryBytesMax) return `takes more than ${memoryBytesMax / MiB} MiB`;
  if (2 ** cost.ln * cost.r * cost.p > workMax) return 'takes too long to calculate';
  const [salt, key] = [match[4], match[5]];
  for (const [name, length, { min, max }] of [
    ['salt', base64Bytes(salt), saltBytes],
    ['key', base64Bytes(key), keyBytes],
  ] as const) {
    if (length < min || length > max) return `has a ${name} of ${length} bytes, not of ${min} to ${max}`;
  }
  return { cost, salt, key };
}

function base64Bytes(text: string): number {
  return text.length % 4 === 1 ? 0 : Math.floor((text.length * 3) / 4);
}

function phcOf({ ln, r, p }: HashCost, salt: Buffer, key: Buffer): string {
  return `$scrypt$ln=${ln},r=${r},p=${p}$${base64(salt)}$${base64(key)}`;
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}

function memoryBytes({ ln, r }: { ln: number; r: number }): number {
  return 128 * 2 ** ln * r;
}

function derive(
  password: string | Buffer,
  { ln, r, p }: HashCost,
  { salt, bytes }: { salt: Buffer; bytes: number },
): Promise<Buffer> {
  // OpenSSL counts its working blocks as well.
  const maxmem = memoryBytes({ ln, r }) + 128 * r * (p + 2) + MiB;
  return new Promise((resolve, reject) => {
    scrypt(password, salt, bytes, { N: 2 ** ln, r, p, maxmem }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}
