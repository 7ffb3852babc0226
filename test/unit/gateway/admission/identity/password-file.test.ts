import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  loadPasswordFile,
  parsePasswordFile,
  passwordFileLimits,
} from '../../../../../gateway/admission/identity/password-file.ts';
import { withoutUser, withUser } from '../../../../../gateway/admission/identity/password-file-edit.ts';
import { decoyHash } from '../../../../../gateway/admission/identity/password-hash.ts';
import { replaceFile } from '../../../../../gateway/admission/identity/replace-file.ts';
import { describeChanges, userChanges } from '../../../../../gateway/admission/identity/user-changes.ts';
import { TemporaryDirectory } from '../../../../support/temporary-directory.ts';

const [hash, other] = [decoyHash(undefined), decoyHash(undefined)];
const problemsOf = (text: string) => parsePasswordFile(text).problems;

let directory: TemporaryDirectory;
beforeEach(() => {
  directory = new TemporaryDirectory();
});
afterEach(() => directory[Symbol.dispose]());

describe('a password file', () => {
  test('has users, groups and comments, whatever ends its lines', () => {
    const text = `\ufeff# who\r\n\r\nalice:${hash}\r\n  \r\nbøb smith:${other}:plant-1\n#x:y\nlast:${hash}:g`;
    const { users, problems } = parsePasswordFile(text);
    expect(problems).toEqual([]);
    expect(users.size).toBe(3);
    expect(users.find('alice')).toEqual({ hash, group: undefined });
    expect(users.find('bøb smith')).toEqual({ hash: other, group: 'plant-1' });
    expect(users.find('last')).toEqual({ hash, group: 'g' });
    expect(users.find('who')).toBeUndefined();
    expect(users.find('__proto__')).toBeUndefined();
  });

  test.each([
    ['no colon', 'alice', 'has no colon'],
    ['no user', `:${hash}`, 'has the user name "", which is empty'],
    ['no hash', 'alice:', 'has a hash that is not of the form'],
    ['the password itself', 'alice:secret', 'has a hash that is not of the form'],
    ['a hash that takes gigabytes', `a:${hash.replace('ln=15', 'ln=30')}`, 'has a hash that has ln=30'],
    ['a group that is none', `alice:${hash}:a/b`, 'has the group "a/b", which is not 1 to 64'],
    ['an empty group', `alice:${hash}:`, 'has the group "", which'],
    ['too many parts', `alice:${hash}:g:h`, 'has more than three parts'],
    ['a space after the name', `alice :${hash}`, 'which has a space before or after it'],
    [
      'a control character',
      `al\u0007ice:${hash}`,
      'has the user name "al\\u0007ice", which has a control character',
    ],
    ['no UTF-8', `al\ufffdice:${hash}`, 'which is not UTF-8'],
    ['a long name', `${'a'.repeat(257)}:${hash}`, 'has more than 256 characters'],
  ])('with %s is refused, with the line', (_, line, message) => {
    const problems = problemsOf(`# first\ngood:${hash}\n${line}\n`);
    expect(problems).toEqual([{ line: 3, message: expect.stringContaining(message) }]);
    expect(problems[0].message.includes('secret')).toBe(false);
  });

  test('tells every problem, and where a user was before', () => {
    const problems = problemsOf(`a:${hash}\nb\n\na:${hash}:g\nc:x\na:${hash}\n`);
    expect(problems.map(({ line }) => line)).toEqual([2, 4, 5, 6]);
    expect(problems[1].message).toBe('is user "a" of line 1 again; remove one');
    expect(problems[3].message).toContain('of line 1 again');
  });

  test('of nothing but problems is read no further than a bound', () => {
    const problems = problemsOf('x\n'.repeat(10_000));
    expect(problems).toHaveLength(passwordFileLimits.problemsMax + 1);
    expect(problems.at(-1)).toEqual({ line: 0, message: 'there may be more below line 100' });
  });

  test('with too many users is refused', () => {
    const { usersMax } = passwordFileLimits;
    const lines = Array.from({ length: usersMax + 1 }, (_, i) => `u${i}:${hash}`).join('\n');
    expect(problemsOf(lines)).toEqual([
      { line: 0, message: expect.stringContaining('more than 100000 users') },
    ]);
  });
});

