import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig } from '../../../../../config/load.ts';
import { createLogger } from '../../../../../config/logger.ts';
import type { Config } from '../../../../../config/settings.ts';
import type { AuditEvent } from '../../../../../gateway/admission/audit-event.ts';
import { Authenticator } from '../../../../../gateway/admission/identity/authenticator.ts';
import type { ConnectAttempt } from '../../../../../gateway/admission/identity/identity.ts';
import {
  hashPassword,
  type verifyPassword,
} from '../../../../../gateway/admission/identity/password-hash.ts';
import type { UserChanges } from '../../../../../gateway/admission/identity/user-changes.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';
import { TemporaryDirectory } from '../../../../support/temporary-directory.ts';

const cheap = { ln: 10, r: 8, p: 1 };
const [hash, hash2] = await Promise.all([hashPassword('good', cheap), hashPassword('better', cheap)]);

let directory: TemporaryDirectory;
let clock: FakeClock;
let file: string;
let audited: AuditEvent[];
let logged: { level: string; msg: string; reason?: string; hint?: string; err?: { message: string } }[];
let changes: UserChanges[];
let authenticator: Authenticator;

const access = (yaml = '', usersFile = file): Config['access'] => {
  const text = `access:\n  usersFile: ${JSON.stringify(usersFile)}\n${yaml}`;
  const loaded = loadConfig({ text, env: {} });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.config.access;
};

async function open(settings = access(), verify?: typeof verifyPassword): Promise<void> {
  const log = createLogger(
    { level: 'info', format: 'json' },
    { write: (line) => void logged.push(JSON.parse(line)) },
  );
  authenticator = new Authenticator({
    access: settings,
    clock,
    log,
    audit: { write: (event) => audited.push(event) },
    onUsersChanged: (change) => changes.push(change),
    ...(verify === undefined ? {} : { verifyPassword: verify }),
  });
  await authenticator.start();
}

const attempt = (
  username?: string,
  password?: string,
  more: Partial<ConnectAttempt> = {},
): ConnectAttempt => ({
  clientId: 'c1',
  version: 5,
  username,
  password: password === undefined ? undefined : Buffer.from(password),
  address: '192.0.2.1',
  certificate: null,
  ...more,
});
const certificate = (user: string) => ({ certificate: { user, subject: `CN=${user}` } });
const verify = async (...given: Parameters<typeof attempt>) => {
  const verified = await authenticator.verify(attempt(...given));
  if (verified.kind === 'refuse') return verified.reason;
  const { user, group, source } = verified.identity;
  return `${source} ${user}/${group}`;
};
const put = (text: string) => {
  writeFileSync(`${file}.tmp`, text, { mode: 0o600 });
  renameSync(`${file}.tmp`, file);
};
const look = async () => {
  await authenticator.look();
  await authenticator.look();
};
const warnings = () => logged.filter(({ level }) => level === 'warn' || level === 'error');

beforeEach(() => {
  directory = new TemporaryDirectory();
  file = directory.file('users');
  clock = new FakeClock();
  [audited, logged, changes] = [[], [], []];
  put(`alice:${hash}\nbob:${hash}:given\nstray:${hash}:gvien\n`);
});
afterEach(async () => {
  await authenticator.stop();
  directory[Symbol.dispose]();
});

const groups = '  groups:\n    matched: { users: [alice, cert-*], clientIds: ["{user}-*"] }\n    given: {}\n';

