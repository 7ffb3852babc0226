// `sluice passwd FILE USER`: puts a user into the password file, changes his password or group, or takes him out;
// --list shows who is in it. The password is asked for twice on a terminal, and is a line of standard input
// otherwise; never an argument, which everybody on the machine could read. The file is replaced as a whole; a
// running gateway takes it by itself (access.reloadMs).

import { addAbortSignal, type Readable } from 'node:stream';
import type { Command } from 'commander';
import { SluiceError } from '../../config/errors.ts';
import { KiB } from '../../config/limits.ts';
import {
  groupFault,
  modeWarnings,
  PasswordUsers,
  parsePasswordFile,
  quoted,
  readPasswordFile,
  userFault,
} from '../admission/identity/password-file.ts';
import { withoutUser, withUser } from '../admission/identity/password-file-edit.ts';
import { costRange, defaultHashCost, hashPassword } from '../admission/identity/password-hash.ts';
import { replaceFile } from '../admission/identity/replace-file.ts';
import { exitCodeOf, runInForeground } from './foreground.ts';
import { HiddenInput } from './hidden-input.ts';

interface PasswdOptions {
  group?: string;
  remove?: true;
  stdin?: true;
  list?: true;
  cost?: string;
}

/** MQTT's passwords have a two-byte length (MQTT 5.0 3.1.3.6). */
const PASSWORD_BYTES_MAX = 64 * KiB - 1;

export function registerPasswd(program: Command): void {
  program
    .command('passwd')
    .description('Put users with their passwords into the password file of access.usersFile.')
    .argument('<file>', 'the password file; it is created if it is not there')
    .argument('[user]', 'the user')
    .option('--group <name>', 'group of access.groups the user is in; "" is the one the settings say')
    .option('--remove', 'remove the user')
    .option('--stdin', 'read the password from standard input, a line, also from a terminal')
    .option('--list', 'print users and their groups')
    .option(
      '--cost <ln>',
      `effort to try a password, ${costRange.min} to ${costRange.max}: each one more doubles the time; ` +
        'less is enough for long random passwords',
      `${defaultHashCost.ln}`,
    )
    .allowExcessArguments() // commander would repeat them: a password, perhaps
    .action((file: string, user: string | undefined, options: PasswdOptions, command: Command) =>
      runInForeground(async (signal) => {
        if (command.args.length > 2) {
          const hint = 'A password is no argument: it is asked for, or read from standard input';
          throw misuse('more than a file and a user', hint);
        }
        try {
          await work(file, user, { options, signal });
          return 0;
        } catch (error) {
          if (signal.aborted) return exitCodeOf(signal);
          throw error;
        }
      }),
    );
}

async function work(
  file: string,
  user: string | undefined,
  { options, signal }: { options: PasswdOptions; signal: AbortSignal },
): Promise<void> {
  if (options.list) await list(file, user, options);
  else if (user === undefined) throw misuse('no user is named', 'Write sluice passwd FILE USER');
  else if (options.remove) await remove(file, user, options);
  else await put(file, user, { options, signal });
}

async function list(file: string, user: string | undefined, options: PasswdOptions): Promise<void> {
  if (user !== undefined || options.remove || options.stdin || options.group !== undefined)
    throw misuse('--list goes with nothing but a file', 'Write sluice passwd --list FILE');
  const { users, mode } = await load(file);
  warnOfRights(file, mode);
  for (const [name, { group }] of users.entries())
    process.stdout.write(group === undefined ? `${name}\n` : `${name}\t${group}\n`);
}

async function remove(file: string, user: string, options: PasswdOptions): Promise<void> {
  if (options.group !== undefined || options.stdin)
    throw misuse('--remove needs neither a group nor a password', 'Write sluice passwd --remove FILE USER');
  await load(file); // also tells of a file that is not there
  await replaceFile(file, async () => {
    const { text, mode } = await load(file);
    const rest = withoutUser(text, user);
    if (rest === undefined) throw misuse(`${file} has no user ${quoted(user)}`, 'See --list');
    warnOfRights(file, mode);
    return rest;
  });
  process.stderr.write(`user ${user} removed\n`);
}

