// One process for one data directory. Node has no flock, but SQLite locks files in a way that the kernel
// undoes when the process dies, however it dies: a write transaction is held open on a tiny database. It
// holds RESERVED, not EXCLUSIVE, so that who comes second can read who holds it. SQLite keeps the locks of
// one process apart too (POSIX locks do not).
//
// Nothing else may open sluice.lock: closing any descriptor of it would drop the process's locks (fcntl(2)).

import { accessSync, constants, mkdirSync, rmdirSync, statSync, truncateSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import Database, { type Database as Db } from 'better-sqlite3';
import { messageOf, SluiceError } from '../../config/errors.ts';
import { damageOf, isForWantOfRoom } from './damage.ts';

export const LOCK_FILE = 'sluice.lock';

export interface DirectoryLock {
  /** Repeatable. */
  release(): void;
}

/** A handle that nobody refers to is closed by the garbage collector, and its lock would go with it. */
const held = new Set<Db>();

/** Two processes that start at the same moment disturb each other this long at most. */
const BUSY_TIMEOUT_MS = 250;

/**
 * Makes the directory where it is missing (0700) and locks it until `release` or the end of the process.
 * Throws SluiceError STORE_LOCKED or DATA_DIR_UNWRITABLE, or ENOSPC as it is; then nothing that was not there
 * before is there.
 */
export function lockDirectory(directory: string): DirectoryLock {
  const path = resolve(directory);
  const made = makeDirectory(path);
  let db: Db | undefined;
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    db = lockFile(join(path, LOCK_FILE), path);
  } catch (error) {
    removeDirectories(made);
    throw error instanceof SluiceError ? error : unwritable(path, error);
  }
  held.add(db);
  return {
    release: () => {
      db.close();
      held.delete(db);
    },
  };
}

function lockFile(file: string, directory: string): Db {
  const db = new Database(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    try {
      hold(db);
    } catch (error) {
      if (damageOf(error) === undefined) throw error;
      truncateSync(file); // garbage; the lock is the file's, not its content's: one that is held stays held
      hold(db);
    }
    return db;
  } catch (error) {
    const holder = isBusy(error) ? holderOf(db) : undefined;
    db.close();
    if (!isBusy(error)) throw error;
    throw locked(directory, holder);
  }
}

function hold(db: Db): void {
  db.pragma('journal_mode = MEMORY');
  db.pragma('synchronous = OFF');
  noteHolder(db);
  db.exec('BEGIN IMMEDIATE');
}

/**
 * Committed before the lock is taken for good, so that others can read it. Best effort: the disk may be full.
 */
function noteHolder(db: Db): void {
  try {
    db.exec('BEGIN IMMEDIATE; CREATE TABLE IF NOT EXISTS holder (pid INTEGER); DELETE FROM holder');
    db.prepare('INSERT INTO holder (pid) VALUES (?)').run(BigInt(process.pid));
    db.exec('COMMIT');
  } catch (error) {
    if (db.inTransaction) db.exec('ROLLBACK');
    if (isBusy(error) || damageOf(error) !== undefined || !isWriteFault(error)) throw error;
  }
}

function holderOf(db: Db): number | undefined {
  try {
    return (db.prepare('SELECT pid FROM holder').get() as { pid: number } | undefined)?.pid;
  } catch {
    return undefined; // just being written: the message does without
  }
}

function isBusy(error: unknown): boolean {
  return String((error as { code?: unknown }).code).startsWith('SQLITE_BUSY');
}

function isWriteFault(error: unknown): boolean {
  return /^SQLITE_(FULL|IOERR)/.test(String((error as { code?: unknown }).code));
}

/** Returns the directories that had to be made, outermost first. */
function makeDirectory(path: string): string[] {
  const missing: string[] = [];
  const made: string[] = [];
  try {
    for (let at = path; !exists(at); at = dirname(at)) missing.unshift(at);
    for (const directory of missing) {
      mkdirSync(directory, { mode: 0o700 });
      made.push(directory);
    }
    if (!statSync(path).isDirectory()) throw new Error('it is not a directory');
  } catch (error) {
    removeDirectories(made);
    throw isForWantOfRoom(error) ? error : unwritable(path, error);
  }
  return made;
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function removeDirectories(made: string[]): void {
  for (const directory of made.reverse()) {
    try {
      rmdirSync(directory);
    } catch {
      return; // somebody else uses it already
    }
  }
}

function unwritable(directory: string, cause: unknown): SluiceError {
  return new SluiceError(
    'DATA_DIR_UNWRITABLE',
    `the data directory ${directory} cannot be used: ${messageOf(cause)}`,
    {
      kind: 'fatal',
      hint: 'Give the user that sluice runs as write access to it, or set data.dir to another directory.',
      cause,
    },
  );
}

function locked(directory: string, pid: number | undefined): SluiceError {
  const holder =
    pid === undefined ? 'another process' : pid === process.pid ? 'this same process' : `process ${pid}`;
  return new SluiceError('STORE_LOCKED', `the data directory ${directory} is in use by ${holder}`, {
    kind: 'fatal',
    hint: 'Stop the other gateway, or set data.dir to another directory.',
  });
}
