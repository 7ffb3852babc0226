// Our gateway as its owner runs it: a process with a configuration file, a data directory and a port that outlive it,
// so that it can be killed at any moment and started again on the same data. Its sinks can be pointed at one upstream,
// which usually is a link that makes the network between them bad.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { SluiceError } from '../../config/errors.ts';
import { freePort } from './free-port.ts';
import { ProcessDirectory } from './process-directory.ts';
import { ServerProcess, type ServerProcessOptions } from './server-process.ts';

/** As in the configuration file; data.dir, the listener, the log and the sinks' addresses are the process's own. */
export type SluiceSettings = Readonly<Record<string, unknown>>;

export interface SluiceProcessOptions {
  /** What runs `sluice`: the program and its first arguments, such as [node, 'gateway/cli.ts']. */
  command: readonly string[];
  settings?: SluiceSettings;
  /**
   * Where every sink sends to; a gateway without sinks gets one named `cloud`. When it is not given, the sinks are as
   * the settings have them.
   */
  upstreamUrl?: string;
  /** Kept at the end; a temporary one when not given. */
  directory?: string;
  /** Instead of `data` in the directory; the gateway makes it when it is not there. */
  dataDir?: string;
  port?: number;
  /** Further variables; none of the simulator's own SLUICE_ variables get through. */
  env?: Readonly<Record<string, string>>;
  onLine?: ServerProcessOptions['onLine'];
}

export class SluiceProcess implements AsyncDisposable {
  readonly server: ServerProcess;
  readonly dataDir: string;
  readonly #directory: ProcessDirectory;
  readonly #options: SluiceProcessOptions;

  private constructor(options: SluiceProcessOptions, port: number) {
    this.#options = options;
    this.#directory = new ProcessDirectory('gateway', options.directory);
    this.dataDir = resolve(options.dataDir ?? this.#directory.file('data'));
    if (options.dataDir === undefined) mkdirSync(this.dataDir, { recursive: true });
    const { PATH, NODE_COMPILE_CACHE: cache } = process.env;
    const inherited = { PATH, ...(cache ? { NODE_COMPILE_CACHE: resolve(cache) } : {}) };
    this.server = new ServerProcess({
      name: 'the gateway',
      command: [...commandOf(options), 'start', '-c', this.configFile],
      cwd: this.#directory.path,
      env: { ...inherited, HOME: this.#directory.path, ...options.env },
      port,
      onLine: options.onLine,
    });
    this.configure(options.settings ?? {});
  }

  /** Not started yet: `server.start()`. */
  static async create(options: SluiceProcessOptions): Promise<SluiceProcess> {
    return new SluiceProcess(options, options.port ?? (await freePort()));
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.server.port}`;
  }

  get directory(): string {
    return this.#directory.path;
  }

  get configFile(): string {
    return this.#directory.file('config.yaml');
  }

  /** As `sluice --version` tells it. */
  get version(): string {
    const [program, ...args] = commandOf(this.#options);
    return execFileSync(program, [...args, '--version'], { encoding: 'utf8' }).trim();
  }

  /** For the next start. */
  configure(settings: SluiceSettings): void {
    const own = {
      data: { dir: this.dataDir },
      listeners: [{ type: 'tcp', host: '127.0.0.1', port: this.server.port }],
      log: { level: 'info', format: 'json' },
      ...this.#sinksOf(settings),
    };
    const access = settings.access ?? { anonymous: true };
    const written = `${this.configFile}.new`; // renamed, because a gateway that runs may be reading it
    writeFileSync(written, JSON.stringify({ access, ...settings, ...own }, null, 2)); // JSON is YAML
    renameSync(written, this.configFile);
  }

  /** kill -9 in the midst of everything, and a start on what that has left. */
  async killAndRestart(): Promise<void> {
    await this.server.kill();
    await this.server.start();
  }

  /** In order; true when it said that all was well. */
  async stop(deadlineMs?: number): Promise<boolean> {
    const { code } = await this.server.stop(deadlineMs);
    return code === 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.kill();
    this.#directory[Symbol.dispose]();
  }

  #sinksOf(settings: SluiceSettings): { sinks?: Record<string, unknown> } {
    const { upstreamUrl: url } = this.#options;
    if (url === undefined) return {};
    const given = (settings.sinks ?? { cloud: { type: 'mqtt' } }) as Record<string, Record<string, unknown>>;
    return {
      sinks: Object.fromEntries(Object.entries(given).map(([name, sink]) => [name, { ...sink, url }])),
    };
  }
}

/** Paths of files in it made absolute: the process runs in a directory of its own. */
function commandOf({ command }: SluiceProcessOptions): string[] {
  if (command.length === 0) {
    throw new SluiceError('BAD_ARGUMENT', 'the command that runs the gateway is empty', {
      kind: 'permanent',
    });
  }
  return command.map((word) => (word.includes('/') && existsSync(word) ? resolve(word) : word));
}
