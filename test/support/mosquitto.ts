// Mosquitto brokers of the test's own, on free loopback ports, configured line by line: several listeners, access
// lists, TLS. A durable broker, or a bridge, is simulator/system/mosquitto-process.ts. Where CI is set a missing tool is
// an error; elsewhere the tests that need it are skipped, with one line that names the package.

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { freePort } from '../../simulator/system/free-port.ts';
import { ServerProcess } from '../../simulator/system/server-process.ts';

export { freePort };

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
  chmodSync(directory, 0o755); // as root it becomes the user mosquitto
  const command = ['mosquitto', '-c', config];
  const server = new ServerProcess({ name: 'mosquitto', command, cwd: directory, env: { PATH }, port });
  await server.start();
  return {
    port,
    directory,
    async stop(force = false) {
      await (force ? server.kill() : server.stop());
    },
    restart: () => server.start(),
    freeze: () => server.freeze(),
    thaw: () => server.thaw(),
    rewrite(name, text) {
      writeFileSync(join(directory, name), text);
      server.reload();
    },
    async [Symbol.asyncDispose]() {
      await server.kill();
      rmSync(directory, { recursive: true });
    },
  };
}
