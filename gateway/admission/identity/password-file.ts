// The password file. One user a line, UTF-8:
//
//     user:$scrypt$ln=15,r=8,p=1$<salt>$<key>[:group]
//
// Empty lines and lines that begin with # are comments. A file with a problem is refused as a whole, with every
// problem and its line: half of a change of who may come in is no state that anybody wanted. What a file holds
// becomes a snapshot that never changes; a new file is a new snapshot.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { messageOf, SluiceError } from '../../../config/errors.ts';
import { MiB } from '../../../config/limits.ts';
import { isGroupName } from './group-of.ts';
import { hashFault } from './password-hash.ts';
import { userNameFault } from './user-name.ts';

export const passwordFileLimits = {
  bytesMax: 32 * MiB,
  usersMax: 100_000,
  /** In one file; what comes after the last of them is not read. */
  problemsMax: 100,
} as const;

/** In the message of an error. */
const PROBLEMS_TOLD_MAX = 3;
/** Lines that are parsed at one go: a few milliseconds on a small board. */
const STEP_LINES = 500;
/** Does not wait for a writer, should the file be a pipe. */
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

export interface PasswordUser {
  readonly hash: string;
  /** Undefined: the settings say. */
  readonly group: string | undefined;
}

export interface LineProblem {
  /** From 1; 0 is the file as a whole. */
  readonly line: number;
  /** What is wrong and what to do, without the line. */
  readonly message: string;
}

/** Users at one moment. */
export class PasswordUsers {
  static readonly none = new PasswordUsers(new Map());

  readonly #users: ReadonlyMap<string, PasswordUser>;

  constructor(users: ReadonlyMap<string, PasswordUser>) {
    this.#users = users;
  }

  get size(): number {
    return this.#users.size;
  }

  find(user: string): PasswordUser | undefined {
    return this.#users.get(user);
  }

  entries(): IterableIterator<[string, PasswordUser]> {
    return this.#users.entries();
  }
}

export interface ParsedPasswordFile {
  readonly users: PasswordUsers;
  /** Empty: the file is good. */
  readonly problems: readonly LineProblem[];
}

export interface LoadedPasswordFile {
  readonly users: PasswordUsers;
  /** What is odd but no reason to refuse it. */
  readonly warnings: readonly string[];
}

/** Throws PASSWORD_FILE, with the first problems and their lines in its message. */
export async function loadPasswordFile(path: string): Promise<LoadedPasswordFile> {
  const { text, mode } = await readPasswordFile(path);
  const steps = parseSteps(text);
  let step = steps.next();
  while (!step.done) {
    await nextTurn(); // devices are being served meanwhile
    step = steps.next();
  }
  const { users, problems } = step.value;
  if (problems.length > 0) throw problemsError(path, problems);
  return { users, warnings: modeWarnings(path, mode) };
}

