// A gateway in a process of its own, started by the command line as a user does: it can be killed, watched from outside
// and must not die.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { settingsText, type TestSettings } from './gateway-settings.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const KIB = 1024;
/** What is remembered of the gateway's output. */
const SAID_CHUNKS_MAX = 200;

export interface ChildOptions {
  settings?: TestSettings;
  env?: Readonly<Record<string, string>>;
  /** A program that runs a gateway in place of the command line; it gets the configuration file as its argument. */
  program?: string;
}

export class GatewayChild implements AsyncDisposable {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #said: string[];

  private constructor(child: ChildProcess, port: number, said: string[]) {
    this.#child = child;
    this.port = port;
    this.#said = said;
  }

  /** Resolves when it takes connections. `directory` holds its data and outlives it. */
  static async start(
    directory: string,
    { settings, env, program }: ChildOptions = {},
  ): Promise<GatewayChild> {
    const file = join(directory, 'gateway.yaml');
    // Pretty, because then it tells on stderr which ports it took.
    const log = { format: 'pretty', ...settings?.log };
    writeFileSync(file, settingsText(join(directory, 'data'), { ...settings, log }));
    const args = program === undefined ? ['gateway/cli.ts', 'start', '-c', file] : [program, file];
    const child = spawn(process.execPath, args, {
      cwd: PROJECT,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said: string[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    let isListening = false;
    const hear = (chunk: Buffer): void => {
      said.push(String(chunk));
      if (said.length > SAID_CHUNKS_MAX) said.shift();
      if (isListening) return;
      const found = /devices publish to +mqtt:\/\/[^:]+:(\d+)/.exec(said.join(''));
      if (found === null) return;
      isListening = true;
      resolve(Number(found[1]));
    };
    child.stdout!.on('data', hear);
    child.stderr!.on('data', hear);
    child.once('exit', () => reject(new Error(`the gateway ended: ${said.join('').slice(-2000)}`)));
    return new GatewayChild(child, await promise, said);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The last of what it wrote to standard output and standard error. */
  get said(): string {
    return this.#said.join('');
  }

  /** Resident memory, from the kernel's account (proc(5), VmRSS). */
  get residentBytes(): number {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'));
    return Number(kib?.[1]) * KIB;
  }

  /** Data directory. */
  static dataOf(directory: string): string {
    return join(directory, 'data');
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (!this.isAlive) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill(signal);
    await exited;
  }
}
