// Puts single wrong bits of the write-ahead log right, which its checksums tell; SQLite would take the first
// of them for the end of the log, and every later commit would be gone.

import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isForWantOfRoom } from './damage.ts';
import { copyWalAside } from './put-aside.ts';
import type { RepairReport } from './repairs.ts';
import type { WrongBit } from './sqlite-file/wal-checksum.ts';
import { DATABASE_FILE } from './store-files.ts';

/** A crash in between is no harm: the bits that are still wrong are found again. */
export function mendWal(directory: string, patches: WrongBit[], nowMs: number): RepairReport {
  const at = patches.map((patch) => patch.at).join(', ');
  const detail = `wrong bits in the write-ahead log, in the bytes at ${at}`;
  let putAside: string | null = null;
  try {
    putAside = copyWalAside(directory, 'wal-bits', { nowMs, detail });
  } catch (error) {
    if (!isForWantOfRoom(error)) throw error; // no room for a copy: the report says which bits there were
  }
  const fd = openSync(join(directory, `${DATABASE_FILE}-wal`), 'r+');
  try {
    for (const patch of patches) flip(fd, patch);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  return { kind: 'wal-bits', bits: patches.length, detail, putAside };
}

function flip(fd: number, { at, mask }: WrongBit): void {
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, at);
  byte[0] ^= mask;
  writeSync(fd, byte, 0, 1, at);
}