describe('who a client is', () => {
  test.each<[string, string, Parameters<typeof attempt>]>([
    ['password alice/matched', 'by password', ['alice', 'good']],
    ['password bob/given', 'in the group that the file says', ['bob', 'good']],
    ['bad-credentials', 'with a wrong password', ['alice', 'better']],
    ['bad-credentials', 'with an empty password', ['alice', '']],
    ['bad-credentials', 'without a password', ['alice']],
    ['unknown-user', 'unknown', ['mallory', 'good']],
    ['unknown-user', 'unknown, without a password', ['mallory']],
    ['unknown-user', 'a password without a name', [undefined, 'good']],
    ['unknown-user', 'a password with an empty name', ['', 'good']],
    ['unknown-group', 'in a group that the settings do not have', ['stray', 'good']],
    ['anonymous', 'nobody', []],
    ['anonymous', 'nobody, with an empty name and password', ['', '']],
    ['certificate cert-1/matched', 'by certificate', [undefined, undefined, certificate('cert-1')]],
    [
      'certificate cert-1/matched',
      'by certificate, with its name',
      ['cert-1', undefined, certificate('cert-1')],
    ],
    [
      'certificate cert-1/matched',
      'by certificate, the password does not matter',
      ['cert-1', 'x', certificate('cert-1')],
    ],
    [
      'certificate cert-1/matched',
      'by certificate, with an empty name',
      ['', undefined, certificate('cert-1')],
    ],
    [
      'certificate bob/given',
      'by certificate, in the group of the file',
      [undefined, undefined, certificate('bob')],
    ],
    [
      'user-not-of-certificate',
      'by certificate, with a good password of another',
      ['alice', 'good', certificate('cert-1')],
    ],
    [
      'user-not-of-certificate',
      'by certificate, with a name in other letters',
      ['CERT-1', undefined, certificate('cert-1')],
    ],
    ['unknown-user', 'a certificate without a name', [undefined, undefined, certificate('')]],
    ['unknown-user', 'a certificate with a control character', [undefined, undefined, certificate('a\n')]],
  ])('%s: %s', async (verdict, _, given) => {
    await open(access(groups));
    expect(await verify(...given)).toBe(verdict);
  });

  test('whoever shows a certificate under another name is refused with that name', async () => {
    await open(access(groups));
    const verified = await authenticator.verify(attempt('alice', 'good', certificate('cert-1')));
    expect(verified).toEqual({
      kind: 'refuse',
      reason: 'user-not-of-certificate',
      detail: 'user name: alice',
    });
  });

  test.each<[string, Parameters<typeof attempt>]>([
    ['anonymous /default', []],
    ['anonymous /default', ['', '']],
    ['unknown-user', ['mallory']],
    ['unknown-user', ['mallory', 'x']],
    ['unknown-user', [undefined, 'x']],
    ['unknown-user', [' ']],
  ])('where anonymous clients may come: %s', async (verdict, given) => {
    await open(access('  anonymous: true\n'));
    expect(await verify(...given)).toBe(verdict);
    await authenticator.reconfigure({ ...access('  anonymous: true\n'), usersFile: '' });
    expect(await verify(...given)).toBe(verdict);
  });

  test('counts whom it lets in', async () => {
    await open(access(groups));
    for (const given of [
      ['alice', 'good'],
      ['alice', 'good'],
      ['alice', 'x'],
    ])
      await verify(...given);
    await verify(undefined, undefined, certificate('c'));
    expect(authenticator.accepted).toEqual({ anonymous: 0, password: 2, hook: 0, certificate: 1 });
    expect(authenticator.counters).toMatchObject({
      users: 3,
      passwords: { calculated: 2, remembered: 1 },
      hook: null,
    });
  });

  test('is known without calculation once it was proven', async () => {
    await open(access(groups));
    expect(authenticator.isProven(attempt('alice', 'good'))).toBe(false);
    for (const password of ['good', 'bad']) await verify('alice', password);
    expect(authenticator.isProven(attempt('alice', 'good'))).toBe(true);
    expect(authenticator.isProven(attempt('alice', 'bad'))).toBe(false);
    expect(authenticator.isProven(attempt('alice'))).toBe(false);
    expect(authenticator.isProven(attempt())).toBe(false);
    expect(authenticator.isProven(attempt(undefined, undefined, certificate('x')))).toBe(true);
    put(`alice:${hash2}\n`);
    await look();
    expect(authenticator.isProven(attempt('alice', 'good'))).toBe(false);
  });

  test('says which client ids it may have', async () => {
    await open(access(groups));
    const alice = { user: 'alice', group: 'matched', source: 'password' } as const;
    expect(authenticator.mayUseClientId(alice, 'alice-1')).toBe(true);
    expect(authenticator.mayUseClientId(alice, 'bob-1')).toBe(false);
  });
});

