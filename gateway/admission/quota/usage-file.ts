// The file in which daily use survives a restart: lines of JSON, so that it can be written in pieces.
//
//   {"file":"sluice daily use","version":1,"day":20406}      day: days since 1970-01-01 UTC
//   ["device/press-7",1048576]                               what it is, its bytes that day
//   ["group/line-1",2097152]
//   ["gateway/",3145728]
//   {"entries":3,"crc32":"89abcdef"}                         over all bytes before this line
//
// Written under another name, synced, and renamed: there is always a whole one, the old or the new.

import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { quotaBounds } from './quota-bounds.ts';

const KIND = 'sluice daily use';
const VERSION = 1;
/** Other work is let in after so many entries; about a millisecond of them. */
const ENTRIES_PER_PIECE = 2000;

/** Longer names stand in the file as their hash: so an entry is never longer than `usageEntryBytesMax`. */
const NAME_LENGTH_MAX = 128;

export type UsageEntry = readonly [key: string, bytes: number];

export function usageKey(kind: 'device' | 'group' | 'gateway', name: string): string {
  if (name.length <= NAME_LENGTH_MAX) return `${kind}/${name}`;
  return `${kind}#${createHash('sha256').update(name).digest('hex')}`;
}

export type UsageRead =
  | { readonly kind: 'read'; readonly day: number; readonly entries: Map<string, number> }
  | { readonly kind: 'none' }
  | { readonly kind: 'damaged'; readonly why: string };

/** Throws what the file system throws; the file under its name is then the old one. */
export async function writeUsage(file: string, day: number, entries: Iterable<UsageEntry>): Promise<void> {
  const building = `${file}.part`;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  try {
    const handle = await open(building, 'w', 0o600);
    try {
      for (const piece of piecesOf(day, entries)) await handle.appendFile(piece);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(building, file);
  } catch (error) {
    await rm(building, { force: true });
    throw error;
  }
  const directory = await open(dirname(file), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Throws what the file system throws when there is a file and it cannot be read. */
export async function readUsage(file: string, entriesMax: number): Promise<UsageRead> {
  let text: string;
  try {
    const { size } = await stat(file);
    if (size > (entriesMax + 2) * quotaBounds.usageEntryBytesMax) return damaged('too-large');
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { kind: 'none' };
    throw error;
  }
  return parseUsage(text);
}

function* piecesOf(day: number, entries: Iterable<UsageEntry>): Generator<Buffer> {
  let lines = `${JSON.stringify({ file: KIND, version: VERSION, day })}\n`;
  let sum = 0;
  let count = 0;
  const cut = (): Buffer => {
    const piece = Buffer.from(lines);
    sum = crc32(piece, sum);
    lines = '';
    return piece;
  };
  for (const entry of entries) {
    lines += `${JSON.stringify(entry)}\n`;
    if (++count % ENTRIES_PER_PIECE === 0) yield cut();
  }
  yield cut();
  yield Buffer.from(`${JSON.stringify({ entries: count, crc32: hex(sum) })}\n`);
}

function parseUsage(text: string): UsageRead {
  const lastLineAt = text.lastIndexOf('\n', text.length - 2) + 1;
  if (lastLineAt === 0 || !text.endsWith('\n')) return damaged('cut-short');
  const body = text.slice(0, lastLineAt);
  try {
    const end = JSON.parse(text.slice(lastLineAt));
    if (typeof end?.crc32 !== 'string') return damaged('cut-short');
    if (end.crc32 !== hex(crc32(body))) return damaged('checksum');
    const [head, ...rows] = body
      .slice(0, -1)
      .split('\n')
      .map((line) => JSON.parse(line));
    if (head?.file !== KIND || head.version !== VERSION || !Number.isSafeInteger(head.day))
      return damaged('version');
    if (!rows.every(isEntry) || rows.length !== end.entries) return damaged('entries');
    return { kind: 'read', day: head.day, entries: new Map(rows) };
  } catch {
    return damaged('syntax'); // JSON.parse says where, which helps nobody: the file is not written by hand
  }
}

function isEntry(row: unknown): row is [string, number] {
  return (
    Array.isArray(row) &&
    row.length === 2 &&
    typeof row[0] === 'string' &&
    Number.isSafeInteger(row[1]) &&
    row[1] >= 0
  );
}

function damaged(why: string): UsageRead {
  return { kind: 'damaged', why };
}

function hex(sum: number): string {
  return sum.toString(16).padStart(8, '0');
}