describe('loading', () => {
  const write = (text: string, mode = 0o600): string => {
    const path = directory.file('users');
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };

  test.each([
    [0o600, []],
    [0o640, []],
    [0o644, ['can be read by everybody']],
    [0o660, ['can be changed by others']],
    [0o602, ['can be changed by others']],
  ])('a file of mode %o warns as it should', async (mode, warnings) => {
    const loaded = await loadPasswordFile(write(`a:${hash}\n`, mode));
    expect(loaded.users.size).toBe(1);
    expect(loaded.warnings).toEqual(warnings.map((text) => expect.stringContaining(text)));
  });

  test('a file with problems throws them, each with its line, and says how many more there are', async () => {
    const path = write('a\nb\n');
    await expect(loadPasswordFile(path)).rejects.toMatchObject({
      code: 'PASSWORD_FILE',
      message: expect.stringMatching(/cannot be used: \S*users:1 has no colon.*; \S*users:2 has no colon/),
    });
    writeFileSync(path, 'a\nb\nc\nd\ne\n');
    await expect(loadPasswordFile(path)).rejects.toThrow(/users:3 has no colon; [^;]*; and 2 more problems$/);
  });

  test.each([
    ['a file that is not there', (_path: string) => {}, 'ENOENT'],
    ['a directory', (path: string) => mkdirSync(path), 'it is not a file'],
    ['a pipe that nobody writes to', (path: string) => spawnSync('mkfifo', [path]), 'it is not a file'],
    [
      'a file that is too large',
      (path: string) => {
        writeFileSync(path, '');
        truncateSync(path, passwordFileLimits.bytesMax + 1);
      },
      'larger than 32 MiB',
    ],
  ])('%s throws', async (_, make, message) => {
    const path = directory.file('users');
    make(path);
    await expect(loadPasswordFile(path)).rejects.toThrow(message);
  });
});

describe('an edit', () => {
  const text = `# plant\nalice:${hash}:g1\n\n# office\nbob:${hash}\n`;

  test.each([
    [
      'replaces a password and keeps the group',
      'alice',
      undefined,
      `# plant\nalice:${other}:g1\n\n# office\nbob:${hash}\n`,
    ],
    ['replaces a group', 'alice', 'g2', `# plant\nalice:${other}:g2\n\n# office\nbob:${hash}\n`],
    ['takes a group away', 'alice', '', `# plant\nalice:${other}\n\n# office\nbob:${hash}\n`],
    ['adds at the end', 'carl', undefined, `${text}carl:${other}\n`],
    ['adds with a group', 'carl', 'g2', `${text}carl:${other}:g2\n`],
  ])('%s', (_, user, group, expected) => {
    const edited = withUser(text, { user, hash: other, group });
    expect(edited).toEqual({ text: expected, isNew: user === 'carl' });
    expect(problemsOf(edited.text)).toEqual([]);
  });

  test.each([
    ['an empty file', '', `x:${hash}\n`],
    ['a file whose last line has no end', `a:${other}`, `a:${other}\nx:${hash}\n`],
    ['a file with carriage returns', `a:${other}\r\n`, `a:${other}\r\nx:${hash}\r\n`],
  ])('adds to %s', (_, before, after) => {
    expect(withUser(before, { user: 'x', hash, group: undefined }).text).toBe(after);
  });

  test('removes a line and nothing else', () => {
    expect(withoutUser(text, 'alice')).toBe(`# plant\n\n# office\nbob:${hash}\n`);
    expect(withoutUser(`a:${hash}\n`, 'a')).toBe('');
    expect(withoutUser(text, 'plant')).toBeUndefined();
  });
});

describe('what changed', () => {
  const users = (text: string) => parsePasswordFile(text).users;

  test('is told by name', () => {
    const before = users(`stays:${hash}\ngoes:${hash}\npassword:${hash}\ngroup:${hash}\n`);
    const after = users(`new:${hash}\nstays:${hash}\npassword:${other}\ngroup:${hash}:g\n`);
    const changes = userChanges(before, after);
    expect(changes).toEqual({ added: ['new'], removed: ['goes'], changed: ['password', 'group'] });
    expect(describeChanges(changes)).toBe('added "new"; removed "goes"; changed "password", "group"');
    expect(describeChanges(userChanges(after, after))).toBeUndefined();
  });

  test('is told within bounds', () => {
    const many = Array.from({ length: 1000 }, (_, i) => `u${i}:${hash}`).join('\n');
    const told = describeChanges(userChanges(users(''), users(many)))!;
    expect(told).toMatch(/"u19" and 980 more$/);
  });
});

describe('replacing a file', () => {
  test('makes a new one readable for its owner only', async () => {
    const path = directory.file('users');
    await replaceFile(path, async () => 'new');
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('keeps rights, and the link that leads to it', async () => {
    const [path, link] = [directory.file('users'), directory.file('link')];
    writeFileSync(path, 'old');
    chmodSync(path, 0o640);
    symlinkSync(path, link);
    await replaceFile(link, async () => 'new');
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(statSync(path).mode & 0o777).toBe(0o640);
  });

  test('that fails leaves the old one, and nothing beside it', async () => {
    const path = directory.file('users');
    writeFileSync(path, 'old');
    const failing = replaceFile(path, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow(`cannot write ${path}: no`);
    expect(readFileSync(path, 'utf8')).toBe('old');
    await replaceFile(path, async () => 'new');
    await expect(replaceFile(directory.file('none/users'), async () => '')).rejects.toThrow('ENOENT');
  });

  test('by many at once loses no change', async () => {
    const path = directory.file('users');
    writeFileSync(path, '');
    await Promise.all(
      [1, 2, 3, 4].map((n) => replaceFile(path, async () => `${readFileSync(path, 'utf8')}${n}`)),
    );
    expect([...readFileSync(path, 'utf8')].sort().join('')).toBe('1234');
  });
});