describe('the password file', () => {
  test('is followed, and every change of it is audited by name', async () => {
    await open();
    expect(audited).toEqual([
      {
        event: 'identity-data',
        reason: 'users-changed',
        object: file,
        detail: 'added "alice", "bob", "stray"',
      },
    ]);
    put(`# comment\nalice:${hash2}\ncarl:${hash}\n`);
    await look();
    expect(await verify('alice', 'good')).toBe('bad-credentials');
    expect(await verify('alice', 'better')).toBe('password alice/default');
    expect(await verify('bob', 'good')).toBe('unknown-user');
    expect(await verify('carl', 'good')).toBe('password carl/default');
    expect(audited.slice(1)).toEqual([
      expect.objectContaining({ detail: 'added "carl"; removed "bob", "stray"; changed "alice"' }),
    ]);
    expect(changes.at(-1)).toEqual({ added: ['carl'], removed: ['bob', 'stray'], changed: ['alice'] });
    expect(JSON.stringify([audited, logged])).not.toContain('scrypt');
  });

  test('is looked at as often as the settings say', async () => {
    await open(access('  reloadMs: 5s\n'));
    put('');
    clock.advance(4999);
    await authenticator.look(); // sees another file, and waits for it to settle
    expect(authenticator.counters.users).toBe(3);
    clock.advance(1);
    await authenticator.look(); // is the one that the clock has begun
    expect(authenticator.counters.users).toBe(0);
  });

  test('whose comments alone change is no change of who may come in', async () => {
    await open();
    put(`# more\nstray:${hash}:gvien\nbob:${hash}:given\nalice:${hash}\n`);
    await look();
    expect(audited).toHaveLength(1);
  });

  test('that is broken leaves the old one in use, and is told once with its lines', async () => {
    await open();
    put(`alice:${hash2}\noops\nbob:${hash}:a b\n`);
    for (let i = 0; i < 20; i++) await authenticator.look();
    expect(await verify('alice', 'good')).toBe('password alice/default');
    const told = warnings().slice(1); // the first is of a group
    expect(told).toEqual([
      expect.objectContaining({
        level: 'warn',
        msg: 'the password file cannot be used: the users known before stay',
        reason: expect.stringMatching(/users:2 has no colon.*; \S*users:3 has the group/),
        hint: expect.stringContaining('`sluice passwd` writes good lines'),
      }),
    ]);
    expect(JSON.stringify(told)).not.toContain('stack');
    expect(audited.slice(1)).toEqual([
      expect.objectContaining({
        reason: 'users-file-unusable',
        object: file,
        detail: expect.stringContaining(`${file}:2 `),
      }),
    ]);
    put(`alice:${hash2}\n`);
    await look();
    expect(await verify('alice', 'better')).toBe('password alice/default');
  });

  test('that goes away leaves the old one in use', async () => {
    await open();
    rmSync(file);
    for (let i = 0; i < 5; i++) await authenticator.look();
    expect(await verify('alice', 'good')).toBe('password alice/default');
    expect(audited.slice(1)).toEqual([expect.objectContaining({ reason: 'users-file-unusable' })]);
  });

  test.each([
    ['not there', () => rmSync(file), /^cannot read \S*users: ENOENT/],
    [
      'broken',
      () => put('oops\n'),
      /^the password file cannot be used: \S*users:1 has no colon; write user:hash/,
    ],
  ])('that is %s at the start lets nobody in by it until it is mended', async (_, spoil, message) => {
    spoil();
    await open();
    expect(await verify('alice', 'good')).toBe('unknown-user');
    expect(warnings()).toEqual([
      expect.objectContaining({
        level: 'error',
        msg: 'the password file cannot be used: nobody can sign in by it',
        reason: expect.stringMatching(message),
        hint: expect.stringMatching(/^Put the file back|`sluice passwd` writes good lines/),
      }),
    ]);
    expect(JSON.stringify(logged)).not.toContain('stack');
    expect(audited).toEqual([
      expect.objectContaining({ reason: 'users-file-unusable', detail: expect.stringMatching(message) }),
    ]);
    put(`alice:${hash}\n`);
    await look();
    expect(await verify('alice', 'good')).toBe('password alice/default');
  });

  test('is warned of when others can read it, and when it has groups that are none', async () => {
    const strays = ['a', 'b', 'c', 'd', 'e'].map((user) => `${user}:${hash}:nowhere\n`);
    writeFileSync(file, `${strays.join('')}f:${hash}:default\ng:${hash}:other\n`);
    const { chmodSync } = await import('node:fs');
    chmodSync(file, 0o644);
    await open();
    expect(warnings()).toEqual([
      expect.objectContaining({ level: 'warn', msg: expect.stringContaining('can be read by everybody') }),
      expect.objectContaining({
        level: 'warn',
        msg:
          'users of groups that access.groups does not have are refused: ' +
          'group "nowhere" of "a", "b", "c" and 2 more; group "other" of "g"',
      }),
    ]);
  });

  test.each([
    ['lets nobody in who is gone', '', 'bad-credentials'],
    ['lets nobody in whose password is another', `alice:${hash2}\n`, 'bad-credentials'],
    ['puts who stays into the group he has now', `alice:${hash}:given\n`, 'password alice/given'],
  ])('that changes while a password is being calculated %s', async (_, text, verdict) => {
    let end = (_isGood: boolean): void => {};
    await open(
      access(groups),
      () =>
        new Promise((resolve) => {
          end = resolve;
        }),
    );
    const asked = verify('alice', 'good');
    put(text);
    await look();
    end(true);
    expect(await asked).toBe(verdict);
  });

  test('cannot be checked for want of memory: busy, told once, and no reason to stop', async () => {
    let isFailing = true;
    await open(access(), async () => {
      if (isFailing) throw new Error('memory limit exceeded');
      return true;
    });
    for (let i = 0; i < 3; i++) expect(await verify('alice', `${i}`)).toBe('busy');
    expect(warnings().filter(({ level }) => level === 'error')).toHaveLength(1);
    isFailing = false;
    expect(await verify('alice', 'good')).toBe('password alice/default');
  });
});

