// Where a process under test keeps its files: a directory that was given, which stays, or a temporary one, which goes
// when it is disposed, and at the latest with this process.
//
// A simulator that was killed (kill -9) leaves its directories behind. Their names say whose they were, and the next
// one takes away those whose process is gone:
//
//   sluice-sim-NAMESPACE-PID-NAME-XXXXXX     NAMESPACE: of process ids, so that one container leaves alone what belongs
//                                            to another that has the same /tmp

import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { atExit } from './exit-cleanup.ts';

const PREFIX = `sluice-sim-${pidNamespace()}-`;
const PID = /^(\d+)-/;
/** A process that was killed a moment ago may still write into it. */
const REMOVE = { recursive: true, force: true, maxRetries: 5, retryDelay: 50 } as const;

export class ProcessDirectory implements Disposable {
  readonly path: string;
  readonly #cleanup: Disposable | null;

  constructor(name: string, given?: string) {
    if (given === undefined) {
      removeStale();
      this.path = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-${name}-`));
      this.#cleanup = atExit(() => rmSync(this.path, REMOVE));
    } else {
      this.path = resolve(given);
      this.#cleanup = null;
      mkdirSync(this.path, { recursive: true });
    }
  }

  file(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    if (this.#cleanup === null) return;
    this.#cleanup[Symbol.dispose]();
    rmSync(this.path, REMOVE);
  }
}

/** Of processes that are gone. */
function removeStale(): void {
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue;
    const pid = Number(PID.exec(name.slice(PREFIX.length))?.[1]);
    if (pid > 0 && !isAlive(pid)) removeIfOurs(join(tmpdir(), name));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

function removeIfOurs(path: string): void {
  try {
    rmSync(path, REMOVE);
  } catch {
    // Another user's, or one who is at it at the same moment: none of this run's business.
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid').replace(/\D/g, ''); // pid:[4026531836]
  } catch {
    return '0'; // not Linux: there is one
  }
}
