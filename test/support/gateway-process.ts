// A gateway as its owner runs it: a process of its own, with a configuration file, a data directory and a
// port that outlive it, so that a test can kill it at any moment and start it again. What it logs is kept,
// bounded.
//
// Nothing is left behind: dispose it (`await using`); should the test's own process end first, it goes too.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { quietPort } from './quiet-port.ts';
import { pause } from './wait-for.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CLI = join(ROOT, 'gateway/cli.ts');
/** A damaged store takes a while, and so does a busy machine. */
const ACCEPT_TIMEOUT_MS = 20_000;
const LINES_MAX = 4000;
const ERROR_CHARACTERS_MAX = 20_000;

export interface LogLine {
  level: string;
  msg: string;
  component?: string;
  [key: string]: unknown;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** Settings as in the configuration file; the listener, data.dir and log are the process's own. */
export type GatewaySettings = Readonly<Record<string, unknown>>;

export interface GatewayProcessOptions {
  settings?: GatewaySettings;
  /** Further variables of its environment; none of the test's own SLUICE_ variables get through. */
  env?: Readonly<Record<string, string>>;
  /** Instead of a directory inside its own. */
  dataDir?: string;
}

const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

export class GatewayProcess implements AsyncDisposable {
  /** Its own, temporary. */
  readonly directory: string;
  readonly dataDir: string;
  readonly port: number;
  env: Readonly<Record<string, string>>;
  /** Of all starts. */
  readonly lines: LogLine[] = [];
  errorOutput = '';
  #child: ChildProcess | null = null;
  #exit: Promise<Exit> = Promise.resolve({ code: null, signal: null });

  private constructor(port: number, { env = {}, dataDir }: GatewayProcessOptions) {
    this.directory = mkdtempSync(join(tmpdir(), 'sluice-gateway-'));
    this.dataDir = dataDir ?? join(this.directory, 'data');
    if (dataDir === undefined) mkdirSync(this.dataDir);
    this.port = port;
    this.env = env;
  }

  /** Not started yet. */
  static async create(options: GatewayProcessOptions = {}): Promise<GatewayProcess> {
    const gateway = new GatewayProcess(await quietPort(), options);
    gateway.configure(options.settings ?? {});
    return gateway;
  }

  static async start(options: GatewayProcessOptions = {}): Promise<GatewayProcess> {
    const gateway = await GatewayProcess.create(options);
    try {
      await gateway.start();
    } catch (error) {
      await gateway[Symbol.asyncDispose]();
      throw error;
    }
    return gateway;
  }

  get configFile(): string {
    return join(this.directory, 'config.yaml');
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  /** How the process of the last start ended. */
  get exited(): Promise<Exit> {
    return this.#exit;
  }

  /** For the next start. */
  configure(settings: GatewaySettings): void {
    const own = {
      data: { dir: this.dataDir },
      listeners: [{ type: 'tcp', host: '127.0.0.1', port: this.port }],
      log: { level: 'info', format: 'json' },
    };
    writeFileSync(this.configFile, JSON.stringify({ ...settings, ...own }, null, 2)); // JSON is YAML
  }

  /** Resolves when it takes connections; rejects with what it said when it ends instead. */
  async start(): Promise<void> {
    this.launch();
    await this.accepting();
  }

  /** Starts the process and waits for nothing. */
  launch(): void {
    if (this.#child !== null) throw new Error('the gateway runs already');
    const child = spawn(process.execPath, [CLI, 'start', '-c', this.configFile], {
      cwd: this.directory,
      env: { PATH: process.env.PATH, HOME: this.directory, ...this.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    alive.add(child);
    this.#capture(child);
    this.#exit = new Promise((resolve) => {
      // 'close' comes after the last of the output.
      child.once('close', (code, signal) => {
        alive.delete(child);
        if (this.#child === child) this.#child = null;
        resolve({ code, signal });
      });
    });
  }

  async accepting(): Promise<void> {
    const endMs = performance.now() + ACCEPT_TIMEOUT_MS;
    while (!(await accepts(this.port))) {
      if (this.#child === null) throw new Error(`the gateway ended instead of starting${this.#said()}`);
      if (performance.now() > endMs) throw new Error(`the gateway does not start${this.#said()}`);
      await pause(10); // a process has no other way to tell everybody that it takes connections
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** kill -9; repeatable, resolves when it is gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    if (this.#child !== null) await this.#exit;
  }

  /** In order. */
  async stop(): Promise<Exit> {
    this.signal('SIGTERM');
    return await this.#exit;
  }

  /** Whether a line with this message has been logged, and the last one. */
  said(message: string | RegExp): LogLine | undefined {
    const matches = ({ msg }: LogLine) => (typeof message === 'string' ? msg === message : message.test(msg));
    return this.lines.findLast(matches);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #capture(child: ChildProcess): void {
    let rest = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop() as string;
      for (const part of parts) this.lines.push(parsedLine(part));
      if (this.lines.length > LINES_MAX) this.lines.splice(0, this.lines.length - LINES_MAX);
    });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.errorOutput = `${this.errorOutput}${text}`.slice(-ERROR_CHARACTERS_MAX);
    });
  }

  #said(): string {
    const lines = this.lines.slice(-5).map((line) => JSON.stringify(line).slice(0, 500));
    return `:\n${[this.errorOutput.slice(-2000), ...lines].join('\n')}`;
  }
}

function parsedLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { level: 'none', msg: text }; // not a line of the logger
  }
}

function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  }).finally(() => socket.destroy()) as Promise<boolean>;
}
