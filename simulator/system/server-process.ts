// A server under test as a process of its own: started until it accepts connections, killed at any moment, started
// again on what it has left. The last of its output is kept, bounded.
//
// It ends with the simulator, however that ends: at its exit, or, when it is killed, by a guard beside it that waits on
// a pipe that only the simulator holds open. Ctrl-C in a terminal does not reach it, for it is of another session: the
// simulator ends it in order.

import { type ChildProcess, spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { messageOf, SluiceError } from '../../config/errors.ts';
import { atExit } from './exit-cleanup.ts';
import { type ProcessUsage, processUsage } from './process-usage.ts';

export interface ServerProcessOptions {
  /** For people: "gateway", "upstream". */
  name: string;
  /** Program and arguments. */
  command: readonly string[];
  cwd: string;
  /** All there is; PATH and HOME are up to the caller. */
  env: Readonly<Record<string, string | undefined>>;
  /** Of 127.0.0.1: up when this one accepts connections. */
  port: number;
  acceptTimeoutMs?: number;
  /** Every line of its output; the last of a stream also when nothing ends it. */
  onLine?: (line: string, stream: OutputStream) => void;
}

export type OutputStream = 'stdout' | 'stderr';

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A damaged store takes a while, and so does a busy machine. */
const ACCEPT_TIMEOUT_MS = 30_000;
const ASK_EVERY_MS = 10;
const STOP_DEADLINE_MS = 20_000;
const OUTPUT_CHARACTERS_MAX = 64 * 1024;
const SHOWN_CHARACTERS = 2000;
const LINE_CHARACTERS_MAX = 16 * 1024;
const OWN_ENDINGS_MAX = 100;

/**
 * The shell becomes the server, so that its process id and exit are the server's. The guard kills it, and what it has
 * started, when descriptor 3 ends without a word, and goes away when it is told that the server has ended: then the id
 * may be somebody else's.
 */
const GUARDED = '{ read -r word <&3 || kill -9 -$$; } >/dev/null 2>&1 & exec "$@" 3<&-';

export class ServerProcess implements AsyncDisposable {
  readonly name: string;
  readonly port: number;
  /** For the next start. */
  command: readonly string[];
  /** For the next start. */
  env: Readonly<Record<string, string | undefined>>;
  readonly #options: ServerProcessOptions;
  #child: ChildProcess | null = null;
  #exit: Promise<Exit> = Promise.resolve({ code: null, signal: null });
  #output = '';
  #starts = 0;
  #isToEnd = false;
  readonly #ownEndings: string[] = [];

  constructor(options: ServerProcessOptions) {
    this.#options = options;
    this.name = options.name;
    this.port = options.port;
    this.command = options.command;
    this.env = options.env;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  get starts(): number {
    return this.#starts;
  }

  /** How the process of the last start ended. */
  get exited(): Promise<Exit> {
    return this.#exit;
  }

  /** "the gateway ended by itself (code 1)": each time that nobody here has ended it. */
  get ownEndings(): readonly string[] {
    return this.#ownEndings;
  }

  /** The last of it, of all starts. */
  get output(): string {
    return this.#output;
  }

  /** Undefined when it does not run, or the system does not tell. */
  get usage(): ProcessUsage | undefined {
    return this.pid === undefined ? undefined : processUsage(this.pid);
  }

  /** Resolves when it accepts connections. Throws SERVER_ENDED or SERVER_SILENT with the last of its output. */
  async start(): Promise<void> {
    this.launch();
    await this.accepting();
  }

  /** Starts the process and waits for nothing. */
  launch(): void {
    if (this.#child !== null) {
      throw new SluiceError('SERVER_RUNS', `${this.name} runs already`, { kind: 'permanent' });
    }
    const child = spawn('/bin/sh', ['-c', GUARDED, 'sh', ...this.command], {
      cwd: this.#options.cwd,
      env: { ...this.env },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      detached: true,
    });
    const guard = child.stdio[3] as Socket;
    guard.on('error', () => {}); // the guard is gone already, and with it what it guarded
    this.#child = child;
    this.#isToEnd = false;
    this.#starts++;
    this.#capture(child);
    const ending = atExit(() => this.#killGroup());
    child.once('exit', () => {
      ending[Symbol.dispose]();
      guard.end('ended\n');
    });
    this.#exit = new Promise((resolve) => {
      const gone = (exit: Exit) => {
        if (this.#child === child) this.#child = null;
        if (!this.#isToEnd) this.#noteOwnEnding(exit);
        resolve(exit);
      };
      child.once('error', (error) => {
        this.#keep(`${messageOf(error)}\n`);
        if (child.pid !== undefined) return;
        ending[Symbol.dispose](); // it never was
        gone({ code: null, signal: null });
      });
      // 'close' comes after the last of the output.
      child.once('close', (code, signal) => gone({ code, signal }));
    });
  }

  async accepting(): Promise<void> {
    const { acceptTimeoutMs = ACCEPT_TIMEOUT_MS } = this.#options;
    const endMs = performance.now() + acceptTimeoutMs;
    for (;;) {
      const isThere = await accepts(this.port);
      // Without the process it would be somebody else who answers.
      if (this.#child === null) throw this.#fault('SERVER_ENDED', 'ended instead of starting');
      if (isThere) return;
      if (performance.now() > endMs) {
        throw this.#fault('SERVER_SILENT', `accepts no connection after ${acceptTimeoutMs} ms`);
      }
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS)); // it has no other way to say so
    }
  }

  /** kill -9, of what it has started too; repeatable, resolves when it is gone. */
  async kill(): Promise<void> {
    this.#isToEnd = true;
    this.#killGroup();
    if (this.#child !== null) await this.#exit;
  }

  /** In order; kill -9 when it has not ended by itself after `deadlineMs`. Repeatable. */
  async stop(deadlineMs: number = STOP_DEADLINE_MS): Promise<Exit> {
    this.#isToEnd = true;
    this.signal('SIGCONT'); // a frozen one could not
    this.signal('SIGTERM');
    const late = setTimeout(() => this.#killGroup(), deadlineMs);
    const exit = await this.#exit;
    clearTimeout(late);
    return exit;
  }

  /** Of no effect when it does not run. */
  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** It stops where it is: connections stay, nothing is read or answered. */
  freeze(): void {
    this.signal('SIGSTOP');
  }

  thaw(): void {
    this.signal('SIGCONT');
  }

  /** Has it read its files again, where it does so at SIGHUP. */
  reload(): void {
    this.signal('SIGHUP');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  /** It leads a process group of its own; a command such as `npm run` would otherwise leave the server behind. */
  #killGroup(): void {
    const child = this.#child;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch (error) {
      // It has ended in this moment; 'exit' is on its way.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  #noteOwnEnding({ code, signal }: Exit): void {
    if (this.#ownEndings.length === OWN_ENDINGS_MAX) return;
    const how = signal === null ? `code ${code}` : `signal ${signal}`;
    this.#ownEndings.push(`${this.name} ended by itself (${how})`);
  }

  #capture(child: ChildProcess): void {
    const { onLine } = this.#options;
    for (const stream of ['stdout', 'stderr'] as const) {
      let rest = '';
      child[stream]!.setEncoding('utf8').on('data', (text: string) => {
        this.#keep(text);
        if (onLine === undefined) return;
        const lines = (rest + text).split('\n');
        rest = (lines.pop() as string).slice(-LINE_CHARACTERS_MAX);
        for (const line of lines) onLine(line, stream);
      });
      child[stream]!.once('end', () => {
        if (rest !== '') onLine?.(rest, stream);
      });
    }
  }

  #keep(text: string): void {
    this.#output = `${this.#output}${text}`.slice(-OUTPUT_CHARACTERS_MAX);
  }

  #fault(code: string, what: string): SluiceError {
    const said = this.#output.slice(-SHOWN_CHARACTERS).trim();
    return new SluiceError(code, `${this.name} ${what}${said === '' ? '' : `: ${said}`}`, {
      kind: 'permanent',
      hint: `It was started with: ${this.command.join(' ')}`,
    });
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    return await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
  } finally {
    socket.destroy();
  }
}