describe('other settings', () => {
  test('bring another password file', async () => {
    await open();
    const second = directory.file('second');
    writeFileSync(second, `dora:${hash}\n`, { mode: 0o600 });
    await authenticator.reconfigure(access('', second));
    expect(await verify('alice', 'good')).toBe('unknown-user');
    expect(await verify('dora', 'good')).toBe('password dora/default');
    expect(audited.at(-1)).toMatchObject({
      object: second,
      detail: 'added "dora"; removed "alice", "bob", "stray"',
    });
    await authenticator.reconfigure({ ...access(), usersFile: '' });
    expect(await verify('dora', 'good')).toBe('unknown-user');
    expect(audited.at(-1)).toMatchObject({ detail: 'removed "dora"' });
  });

  test('that name a file that is not there keep the users until it comes', async () => {
    await open();
    const second = directory.file('second');
    await authenticator.reconfigure(access('', second));
    expect(await verify('alice', 'good')).toBe('password alice/default');
    writeFileSync(second, `dora:${hash}\n`, { mode: 0o600 });
    await look();
    expect(await verify('alice', 'good')).toBe('unknown-user');
  });

  test('put users into other groups', async () => {
    await open();
    expect(await verify('bob', 'good')).toBe('unknown-group');
    await authenticator.reconfigure(access(groups));
    expect(await verify('bob', 'good')).toBe('password bob/given');
    expect(await verify('alice', 'good')).toBe('password alice/matched');
  });
});

test('after the stop nothing is alive, and nobody comes in by a password that is not known', async () => {
  await open();
  await authenticator.stop();
  await authenticator.stop();
  expect(clock.timers).toBe(0);
  expect(await verify('alice', 'good')).toBe('busy');
});
