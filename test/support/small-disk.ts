// A small disk of its own: a tmpfs, and a ballast file on it that can take all the room there is. Mounting
// needs root; where CI is set that is an error, elsewhere the tests that need it are skipped with one line.

import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const CHUNK = Buffer.alloc(64 * 1024, 0x55);

export function canMount(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-mount-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory]).status === 0;
  if (mounted) execFileSync('umount', [directory]);
  rmSync(directory, { recursive: true });
  if (mounted) return true;
  const line = 'mounting a tmpfs is not allowed: run as root (mount is in the package mount)';
  if (process.env.CI) throw new Error(line);
  console.warn(`skipped: ${line}`);
  return false;
}

export class SmallDisk implements Disposable {
  readonly #mountPoint = mkdtempSync(join(tmpdir(), 'sluice-disk-'));
  /** A directory on it. */
  readonly directory: string;

  constructor(bytes: number) {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', this.#mountPoint]);
    this.directory = join(this.#mountPoint, 'data');
    mkdirSync(this.directory);
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#mountPoint);
    return bavail * bsize;
  }

  /** Takes all the room there is; again and again when it is called again. */
  fill(): void {
    const fd = openSync(this.#ballast, 'a');
    try {
      for (;;) writeSync(fd, CHUNK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(fd);
    }
  }

  /** Gives it back. */
  clear(): void {
    rmSync(this.#ballast, { force: true });
  }

  /** Whoever uses it must be gone. */
  [Symbol.dispose](): void {
    execFileSync('umount', ['-l', this.#mountPoint]);
    rmSync(this.#mountPoint, { recursive: true });
  }

  get #ballast(): string {
    return join(this.#mountPoint, 'ballast');
  }
}
