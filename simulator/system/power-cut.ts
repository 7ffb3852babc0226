// The fault "power cut": the process is killed and its disk has only what was synced. A library in C, preloaded into
// the server, keeps beside the data directory a shadow of it that holds synced bytes only; after a kill the shadow
// takes the place of the data.
//
// It sees the system calls that SQLite makes. A program that writes through the C library's streams (fopen, as
// mosquitto does) is not seen: after a cut it would have what it had at `begin`, which would be unfair to it.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { SluiceError } from '../../config/errors.ts';
import type { ServerProcess } from './server-process.ts';

export interface PowerCutOptions {
  server: ServerProcess;
  dataDir: string;
  /** Of the library in C. */
  sourceFile: string;
}

export class PowerCut implements Disposable {
  readonly #server: ServerProcess;
  readonly #dataDir: string;
  readonly #shadow: string;
  readonly #library: string;
  #cuts = 0;

  /**
   * Before the server starts, for its environment is set here. The shadow and the library lie beside the data
   * directory, on the same file system. Throws COMPILER_MISSING, COMPILE_FAILED, SERVER_RUNS.
   */
  constructor({ server, dataDir, sourceFile }: PowerCutOptions) {
    if (server.isRunning) {
      throw new SluiceError('SERVER_RUNS', `${server.name} runs already: a power cut is prepared before`, {
        kind: 'permanent',
      });
    }
    this.#server = server;
    this.#dataDir = resolve(dataDir);
    this.#shadow = `${this.#dataDir}.shadow`;
    this.#library = `${this.#dataDir}.powercut.so`;
    compile(sourceFile, this.#library);
    const { LD_PRELOAD } = server.env;
    server.env = {
      ...server.env,
      LD_PRELOAD: LD_PRELOAD === undefined ? this.#library : `${this.#library}:${LD_PRELOAD}`,
      POWERCUT_DIR: this.#dataDir,
      POWERCUT_SHADOW: this.#shadow,
    };
    mkdirSync(this.#dataDir, { recursive: true });
    rmSync(this.#shadow, { recursive: true, force: true });
    this.#beginShadow();
  }

  /** So far. */
  get cuts(): number {
    return this.#cuts;
  }

  /** Resolves when the server accepts connections again, on what was synced. */
  async cutAndRestart(): Promise<void> {
    await this.cut();
    await this.#server.start();
  }

  /** The server stays down; the data directory is what a power cut has left of it. */
  async cut(): Promise<void> {
    await this.#server.kill();
    rmSync(this.#dataDir, { recursive: true });
    renameSync(this.#shadow, this.#dataDir);
    this.#cuts++;
    this.#beginShadow();
  }

  /** The server must be gone. */
  [Symbol.dispose](): void {
    rmSync(this.#shadow, { recursive: true, force: true });
    rmSync(this.#library, { force: true });
  }

  #beginShadow(): void {
    cpSync(this.#dataDir, this.#shadow, { recursive: true });
  }
}

function compile(sourceFile: string, library: string): void {
  const args = ['-O2', '-shared', '-fPIC', '-o', library, sourceFile, '-ldl', '-lpthread'];
  const { status, error, stderr } = spawnSync('cc', args, { encoding: 'utf8' });
  if (status === 0) return;
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') {
    throw new SluiceError('COMPILER_MISSING', 'a power cut needs a C compiler, and there is no cc', {
      kind: 'permanent',
      hint: "Install Debian's packages gcc and libc6-dev.",
      cause: error,
    });
  }
  throw new SluiceError(
    'COMPILE_FAILED',
    `cc cannot compile ${sourceFile}: ${error?.message ?? stderr.trim()}`,
    {
      kind: 'permanent',
      hint: "Install Debian's packages gcc and libc6-dev.",
      cause: error,
    },
  );
}