async function put(
  file: string,
  user: string,
  { options, signal }: { options: PasswdOptions; signal: AbortSignal },
): Promise<void> {
  const { group } = options;
  const ofUser = userFault(user);
  if (ofUser !== undefined) throw misuse(`the user name ${quoted(user)} ${ofUser}`, 'Choose another');
  const ofGroup = group === undefined || group === '' ? undefined : groupFault(group);
  if (ofGroup !== undefined) throw misuse(`the group ${quoted(group!)} ${ofGroup}`, 'Choose another');
  const ln = costOf(options.cost);
  await loadOrEmpty(file); // before somebody types a password in vain
  const isAsked = options.stdin !== true && process.stdin.isTTY;
  const password = isAsked ? await asked(user, signal) : await piped(process.stdin, signal);
  const hash = await hashPassword(password, { ...defaultHashCost, ln });
  let isNew = false;
  await replaceFile(file, async () => {
    const { text, mode } = await loadOrEmpty(file);
    warnOfRights(file, mode);
    const changed = withUser(text, { user, hash, group });
    isNew = changed.isNew;
    return changed.text;
  });
  process.stderr.write(isNew ? `user ${user} added\n` : `password of user ${user} changed\n`);
}

interface Loaded {
  readonly text: string;
  readonly users: PasswordUsers;
  readonly mode: number;
}

/** Throws when the file has problems, after they were told, a line each. */
async function load(file: string): Promise<Loaded> {
  const { text, mode } = await readPasswordFile(file);
  const { users, problems } = parsePasswordFile(text);
  if (problems.length === 0) return { text, users, mode };
  for (const { line, message } of problems)
    process.stderr.write(`${line === 0 ? `${file}:` : `${file} line ${line}`} ${message}\n`);
  throw misuse(`the password file ${file} has problems`, 'Mend these lines; nothing was changed');
}

/** A file that is not there is one without users, to be made with the rights it should have. */
async function loadOrEmpty(file: string): Promise<Loaded> {
  try {
    return await load(file);
  } catch (error) {
    const cause =
      error instanceof SluiceError ? (error.cause as NodeJS.ErrnoException | undefined) : undefined;
    if (cause?.code === 'ENOENT') return { text: '', users: PasswordUsers.none, mode: 0o600 };
    throw error;
  }
}

function warnOfRights(file: string, mode: number): void {
  for (const warning of modeWarnings(file, mode)) process.stderr.write(`sluice: ${warning}\n`);
}

function costOf(text: string | undefined): number {
  const ln = Number(text);
  if (Number.isInteger(ln) && ln >= costRange.min && ln <= costRange.max) return ln;
  throw misuse('--cost is no number that can be used', `Write ${costRange.min} to ${costRange.max}`);
}

async function asked(user: string, signal: AbortSignal): Promise<Buffer> {
  using input = new HiddenInput(process.stdin, process.stderr, signal);
  const first = checked(Buffer.from(await input.ask(`Password for ${user}: `)));
  const second = await input.ask('Once more: ');
  if (Buffer.from(second).equals(first)) return first;
  throw misuse('the two are not the same', 'Nothing was changed');
}

async function piped(input: Readable, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  addAbortSignal(signal, input);
  for await (const chunk of input as AsyncIterable<Buffer>) {
    const newline = chunk.indexOf('\n');
    chunks.push(newline < 0 ? chunk : chunk.subarray(0, newline));
    length += chunk.length;
    if (newline >= 0 || length > PASSWORD_BYTES_MAX + 1) break; // 1: a carriage return
  }
  const line = Buffer.concat(chunks);
  return checked(line.at(-1) === 0x0d ? line.subarray(0, -1) : line);
}

function checked(password: Buffer): Buffer {
  if (password.length === 0) throw misuse('the password is empty', 'Nothing was changed');
  if (password.length <= PASSWORD_BYTES_MAX) return password;
  throw misuse(`the password is longer than ${PASSWORD_BYTES_MAX} bytes`, 'Nothing was changed');
}

function misuse(message: string, hint: string): SluiceError {
  return new SluiceError('PASSWD', message, { kind: 'permanent', hint });
}
