// The `sluice` command as a child process, as a person would run it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../gateway/cli.ts', import.meta.url));

export interface CommandResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export class SluiceCommand implements AsyncDisposable {
  readonly process: ChildProcess;
  readonly #exited: Promise<CommandResult>;
  #stdout = '';
  #stderr = '';

  constructor(args: readonly string[]) {
    this.process = spawn(process.execPath, [CLI, ...args], { stdio: 'pipe' });
    this.process.stdout!.on('data', (text) => {
      this.#stdout += text;
    });
    this.process.stderr!.on('data', (text) => {
      this.#stderr += text;
    });
    this.process.stdin!.on('error', () => {}); // a command that has ended does not read on
    this.#exited = once(this.process, 'close').then(([code, signal]) => {
      return { code, signal, stdout: this.#stdout, stderr: this.#stderr };
    });
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  exited(): Promise<CommandResult> {
    return this.#exited;
  }

  kill(signal: NodeJS.Signals): Promise<CommandResult> {
    this.process.kill(signal);
    return this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill('SIGKILL');
  }
}
