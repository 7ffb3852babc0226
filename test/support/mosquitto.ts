// Mosquitto brokers of the test's own, on free loopback ports. Where CI is set a missing tool is an error;
// elsewhere the tests that need it are skipped, with one line that names the package.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { quietPort } from './quiet-port.ts';

export interface Mosquitto extends AsyncDisposable {
  readonly port: number;
  /** Its own directory, where files for its settings can be put. */
  readonly directory: string;
  /** Ends the process: SIGTERM, or SIGKILL when `force`. Repeatable. */
  stop(force?: boolean): Promise<void>;
  /** Starts it again on the same port, after `stop`. */
  restart(): Promise<void>;
  /** Stops the process where it is: connections stay, nothing is read or answered. */
  freeze(): void;
  thaw(): void;
  /** Replaces one of its files, and has it read them again (SIGHUP). */
  rewrite(name: string, text: string): void;
}

export interface MosquittoOptions {
  /** Of 127.0.0.1; a free one when it is not given. */
  port?: number;
  /** Further lines of mosquitto.conf. */
  lines?: readonly string[];
  /** Replaces `allow_anonymous true`. */
  allowAnonymous?: boolean;
  /** Files to write into its directory, by name; `{directory}` in `lines` is replaced by its path. */
  files?: Readonly<Record<string, string>>;
}

const PATH = ['/usr/sbin', '/usr/local/sbin', ...(process.env.PATH ?? '').split(delimiter)].join(delimiter);

/** Whether `tool` is there; throws where CI is set and it is not. */
export function hasTool(tool: string, debianPackage: string): boolean {
  const found = spawnSync('sh', ['-c', `command -v ${tool}`], { env: { ...process.env, PATH } }).status === 0;
  if (found) return true;
  const line = `${tool} is missing: install Debian's ${debianPackage}`;
  if (process.env.CI) throw new Error(line);
  console.warn(`skipped: ${line}`);
  return false;
}

export function hasMosquitto(): boolean {
  return hasTool('mosquitto', 'mosquitto');
}

export async function startMosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-mosquitto-'));
  const port = options.port ?? (await freePort());
  const lines = [
    `listener ${port} 127.0.0.1`,
    `allow_anonymous ${options.allowAnonymous ?? true}`,
    ...(options.lines ?? []),
  ];
  for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(join(directory, name), text);
  const config = join(directory, 'mosquitto.conf');
  writeFileSync(config, `${lines.join('\n').replaceAll('{directory}', directory)}\n`);
  chmodSync(directory, 0o755);
  let broker = await launch(config, port);
  return {
    port,
    directory,
    stop: (force = false) => broker.end(force ? 'SIGKILL' : 'SIGTERM'),
    async restart() {
      broker = await launch(config, port);
    },
    freeze: () => broker.signal('SIGSTOP'),
    thaw: () => broker.signal('SIGCONT'),
    rewrite(name, text) {
      writeFileSync(join(directory, name), text);
      broker.signal('SIGHUP');
    },
    async [Symbol.asyncDispose]() {
      await broker.end('SIGTERM');
      rmSync(directory, { recursive: true });
    },
  };
}

interface BrokerProcess {
  signal(name: NodeJS.Signals): void;
  end(name: NodeJS.Signals): Promise<void>;
}

/**
 * Prints its process id; ends when the test's process does, however that ends: then the pipe to its input
 * closes.
 */
const GUARDED =
  'exec 3<&0; mosquitto -c "$0" & p=$!; echo $p; { cat; kill -9 $p; } <&3 >/dev/null 2>&1 & wait $p';

async function launch(config: string, port: number): Promise<BrokerProcess> {
  const shell = spawn('sh', ['-c', GUARDED, config], { env: { ...process.env, PATH } });
  let said = '';
  shell.stderr.on('data', (text) => {
    said = `${said}${text}`.slice(-2000);
  });
  const ended = once(shell, 'exit');
  const failed = ended.then(() => {
    throw new Error(`mosquitto ended: ${said}`);
  });
  failed.catch(() => {}); // only of interest until it listens
  const [printed] = await once(shell.stdout, 'data');
  await Promise.race([listens(port), failed]);
  const signal = (name: NodeJS.Signals): void => {
    if (shell.exitCode === null && shell.signalCode === null) process.kill(Number(printed), name);
  };
  return {
    signal,
    async end(name) {
      signal('SIGCONT');
      signal(name);
      await ended;
    },
  };
}

/** Resolves when something accepts connections on the port. */
async function listens(port: number): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const socket = connect(port, '127.0.0.1');
    const isThere = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, 10)); // it has no other way to say so
  }
  throw new Error(`nothing listens on port ${port}`);
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return quietPort();
}
