// mqload.c, the load generator that loads both sides: compiled here, run as a child process, its JSON read
// back.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchChild, ChildProcesses } from './child-processes.ts';

const SOURCE = fileURLToPath(new URL('./mqload.c', import.meta.url));
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/sluice-bench', import.meta.url));

export interface PublishOptions {
  port: number;
  connections: number;
  /** Unacknowledged messages per connection. */
  window: number;
  /** Bound of the run, warm-up included. */
  seconds: number;
  warmUpSeconds?: number;
  /** Messages in all; without it the run is bounded by time. */
  messages?: number;
  /** Messages per second of all connections together; without it as fast as possible. */
  messagesPerS?: number;
  /** Number of the first device. */
  firstDevice?: number;
  /** Process of the server, for its CPU time and peak memory. */
  serverPid?: number;
  /** File for the names of what was acknowledged. */
  ledger?: string;
  user?: string;
  password?: string;
  /** The server is going to be killed: what is then not acknowledged is no fault. */
  serverDies?: boolean;
}

export interface CrowdOptions {
  port: number;
  /** All of them come at the same moment. */
  clients: number;
  /** Number of the first device. */
  firstDevice: number;
  seconds: number;
}

/** What `mqload pub` says, and when the run was, in `performance.now()`. */
export interface PublishResult {
  acked: number;
  elapsed_s: number;
  msgs_per_s: number;
  lat_ms: { p50: number; p95: number; p99: number; max: number };
  unacked: number;
  disconnects: number;
  conn_errors: number;
  bad_acks: number;
  connect_s: number;
  gen_cpu_s: number;
  srv?: { cpu_s: number; cpu_ms_per_1k: number; rss_peak_mb: number };
  startedAtMs: number;
  endedAtMs: number;
}

export interface SubscribeOptions {
  port: number;
  /** Stop when so many different messages have come. */
  messages?: number;
  seconds: number;
  /** Stop after silence. */
  idleSeconds?: number;
  ledger?: string;
}

export interface SubscribeResult {
  received: number;
  unique: number;
  duplicates: number;
  missing: number;
  endedAtMs: number;
}

export interface Subscription {
  /** The server has granted it. */
  subscribed: Promise<void>;
  result: Promise<SubscribeResult>;
}

export interface LedgerComparison {
  acked: number;
  received_unique: number;
  duplicates: number;
  acked_lost: number;
}

export class Mqload {
  readonly #binary: string;
  readonly #children: ChildProcesses;

  /** Compiles what is not compiled yet; throws when there is no C compiler. */
  constructor(children: ChildProcesses) {
    this.#children = children;
    const digest = createHash('sha256').update(readFileSync(SOURCE)).digest('hex').slice(0, 16);
    this.#binary = join(CACHE, `mqload-${digest}`);
    if (existsSync(this.#binary)) return;
    mkdirSync(CACHE, { recursive: true });
    const fresh = `${this.#binary}.${process.pid}`;
    const cc = spawnSync('cc', ['-O2', '-o', fresh, SOURCE], { encoding: 'utf8' });
    if (cc.error) throw new Error('cc is missing: install a C compiler (Debian: gcc and libc6-dev)');
    if (cc.status !== 0) throw new Error(`mqload.c does not compile: ${cc.stderr}`);
    renameSync(fresh, this.#binary);
  }

  async publish(options: PublishOptions): Promise<PublishResult> {
    const result = await this.#run<PublishResult>(publishArguments(options));
    const { unacked, disconnects, conn_errors: connectionErrors, bad_acks: badAcks } = result;
    if (!options.serverDies && unacked + disconnects + connectionErrors + badAcks > 0) {
      throw new Error(`the load was disturbed: ${JSON.stringify(result)}`);
    }
    return { ...result, startedAtMs: result.endedAtMs - result.elapsed_s * 1000 };
  }

  /** Publishes until `stop` is called, and is not missed when it is disturbed. */
  disturb(options: PublishOptions): { stop(): Promise<PublishResult> } {
    const child = this.#spawn(publishArguments(options));
    const result = resultOf<PublishResult>(child);
    result.catch(() => {}); // told to who stops it
    return {
      stop: async () => {
        child.process.kill('SIGTERM');
        return await result;
      },
    };
  }

  /**
   * Clients that connect all at once, again and again where they are refused, send one message each within a second
   * and leave.
   */
  crowd({ port, clients, firstDevice, seconds }: CrowdOptions): Promise<PublishResult> {
    const args = ['pub', '-p', port, '-q', 1, '-s', 100, '-w', 1, '-r', 1, '-R', '-t', seconds];
    args.push('-c', clients, '-n', clients, '-m', clients, '-d', firstDevice);
    return this.#run(args.map(String));
  }

  subscribe({ port, messages, seconds, idleSeconds, ledger }: SubscribeOptions): Subscription {
    const args = ['sub', '-p', `${port}`, '-q', '1', '-t', `${seconds}`, '-T', 'telemetry/#'];
    if (messages !== undefined) args.push('-m', `${messages}`);
    if (idleSeconds !== undefined) args.push('-I', `${idleSeconds}`);
    if (ledger !== undefined) args.push('-l', ledger);
    const child = this.#spawn(args);
    const result = resultOf<SubscribeResult>(child);
    const subscribed = new Promise<void>((resolve, reject) => {
      child.process.stderr!.on('data', (text) => {
        if (String(text).includes('subscribed granted=')) resolve();
      });
      result.catch(reject);
    });
    return { subscribed, result };
  }

  compare(acknowledged: string, received: string): Promise<LedgerComparison> {
    return this.#run(['cmp', acknowledged, received]);
  }

  #run<T>(args: string[]): Promise<T & { endedAtMs: number }> {
    return resultOf(this.#spawn(args));
  }

  #spawn(args: string[]): BenchChild {
    return this.#children.spawn(this.#binary, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  }
}

function publishArguments(options: PublishOptions): string[] {
  const { port, connections, window, seconds, warmUpSeconds, messages, messagesPerS } = options;
  const args = ['pub', '-p', port, '-q', 1, '-s', 100, '-c', connections, '-w', window, '-t', seconds];
  if (warmUpSeconds !== undefined) args.push('-u', warmUpSeconds);
  if (messages !== undefined) args.push('-m', messages);
  if (messagesPerS !== undefined) args.push('-r', messagesPerS / connections);
  if (options.firstDevice !== undefined) args.push('-d', options.firstDevice);
  if (options.serverPid !== undefined) args.push('-P', options.serverPid);
  if (options.ledger !== undefined) args.push('-l', options.ledger);
  if (options.user !== undefined) args.push('-U', options.user);
  if (options.password !== undefined) args.push('-W', options.password);
  return args.map(String);
}

async function resultOf<T>(child: BenchChild): Promise<T & { endedAtMs: number }> {
  let text = '';
  child.process.stdout!.on('data', (part) => {
    text += part;
  });
  const closed = new Promise((resolve) => child.process.once('close', resolve));
  const { code, signal, atMs } = await child.exited;
  await closed;
  if (code !== 0) throw new Error(`mqload ended with ${code ?? signal}: ${child.stderr}`);
  return { ...(JSON.parse(text) as T), endedAtMs: atMs };
}
