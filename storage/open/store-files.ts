// The files of a data directory as far as opening the store knows them, and moving them so that a crash at
// any moment leaves every byte under one name or another.
//
//   sluice.db, -wal, -shm             the store
//   sluice.db.building-<n>            a store being made, attempt n: ours to delete
//   sluice.db.ready                   a store that is made; originals are being put aside, then it becomes sluice.db
//   salvaging-<name>.db, .db-wal ...  damaged originals while they are read
//   damaged/<name>/sluice.db, ...     damaged originals, for good; damaged-<name>.db ... where damaged/ cannot be had

import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

export const DATABASE_FILE = 'sluice.db';
export const DAMAGED_DIRECTORY = 'damaged';
const READY_FILE = `${DATABASE_FILE}.ready`;
const BUILDING_PREFIX = `${DATABASE_FILE}.building-`;
const STAGED_PREFIX = 'salvaging-';
/** The parts of a store that hold data; -shm is an index that SQLite makes anew. */
const PARTS = ['', '-wal', '-journal'];

/** `20260131T235959Z-<reason>`, made different from what is there already. */
export function asideName(directory: string, reason: string, nowMs: number): string {
  const stamp = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '');
  const base = `${stamp}-${reason.replace(/[^A-Za-z0-9]+/g, '-').slice(0, 40)}`;
  for (let i = 1; ; i++) {
    const name = i === 1 ? base : `${base}-${i}`;
    const places = [
      join(DAMAGED_DIRECTORY, name),
      `${DAMAGED_DIRECTORY}-${name}.db`,
      `${DAMAGED_DIRECTORY}-${name}.db-wal`,
    ];
    if (!places.some((place) => existsSync(join(directory, place)))) return name;
  }
}

/** The name under which originals wait to be salvaged; undefined when none do. */
export function stagedName(directory: string): string | undefined {
  const file = readdirSync(directory).find((entry) => entry.startsWith(STAGED_PREFIX));
  return file?.slice(STAGED_PREFIX.length).replace(/\.db(-[a-z]+)?$/, '');
}

/** Where the originals are while they are read. */
export function stagedDatabase(directory: string, name: string): string {
  return join(directory, `${STAGED_PREFIX}${name}.db`);
}

/**
 * Takes the store away from its name, to be read. The write-ahead log goes first: a database file without it
 * would pass for a whole, older store.
 */
export function stage(directory: string, name: string): void {
  rmSync(join(directory, `${DATABASE_FILE}-shm`), { force: true, recursive: true });
  for (const part of [...PARTS].reverse()) {
    const from = join(directory, `${DATABASE_FILE}${part}`);
    if (existsSync(from)) move(from, `${stagedDatabase(directory, name)}${part}`);
  }
  syncDirectory(directory);
}

/**
 * Moves the originals to where they stay; returns that place, relative to the data directory, undefined when
 * none were.
 */
export function putAside(directory: string, name: string): string | undefined {
  const parts = PARTS.filter((part) => existsSync(`${stagedDatabase(directory, name)}${part}`));
  if (parts.length === 0) return undefined;
  const place = asidePlace(directory, name);
  for (const part of parts.reverse()) {
    move(`${stagedDatabase(directory, name)}${part}`, join(directory, `${place.file}${part}`));
  }
  syncDirectory(dirname(join(directory, place.file)));
  syncDirectory(directory);
  return place.shown;
}

/**
 * A directory of its own; when there is no room for one or damaged/ is taken, a name in the data directory.
 */
function asidePlace(directory: string, name: string): { file: string; shown: string } {
  const shown = join(DAMAGED_DIRECTORY, name);
  try {
    mkdirSync(join(directory, shown), { recursive: true, mode: 0o700 });
    return { file: join(shown, DATABASE_FILE), shown };
  } catch {
    return { file: `${DAMAGED_DIRECTORY}-${name}.db`, shown: `${DAMAGED_DIRECTORY}-${name}.db` };
  }
}

/** The file in which attempt `n` to make a store is made; those of earlier attempts are removed. */
export function startBuilding(directory: string): { file: string; attempt: number } {
  let attempt = 1;
  for (const entry of readdirSync(directory)) {
    if (!entry.startsWith(BUILDING_PREFIX)) continue;
    attempt = Math.max(attempt, 1 + Number.parseInt(entry.slice(BUILDING_PREFIX.length), 10) || 1);
    rmSync(join(directory, entry), { force: true });
  }
  return { file: join(directory, `${BUILDING_PREFIX}${attempt}`), attempt };
}

export function isReady(directory: string): boolean {
  return existsSync(join(directory, READY_FILE));
}

/** The store in `building` is complete and synced: from here on it takes over, whatever happens. */
export function makeReady(directory: string, building: string): void {
  syncFile(building);
  renameSync(building, join(directory, READY_FILE));
  syncDirectory(directory);
}

/** Somebody may have put a store back by hand meanwhile: it is not overwritten. */
export function takeOver(directory: string, nowMs: number): void {
  rmSync(join(directory, `${DATABASE_FILE}-shm`), { force: true, recursive: true });
  if (PARTS.some((part) => existsSync(join(directory, `${DATABASE_FILE}${part}`)))) {
    const name = asideName(directory, 'replaced', nowMs);
    stage(directory, name);
    putAside(directory, name);
  }
  renameSync(join(directory, READY_FILE), join(directory, DATABASE_FILE));
  syncDirectory(directory);
}

/** Renames, but never onto something. */
function move(from: string, to: string): void {
  let free = to;
  for (let i = 1; existsSync(free); i++)
    free = join(dirname(from), `${DAMAGED_DIRECTORY}-${i}-${basename(to)}`);
  renameSync(from, free);
}

export function syncFile(file: string): void {
  const fd = openSync(file, 'r+');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

export function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
