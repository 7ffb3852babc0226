import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SluiceError } from '../../../../config/errors.ts';
import { type DirectoryLock, LOCK_FILE, lockDirectory } from '../../../../storage/open/directory-lock.ts';

const MODULE = new URL('../../../../storage/open/directory-lock.ts', import.meta.url).href;
const HOLDER = `
  import { lockDirectory } from ${JSON.stringify(MODULE)};
  lockDirectory(process.argv[1]);
  process.stdout.write('locked');
  process.stdin.resume();
`;

let base: string;
let locks: DirectoryLock[];
let children: ChildProcess[];

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'sluice-lock-'));
  locks = [];
  children = [];
});

afterEach(async () => {
  for (const lock of locks) lock.release();
  for (const child of children.filter(
    ({ exitCode, signalCode }) => exitCode === null && signalCode === null,
  )) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(base, { recursive: true, force: true });
});

function lock(directory: string): DirectoryLock {
  const taken = lockDirectory(directory);
  locks.push(taken);
  return taken;
}

function refusal(directory: string): SluiceError {
  try {
    lock(directory);
  } catch (error) {
    return error as SluiceError;
  }
  throw new Error('the directory was locked');
}

/** Another process that holds the lock. */
async function holder(directory: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const [output] = await once(child.stdout as NodeJS.ReadableStream, 'data');
  expect(String(output)).toBe('locked');
  return child;
}

describe('the lock of a data directory', () => {
  test('is refused while another process holds it, naming the directory and the process', async () => {
    const child = await holder(base);
    const { code, message, hint, kind } = refusal(base);
    expect({ code, kind }).toEqual({ code: 'STORE_LOCKED', kind: 'fatal' });
    expect(message).toContain(base);
    expect(message).toContain(`process ${child.pid}`);
    expect(hint).toMatch(/data\.dir/);
  });

  test('is free as soon as the process that held it was killed', async () => {
    const child = await holder(base);
    child.kill('SIGKILL');
    await once(child, 'exit');
    lock(base);
  });

  test('is refused to a second instance in the same process, under any spelling of the path', () => {
    lock(base);
    expect(refusal(join(base, '..', base.split('/').at(-1) as string)).message).toMatch(/this same process/);
  });

  test('can be taken again after it was released, and released more than once', () => {
    const first = lock(base);
    first.release();
    first.release();
    lock(base);
  });

  test('is still held by its process when the lock file was overwritten with garbage', async () => {
    await holder(base);
    writeFileSync(join(base, LOCK_FILE), Buffer.alloc(9000, 0xa5));
    expect(refusal(base).code).toBe('STORE_LOCKED');
  });

  test('can be taken when a lock file of garbage lies there and nobody holds it', () => {
    writeFileSync(join(base, LOCK_FILE), Buffer.alloc(9000, 0xa5));
    lock(base);
    expect(refusal(base).code).toBe('STORE_LOCKED');
  });

  test('leaves one small file behind', () => {
    lock(base).release();
    expect(readdirSync(base)).toEqual([LOCK_FILE]);
    expect(statSync(join(base, LOCK_FILE)).size).toBeLessThan(16_384);
  });
});

describe('the data directory', () => {
  test('is made when it is missing, with its parents, for its owner only', () => {
    const directory = join(base, 'a', 'b', 'c');
    lock(directory);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(base, 'a')).mode & 0o777).toBe(0o700);
  });

  test('is refused when a file is in its place, which stays as it is', () => {
    const file = join(base, 'file');
    writeFileSync(file, 'content');
    const { code, hint, message } = refusal(file);
    expect(code).toBe('DATA_DIR_UNWRITABLE');
    expect(message).toContain(file);
    expect(hint).toMatch(/data\.dir/);
    expect(statSync(file).size).toBe(7);
  });

  test('is refused when it cannot be made, and what was made on the way is removed again', () => {
    expect(refusal(join(base, 'made', 'x'.repeat(300))).code).toBe('DATA_DIR_UNWRITABLE');
    expect(existsSync(join(base, 'made'))).toBe(false);
  });

  test.skipIf(process.getuid?.() === 0)('is refused when it cannot be written to (not as root)', () => {
    const directory = join(base, 'readonly');
    mkdirSync(directory);
    chmodSync(directory, 0o500);
    expect(refusal(directory).code).toBe('DATA_DIR_UNWRITABLE');
    expect(readdirSync(directory)).toEqual([]);
  });
});
