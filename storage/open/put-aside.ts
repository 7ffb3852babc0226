// Copies of damaged data that stays in use otherwise: a write-ahead log before it is mended, a single batch.
// Under damaged/, with a report.json or .json beside it; never deleted by the gateway, and never made twice
// for one batch.

import { constants, copyFileSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { asideName, DAMAGED_DIRECTORY, DATABASE_FILE, syncDirectory, syncFile } from './store-files.ts';

export interface DamagedRow {
  /** The lane's name. */
  lane: string;
  /** The row's id in the log. */
  id: number;
  bytes: Uint8Array;
  why: string;
  nowMs: number;
}

/** Returns the copy's name relative to the data directory. Throws what the file system throws. */
export function copyWalAside(
  directory: string,
  reason: string,
  report: { nowMs: number; detail: string },
): string {
  const name = asideName(directory, reason, report.nowMs);
  const place = join(DAMAGED_DIRECTORY, name);
  mkdirSync(join(directory, place), { recursive: true, mode: 0o700 });
  const copy = join(directory, place, `${DATABASE_FILE}-wal`);
  copyFileSync(join(directory, `${DATABASE_FILE}-wal`), `${copy}.part`, constants.COPYFILE_FICLONE);
  syncFile(`${copy}.part`);
  renameSync(`${copy}.part`, copy);
  const { nowMs, detail } = report;
  writeJson(join(directory, place, 'report.json'), { at: new Date(nowMs).toISOString(), reason, detail });
  syncDirectory(join(directory, place));
  syncDirectory(join(directory, DAMAGED_DIRECTORY));
  return place;
}

/**
 * Puts the bytes of one damaged batch aside; returns the name of the copy relative to the data directory. To
 * be called before the row is deleted. Throws what the file system throws: then the row must stay.
 */
export function quarantineRow(directory: string, { lane, id, bytes, why, nowMs }: DamagedRow): string {
  const place = join(directory, DAMAGED_DIRECTORY);
  mkdirSync(place, { recursive: true, mode: 0o700 });
  const sum = crc32(bytes).toString(16).padStart(8, '0');
  const suffix = `-batch-${lane.replace(/[^A-Za-z0-9]+/g, '-').slice(0, 40)}-${id}-${sum}`;
  const before = readdirSync(place).find((entry) => entry.endsWith(`${suffix}.bin`));
  if (before !== undefined) return join(DAMAGED_DIRECTORY, before);
  const at = new Date(nowMs).toISOString();
  const name = `${at.replace(/[-:]|\.\d+/g, '')}${suffix}`;
  const file = join(place, `${name}.bin`);
  writeFileSync(`${file}.part`, bytes);
  syncFile(`${file}.part`);
  renameSync(`${file}.part`, file);
  writeJson(join(place, `${name}.json`), { at, lane, id, bytes: bytes.length, why });
  syncDirectory(place);
  return join(DAMAGED_DIRECTORY, `${name}.bin`);
}

function writeJson(file: string, value: unknown): void {
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}
