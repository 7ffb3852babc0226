// The servers under measurement, each with its own data on free loopback ports: the gateway with default
// settings, and mosquitto with every limit lifted that would make it drop or stall.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/mosquitto.ts';
import type { BenchContext } from './bench-context.ts';
import type { BenchChild } from './child-processes.ts';
import { firstConnack } from './first-connack.ts';

/** As it is published: compiled (`npm run bench` does that first), with the flags of its first line. */
const CLI = fileURLToPath(new URL('../../dist/gateway/cli.js', import.meta.url));
const FIRST_LINE = /^#!.* node( .*)?$/m;
const PATH = ['/usr/sbin', '/usr/local/sbin', process.env.PATH ?? ''].join(delimiter);
const ACCEPT_MS_MAX = 60_000;

interface Launch {
  command: string;
  args: readonly string[];
  port: number;
  directory: string;
}

export class Server implements AsyncDisposable {
  readonly port: number;
  readonly directory: string;
  readonly #launch: Launch;
  readonly #context: BenchContext;
  #child: BenchChild | undefined;
  #acceptedAfterMs = Number.NaN;

  constructor(context: BenchContext, launch: Launch) {
    this.#context = context;
    this.#launch = launch;
    this.port = launch.port;
    this.directory = launch.directory;
  }

  get pid(): number {
    return this.#child!.pid;
  }

  /** From the start of the process to its first CONNACK. */
  get acceptedAfterMs(): number {
    return this.#acceptedAfterMs;
  }

  /** Starts it, or starts it again on the same data; resolves when it accepts. */
  async start(): Promise<void> {
    const { command, args, port } = this.#launch;
    // A login shell's limit of 1,024 open files would be the first thing to be measured.
    const script = 'ulimit -n "$(ulimit -Hn)"; exec "$@"';
    const child = this.#context.children.spawn('/bin/sh', ['-c', script, 'sh', command, ...args], {
      env: { ...process.env, PATH },
      stdio: ['ignore', 'ignore', 'pipe'],
      cwd: this.directory,
    });
    this.#child = child;
    try {
      this.#acceptedAfterMs =
        (await firstConnack(port, ACCEPT_MS_MAX, () => child.ended)) - child.startedAtMs;
    } catch (error) {
      throw new Error(`${command} ${args.join(' ')}: ${(error as Error).message}: ${child.stderr}`);
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const exit = await this.#child?.stop(signal);
    if (exit !== undefined && signal === 'SIGTERM' && exit.signal === 'SIGKILL') {
      this.#context.say(`  ${this.#launch.command} did not end after SIGTERM and was killed`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#context.children.removeDirectory(this.directory);
  }
}

export interface GatewaySinkOptions {
  /** Port of the upstream broker on loopback. */
  upstreamPort: number;
  format: 'batch' | 'each';
}

/** A gateway that is not started yet: default settings, but for its port, its data, its sink, and what is given. */
export async function gatewayServer(
  context: BenchContext,
  sink?: GatewaySinkOptions,
  settings: object = {},
): Promise<Server> {
  const directory = context.children.directory('gateway');
  const port = await freePort();
  const config = {
    data: { dir: join(directory, 'data') },
    listeners: [{ type: 'tcp', host: '127.0.0.1', port }],
    access: { anonymous: true },
    sinks:
      sink === undefined
        ? {}
        : { cloud: { type: 'mqtt', url: `mqtt://127.0.0.1:${sink.upstreamPort}`, format: sink.format } },
    log: { level: 'warn', format: 'json' },
    ...settings,
  };
  const file = join(directory, 'gateway.yaml');
  writeFileSync(file, JSON.stringify(config)); // YAML contains JSON
  return new Server(context, {
    command: process.execPath,
    args: [...nodeFlags(), CLI, 'start', '-c', file],
    port,
    directory,
  });
}

function nodeFlags(): string[] {
  const flags = FIRST_LINE.exec(readFileSync(CLI, 'utf8'))?.[1] ?? '';
  return flags.split(' ').filter((flag) => flag !== '');
}

export async function startGateway(context: BenchContext, sink?: GatewaySinkOptions): Promise<Server> {
  const server = await gatewayServer(context, sink);
  await server.start();
  return server;
}

/** Hashes a password into a users file, as `sluice passwd` does. */
export function addUser(file: string, user: string, password: string): void {
  const args = [...nodeFlags(), CLI, 'passwd', file, user, '--stdin', '--cost', '10'];
  const { status, stderr } = spawnSync(process.execPath, args, { input: `${password}\n`, encoding: 'utf8' });
  if (status !== 0) throw new Error(`sluice passwd: ${stderr}`);
}

export interface MosquittoOptions {
  port?: number;
  /** Seconds between two saves of everything to its file; without it nothing is saved. */
  autosaveS?: number;
  /** Forwards everything, as a bridge, to the broker on this port. */
  bridgeTo?: number;
}

/** A mosquitto that is not started yet. */
export async function mosquittoServer(
  context: BenchContext,
  options: MosquittoOptions = {},
): Promise<Server> {
  const directory = context.children.directory('mosquitto');
  const port = options.port ?? (await freePort());
  const lines = [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    'max_inflight_messages 0',
    'max_queued_messages 0',
    'max_queued_bytes 0',
    'log_type error',
    'log_type warning',
    ...(process.getuid?.() === 0 ? ['user root'] : []), // it would not be able to write its own directory
    ...(options.autosaveS === undefined ? ['persistence false'] : persistence(directory, options.autosaveS)),
    ...(options.bridgeTo === undefined ? [] : bridge(options.bridgeTo)),
  ];
  const file = join(directory, 'mosquitto.conf');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return new Server(context, { command: 'mosquitto', args: ['-c', file], port, directory });
}

export async function startMosquitto(context: BenchContext, options: MosquittoOptions = {}): Promise<Server> {
  const server = await mosquittoServer(context, options);
  await server.start();
  return server;
}

function persistence(directory: string, autosaveS: number): string[] {
  return ['persistence true', `persistence_location ${directory}/`, `autosave_interval ${autosaveS}`];
}

function bridge(port: number): string[] {
  return [
    'connection upstream',
    `address 127.0.0.1:${port}`,
    'topic # out 1',
    'cleansession false',
    'notifications false',
    'restart_timeout 1',
  ];
}

/** Whether the server still has its file of saved state. */
export function hasSavedState(server: Server): boolean {
  return existsSync(join(server.directory, 'mosquitto.db'));
}

/** Version of the mosquitto on this machine, null where there is none. */
export function installedMosquitto(): string | null {
  const { stdout } = spawnSync('mosquitto', ['-h'], { encoding: 'utf8', env: { ...process.env, PATH } });
  return /^mosquitto version (\S+)/m.exec(stdout ?? '')?.[1] ?? null;
}
