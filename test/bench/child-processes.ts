// Every process that the benchmark starts, so that none outlives it: they are killed, and its directories
// removed, whatever ends this process short of SIGKILL.

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';

const STDERR_CHARS_MAX = 4000;
const STOP_MS_MAX = 12_000;

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** `performance.now()` when the end was noticed. */
  atMs: number;
}

export class BenchChild {
  readonly pid: number;
  readonly process: ChildProcess;
  readonly exited: Promise<Exit>;
  readonly startedAtMs = performance.now();
  #ended = false;
  #stderr = '';

  constructor(command: string, args: readonly string[], options: SpawnOptions) {
    this.process = spawn(command, [...args], options);
    if (this.process.pid === undefined) throw new Error(`cannot start ${command}`);
    this.pid = this.process.pid;
    this.process.stderr?.on('data', (text) => {
      this.#stderr = `${this.#stderr}${text}`.slice(-STDERR_CHARS_MAX);
    });
    this.exited = new Promise((resolve) => {
      this.process.once('exit', (code, signal) => {
        this.#ended = true;
        resolve({ code, signal, atMs: performance.now() });
      });
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The end of what it wrote to standard error. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Ends it; SIGKILL when it takes too long. Repeatable. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    if (!this.#ended) this.process.kill(signal);
    const timer = setTimeout(() => this.process.kill('SIGKILL'), STOP_MS_MAX);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }
}

export class ChildProcesses {
  readonly #alive = new Set<BenchChild>();
  readonly #directories = new Set<string>();
  readonly #root: string;

  constructor(root: string | undefined) {
    this.#root = root ?? tmpdir();
    process.on('exit', () => this.#clear());
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(name, () => process.exit(128 + constants.signals[name]));
    }
  }

  spawn(command: string, args: readonly string[], options: SpawnOptions): BenchChild {
    const child = new BenchChild(command, args, options);
    this.#alive.add(child);
    void child.exited.then(() => this.#alive.delete(child));
    return child;
  }

  /** A new directory, removed at the end at the latest. */
  directory(name: string): string {
    const path = mkdtempSync(join(this.#root, `sluice-bench-${name}-`));
    this.#directories.add(path);
    return path;
  }

  removeDirectory(path: string): void {
    rmSync(path, { recursive: true, force: true });
    this.#directories.delete(path);
  }

  #clear(): void {
    for (const child of this.#alive) child.process.kill('SIGKILL');
    // A process that is just dying may still make a file; one retry is enough on a local disk.
    for (const path of this.#directories) rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  }
}
