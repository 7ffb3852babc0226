// A small disk of its own: a tmpfs, mounted for as long as it is needed. Mounting takes root, and Linux. Like the
// processes under test it goes away with the simulator, however that ends: a guard unmounts it when a pipe closes that
// only the simulator holds open.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmdirSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SluiceError } from '../../config/errors.ts';

/** `cat` ends when the pipe does; -l, because a process that was killed a moment ago may still hold a file. */
const GUARD = 'cat >/dev/null; umount -l "$0"; rmdir "$0"';

export class SmallDisk implements AsyncDisposable {
  /** A directory on it. */
  readonly directory: string;
  readonly #mountPoint: string;
  readonly #guard: ChildProcess;

  private constructor(mountPoint: string) {
    this.#mountPoint = mountPoint;
    this.#guard = spawn('/bin/sh', ['-c', GUARD, mountPoint], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.#guard.unref();
    this.directory = join(mountPoint, 'disk');
    mkdirSync(this.directory);
  }

  /** Throws CANNOT_MOUNT. */
  static mount(bytes: number): SmallDisk {
    const mountPoint = mkdtempSync(join(tmpdir(), 'sluice-disk-'));
    const args = ['-t', 'tmpfs', '-o', `size=${bytes}`, 'sluice', mountPoint];
    const { status, stderr, error } = spawnSync('mount', args, { encoding: 'utf8' });
    if (status === 0) return new SmallDisk(mountPoint);
    rmdirSync(mountPoint);
    const reason = error?.message ?? stderr.trim();
    throw new SluiceError('CANNOT_MOUNT', `cannot mount a tmpfs of ${bytes} bytes: ${reason}`, {
      kind: 'permanent',
      hint: 'Run as root on Linux, or give a directory on a small file system of your own.',
      cause: error,
    });
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#mountPoint);
    return bavail * bsize;
  }

  /** Whoever uses it must be gone. Repeatable. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#guard.exitCode !== null || this.#guard.signalCode !== null) return;
    const isGone = once(this.#guard, 'exit');
    this.#guard.stdin!.end();
    await isGone;
  }
}
