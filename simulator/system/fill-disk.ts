// The fault "disk full": a file of ballast takes the room of a file system down to so many bytes, until it is released.
// Only on a small file system, such as a tmpfs mounted for the purpose (small-disk.ts): nobody's real disk is ever
// filled by a simulation.

import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { SluiceError } from '../../config/errors.ts';

const FILE_SYSTEM_BYTES_MAX = 2 * 1024 ** 3;
const CHUNK = Buffer.alloc(64 * 1024, 0x55);
const BALLAST = 'ballast';

export class DiskFill implements Disposable {
  readonly #directory: string;

  /** `directory` is where the ballast lies: on the file system of the data. Throws DISK_TOO_LARGE. */
  constructor(directory: string) {
    const { blocks, bsize } = statfsSync(directory);
    if (blocks * bsize >= FILE_SYSTEM_BYTES_MAX) {
      const gibibytes = ((blocks * bsize) / 1024 ** 3).toFixed(1);
      throw new SluiceError('DISK_TOO_LARGE', `${directory} is on a file system of ${gibibytes} GiB`, {
        kind: 'permanent',
        hint: 'Only file systems of less than 2 GiB are filled: mount a tmpfs for it.',
      });
    }
    this.#directory = directory;
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#directory);
    return bavail * bsize;
  }

  /**
   * Takes room until so many bytes are free, rounded to a block of the file system; what others give back or take
   * meanwhile is not followed: call it again. Gives nothing back.
   */
  fill(leaveFreeBytes: number): void {
    const file = openSync(this.#ballast, 'a');
    try {
      for (;;) {
        const bytes = Math.min(CHUNK.length, this.freeBytes - leaveFreeBytes);
        if (bytes <= 0) break;
        writeSync(file, CHUNK, 0, bytes);
      }
    } catch (error) {
      // Somebody else has taken the last of it: full is what was wanted.
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(file);
    }
  }

  /** Gives all of it back. Repeatable. */
  release(): void {
    rmSync(this.#ballast, { force: true });
  }

  [Symbol.dispose](): void {
    this.release();
  }

  get #ballast(): string {
    return join(this.#directory, BALLAST);
  }
}