/** Throws PASSWORD_FILE when it cannot be read; `cause` is the system's error. */
export async function readPasswordFile(path: string): Promise<{ text: string; mode: number }> {
  const { bytesMax } = passwordFileLimits;
  try {
    const file = await open(path, READ);
    try {
      const found = await file.stat();
      if (!found.isFile()) throw new Error('it is not a file');
      if (found.size > bytesMax) throw new Error(`it is larger than ${bytesMax / MiB} MiB`);
      const bytes = await file.readFile();
      return { text: bytes.toString('utf8'), mode: found.mode };
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new SluiceError('PASSWORD_FILE', `cannot read the password file ${path}: ${messageOf(error)}`, {
      kind: 'permanent',
      hint: 'Write one with `sluice passwd FILE USER`',
      cause: error,
    });
  }
}

export function parsePasswordFile(text: string): ParsedPasswordFile {
  const steps = parseSteps(text);
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
}

function* parseSteps(text: string): Generator<void, ParsedPasswordFile> {
  const { usersMax, problemsMax } = passwordFileLimits;
  const users = new Map<string, PasswordUser>();
  const lineOf = new Map<string, number>();
  const problems: LineProblem[] = [];
  const add = (line: number, message: string): number => problems.push({ line, message });
  for (const { number, entry } of entriesOf(text)) {
    if (number % STEP_LINES === 0) yield;
    const [user, hash, group, extra] = entry.split(':', 4);
    const earlier = lineOf.get(user);
    const fault = entryFault({ user, hash, group, extra }, earlier);
    if (fault === undefined) users.set(user, { hash, group });
    else if (add(number, fault) === problemsMax) {
      add(0, `there may be more below line ${number}`);
      break;
    }
    if (users.size > usersMax) {
      add(0, `there are more than ${usersMax} users; use access.hook for so many`);
      break;
    }
    lineOf.set(user, earlier ?? number);
  }
  return { users: new PasswordUsers(users), problems };
}

/** What is wrong with a user's name in a file, as the end of a sentence; undefined when nothing is. */
export function userFault(user: string): string | undefined {
  const fault = userNameFault(user);
  if (fault !== undefined) return fault;
  if (user.trim() !== user) return 'has a space before or after it';
  return user.includes(':') || user.startsWith('#') ? 'has a : in it or begins with #' : undefined;
}

/** The same of a group. */
export function groupFault(group: string): string | undefined {
  return isGroupName(group) ? undefined : 'is not 1 to 64 of the characters A-Z a-z 0-9 . _ -';
}

/** What the file is refused with: one line, whatever is in it. */
function problemsError(path: string, problems: readonly LineProblem[]): SluiceError {
  const told = problems.slice(0, PROBLEMS_TOLD_MAX).map((problem) => problemText(path, problem));
  if (problems.length > told.length) told.push(`and ${problems.length - told.length} more problems`);
  return new SluiceError('PASSWORD_FILE', `the password file cannot be used: ${told.join('; ')}`, {
    kind: 'permanent',
    hint: 'Mend this; `sluice passwd` writes good lines, `sluice check` tells all that are not',
  });
}

/** `users.txt:3 has no colon; ...`, as compilers say it. */
export function problemText(path: string, { line, message }: LineProblem): string {
  return line === 0 ? `${path}: ${message}` : `${path}:${line} ${message}`;
}

/** The lines that are no comments, numbered, without what ends them. */
function* entriesOf(text: string): Generator<{ number: number; entry: string }> {
  let number = 0;
  for (let start = text.startsWith('\ufeff') ? 1 : 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    number++;
    const entry = userLine(text.slice(start, end));
    if (entry !== undefined) yield { number, entry };
    start = end + 1;
  }
}

/** A line without its carriage return; undefined for an empty one and for a comment. */
export function userLine(line: string): string | undefined {
  const entry = line.endsWith('\r') ? line.slice(0, -1) : line;
  return entry.startsWith('#') || entry.trim() === '' ? undefined : entry;
}

interface Entry {
  readonly user: string;
  readonly hash: string | undefined;
  readonly group: string | undefined;
  readonly extra: string | undefined;
}

function entryFault(
  { user, hash, group, extra }: Entry,
  earlierLine: number | undefined,
): string | undefined {
  if (hash === undefined) return 'has no colon; write user:hash, or # before a comment';
  const ofUser = userFault(user);
  if (ofUser !== undefined) return `has the user name ${quoted(user)}, which ${ofUser}; choose another`;
  if (earlierLine !== undefined) return `is user ${quoted(user)} of line ${earlierLine} again; remove one`;
  if (extra !== undefined) return 'has more than three parts; write user:hash:group';
  const ofHash = hashFault(hash);
  if (ofHash !== undefined) return `has a hash that ${ofHash}; write the line with sluice passwd`;
  const ofGroup = group === undefined ? undefined : groupFault(group);
  return ofGroup === undefined ? undefined : `has the group ${quoted(group!)}, which ${ofGroup}`;
}

/** What is odd about the rights of a file. */
export function modeWarnings(path: string, mode: number): string[] {
  if (process.platform === 'win32') return [];
  const hint = `chmod 600 ${path}`;
  if ((mode & 0o022) !== 0) return [`${path} can be changed by others than its owner: ${hint}`];
  return (mode & 0o004) !== 0 ? [`${path} can be read by everybody on this machine: ${hint}`] : [];
}

/** Escaped and cut: it may be anything. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}...` : text);
}
