// `sluice passwd` as people and scripts run it: through a pipe, and at a terminal that Python makes.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parsePasswordFile } from '../../gateway/admission/identity/password-file.ts';
import { decoyHash, verifyPassword } from '../../gateway/admission/identity/password-hash.ts';
import { hasTool } from '../support/mosquitto.ts';
import { SluiceCommand } from '../support/sluice-command.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';

const TERMINAL = fileURLToPath(new URL('../support/terminal.py', import.meta.url));
const CLI = fileURLToPath(new URL('../../gateway/cli.ts', import.meta.url));
const hash = decoyHash(
  '$scrypt$ln=10,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
);
let directory: TemporaryDirectory;
let file: string;

beforeEach(() => {
  directory = new TemporaryDirectory();
  file = directory.file('users');
});
afterEach(() => directory[Symbol.dispose]());

async function passwd(args: readonly string[], input = '') {
  await using command = new SluiceCommand(['passwd', ...args]);
  command.process.stdin!.end(input);
  return await command.exited();
}
const read = () => readFileSync(file, 'utf8');
const userOf = (name: string) => parsePasswordFile(read()).users.find(name)!;

describe('sluice passwd through a pipe', () => {
  test('makes the file, adds users, changes passwords and groups, and keeps everything else', async () => {
    expect(await passwd([file, 'alice', '--cost', '10'], 'först secret\nsecond line\n')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'user alice added\n',
    });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await verifyPassword('först secret', userOf('alice').hash)).toBe(true);
    writeFileSync(file, `# keep\n\n${read()}# me\nbob:${hash}:g\n`);
    const args = [file, 'alice', '--group', 'plant-1', '--cost', '10', '--stdin'];
    const changed = await passwd(args, 'second\r\n');
    expect(changed.stderr).toBe('password of user alice changed\n');
    expect(await verifyPassword('second', userOf('alice').hash)).toBe(true);
    expect(read()).toMatch(/^# keep\n\nalice:\$scrypt\$ln=10[^:\n]+:plant-1\n# me\nbob:[^\n]+:g\n$/);
    expect(await passwd([file, '--list'])).toMatchObject({ code: 0, stdout: 'alice\tplant-1\nbob\tg\n' });
    expect(await passwd([file, 'bob', '--remove'])).toMatchObject({ code: 0, stderr: 'user bob removed\n' });
    expect(read()).toMatch(/^# keep\n\nalice:[^\n]+\n# me\n$/);
    expect(readdirSync(directory.path)).toEqual(['users']);
  });

  test('hashes with the usual cost unless told otherwise', async () => {
    await passwd([file, 'alice'], 'x');
    expect(userOf('alice').hash).toMatch(/^\$scrypt\$ln=15,r=8,p=1\$/);
  });

  test.each<[string, string[], string, string]>([
    ['an empty password', ['alice'], '\n', 'the password is empty'],
    ['no password', ['alice'], '', 'the password is empty'],
    ['a password that MQTT could not carry', ['alice'], 'x'.repeat(65_536), 'longer than 65535 bytes'],
    ['a password as an argument', ['alice', 'hunter2'], '', 'A password is no argument'],
    ['no user', [], 'x', 'no user is named'],
    ['an empty user', [''], 'x', 'the user name "" is empty'],
    ['a user with a colon', ['a:b'], 'x', 'the user name "a:b" has a : in it'],
    ['a user who would be a comment', ['#a'], 'x', 'begins with #'],
    ['a group that is none', ['alice', '--group', 'a b'], 'x', 'the group "a b" is not 1 to 64'],
    ['a cost out of range', ['alice', '--cost', '20'], 'x', 'Write 10 to 16'],
    ['a cost that is no number', ['alice', '--cost', 'much'], 'x', 'Write 10 to 16'],
    ['an unknown user to remove', ['nobody', '--remove'], '', 'has no user "nobody"'],
    ['a user to list', ['alice', '--list'], '', '--list goes with nothing but a file'],
    ['a group to remove', ['alice', '--remove', '--group', 'g'], '', '--remove needs neither'],
  ])('refuses %s and leaves the file as it is', async (_, args, input, message) => {
    const before = `alice:${hash}\n`;
    writeFileSync(file, before, { mode: 0o600 });
    const { code, stdout, stderr } = await passwd([file, ...args], input);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('hunter2');
    expect(stderr.split('\n')).toHaveLength(2);
    expect(read()).toBe(before);
    expect(readdirSync(directory.path)).toEqual(['users']);
  });

  test.each([
    ['to list', ['--list']],
    ['to add to', ['bob']],
    ['to remove from', ['alice', '--remove']],
  ])('tells every problem of a file %s, and leaves it as it is', async (_, args) => {
    writeFileSync(file, `alice:secret\noops\nalice:${hash}\n`, { mode: 0o600 });
    const { code, stderr } = await passwd([file, ...args], 'x\n');
    expect(code).toBe(1);
    const lines = stderr.split('\n');
    expect(lines[0]).toContain(`${file} line 1 has a hash that is not of the form`);
    expect(lines[1]).toContain(`${file} line 2 has no colon`);
    expect(lines[2]).toContain(`${file} line 3 is user "alice" of line 1 again`);
    expect(lines[3]).toMatch(/^sluice: the password file .* has problems\. Mend these lines/);
    expect(stderr).not.toContain('secret');
    expect(read()).toContain('oops');
  });

  test('says what it could not do, in one line', async () => {
    for (const args of [['--list'], ['alice', '--remove']]) {
      const { code, stderr } = await passwd([file, ...args]);
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /^sluice: cannot read the password file .*ENOENT.*Write one with `sluice passwd/,
      );
    }
    const { code, stderr } = await passwd([directory.file('none/users'), 'alice'], 'x');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^sluice: cannot write .*ENOENT.*make sure that its directory is there.*\n$/);
    expect(existsSync(file)).toBe(false);
  });

  test('keeps the rights of the file, and warns when they are too wide', async () => {
    writeFileSync(file, '');
    chmodSync(file, 0o644);
    const { code, stderr } = await passwd([file, 'alice', '--cost', '10'], 'x');
    expect(code).toBe(0);
    expect(stderr).toMatch(/can be read by everybody on this machine: chmod 600 .*\nuser alice added\n$/);
    expect(statSync(file).mode & 0o777).toBe(0o644);
  });

  test('several at once lose nobody', async () => {
    const names = ['a', 'b', 'c', 'd'];
    const results = await Promise.all(names.map((name) => passwd([file, name, '--cost', '10'], name)));
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect([...parsePasswordFile(read()).users.entries()].map(([name]) => name).sort()).toEqual(names);
  });
});

interface Step {
  expect: string;
  type?: string;
  signal?: number;
}

interface Shown {
  shown: string;
  code: number;
  echo: boolean;
}

async function atTerminal(args: readonly string[], steps: readonly Step[]): Promise<Shown> {
  const command = [JSON.stringify(steps), process.execPath, CLI, 'passwd', ...args];
  const python = spawn('python3', [TERMINAL, ...command], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  python.stdout.on('data', (chunk) => {
    text += chunk;
  });
  await once(python, 'close');
  return JSON.parse(text);
}

describe.skipIf(!hasTool('python3', 'python3'))('sluice passwd at a terminal', () => {
  const ask = 'Password for alice: ';
  const again = 'Once more: ';

  test('asks twice and shows nothing of it', async () => {
    const steps = [
      { expect: ask, type: 'sécret 1\r' },
      { expect: again, type: 'sécret 1\r' },
    ];
    expect(await atTerminal([file, 'alice', '--cost', '10'], steps)).toEqual({
      shown: `${ask}\r\n${again}\r\nuser alice added\r\n`,
      code: 0,
      echo: true,
    });
    expect(await verifyPassword('sécret 1', userOf('alice').hash)).toBe(true);
  });

  test('lets people correct themselves', async () => {
    const steps = [
      { expect: ask, type: 'wrong\u0015secrex\u007f\u001b[Dé\u007ft\r' },
      { expect: again, type: 'secret\n' },
    ];
    expect(await atTerminal([file, 'alice', '--cost', '10'], steps)).toMatchObject({ code: 0 });
    expect(await verifyPassword('secret', userOf('alice').hash)).toBe(true);
  });

  test('takes both from one paste', async () => {
    const steps = [{ expect: ask, type: 'secret\rsecret\r' }];
    expect(await atTerminal([file, 'alice', '--cost', '10'], steps)).toMatchObject({ code: 0 });
    expect(await verifyPassword('secret', userOf('alice').hash)).toBe(true);
  });

  test.each<[string, Step[], number, string]>([
    [
      'two that differ',
      [
        { expect: ask, type: 'a\r' },
        { expect: again, type: 'b\r' },
      ],
      1,
      'are not the same',
    ],
    ['an empty one', [{ expect: ask, type: '\r' }], 1, 'the password is empty'],
    ['an interrupt', [{ expect: ask, type: 'sec\u0003' }], 1, 'no password was entered'],
    [
      'an interrupt at the second',
      [
        { expect: ask, type: 's\r' },
        { expect: again, type: '\u0003' },
      ],
      1,
      'no password',
    ],
    ['the end of input', [{ expect: ask, type: '\u0004' }], 1, 'no password was entered'],
    ['a signal', [{ expect: ask, signal: constants.signals.SIGTERM }], 130, ''],
  ])('changes nothing after %s, and the terminal echoes again', async (_, steps, code, message) => {
    const result = await atTerminal([file, 'alice'], steps);
    expect(result).toMatchObject({ code, echo: true });
    expect(result.shown).toContain(message);
    expect(result.shown).not.toContain('sec');
    expect(readdirSync(directory.path)).toEqual([]);
  });

  test('reads a line from it all the same when told to', async () => {
    await using command = new SluiceCommand(['passwd', file, 'alice', '--stdin', '--cost', '10']);
    command.process.stdin!.write('secret\n'); // and is not ended
    expect(await command.exited()).toMatchObject({ code: 0 });
    expect(await verifyPassword('secret', userOf('alice').hash)).toBe(true);
  });
});
