// Mosquitto as a process under test: as the upstream broker, or as the rival gateway, bridging all that devices publish
// to an upstream. Durable (persistence, sessions kept, no limit on what it queues), because a comparison with a rival
// that was not told to keep anything would say nothing.
//
// What it cannot do: mosquitto keeps everything in memory and writes the whole of it to a file now and then, at
// `autosave`; what it acknowledged after the last save is gone with a kill -9. How often is the caller's to choose and
// to name.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { delimiter } from 'node:path';
import { SluiceError } from '../../config/errors.ts';
import { freePort } from './free-port.ts';
import { ProcessDirectory } from './process-directory.ts';
import { ServerProcess } from './server-process.ts';

/** Lines of mosquitto.conf(5), by their first word. */
export type MosquittoSettings = Readonly<Record<string, string | number | boolean>>;

/** Every so many seconds, or after so many changes (1: the whole file anew for every message). */
export type Autosave = { everySeconds: number } | { everyChanges: number };

export interface MosquittoBridge {
  /** 127.0.0.1 when not given. */
  host?: string;
  port: number;
  /** What is forwarded, under its own topic; all of it when not given. */
  filter?: string;
  /** Default 1. */
  qos?: 0 | 1 | 2;
  /** 4 is MQTT 3.1.1; 5 where this mosquitto has it for bridges, by default. */
  version?: 4 | 5;
  /** Further lines of the bridge, over those from here. */
  settings?: MosquittoSettings;
}

export interface MosquittoProcessOptions {
  /** For people; default "mosquitto". */
  name?: string;
  /** Kept at the end; a temporary one when not given. */
  directory?: string;
  port?: number;
  /** Default: every 5 seconds. Mosquitto's own is 1800. */
  autosave?: Autosave;
  /** Further lines, over those from here. */
  settings?: MosquittoSettings;
  bridge?: MosquittoBridge;
}

/** It is a daemon: where a plain user's PATH does not look. */
const PATH = ['/usr/sbin', '/usr/local/sbin', process.env.PATH ?? ''].join(delimiter);
const DEFAULT_AUTOSAVE: Autosave = { everySeconds: 5 };
/** The first version that bridges with MQTT 5. */
const BRIDGE_MQTT5_SINCE = 2;

export class MosquittoProcess implements AsyncDisposable {
  readonly server: ServerProcess;
  /** For reports: "mosquitto 2.0.11". */
  readonly version: string;
  readonly #directory: ProcessDirectory;

  private constructor(options: MosquittoProcessOptions, port: number) {
    this.version = mosquittoVersion();
    this.#directory = new ProcessDirectory('mosquitto', options.directory);
    const configFile = this.#directory.file('mosquitto.conf');
    writeFileSync(configFile, this.#configText(options, port));
    this.server = new ServerProcess({
      name: options.name ?? 'mosquitto',
      command: ['mosquitto', '-c', configFile],
      cwd: this.#directory.path,
      env: { PATH },
      port,
    });
  }

  /** Not started yet: `server.start()`. Throws MOSQUITTO_MISSING. */
  static async create(options: MosquittoProcessOptions = {}): Promise<MosquittoProcess> {
    return new MosquittoProcess(options, options.port ?? (await freePort()));
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.server.port}`;
  }

  get directory(): string {
    return this.#directory.path;
  }

  /** What it saves to; not there before the first save. */
  get databaseFile(): string {
    return this.#directory.file('mosquitto.db');
  }

  /** kill -9 in the midst of everything, and a start on what was saved. */
  async killAndRestart(): Promise<void> {
    await this.server.kill();
    await this.server.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.kill();
    this.#directory[Symbol.dispose]();
  }

  #configText(
    { autosave = DEFAULT_AUTOSAVE, settings, bridge }: MosquittoProcessOptions,
    port: number,
  ): string {
    const isByChanges = 'everyChanges' in autosave;
    const own: MosquittoSettings = {
      listener: `${port} 127.0.0.1`,
      allow_anonymous: true,
      // As root it would become the user mosquitto, who may not write here.
      ...(process.getuid?.() === 0 ? { user: 'root' } : {}),
      persistence: true,
      persistence_location: `${this.#directory.path}/`,
      persistence_file: 'mosquitto.db',
      autosave_on_changes: isByChanges,
      autosave_interval: isByChanges ? autosave.everyChanges : autosave.everySeconds,
      max_queued_messages: 0, // no limit, all three
      max_queued_bytes: 0,
      memory_limit: 0,
      set_tcp_nodelay: true,
    };
    const lines = linesOf({ ...own, ...settings });
    if (bridge !== undefined) lines.push(...this.#bridgeLines(bridge));
    return `${lines.join('\n')}\n`;
  }

  #bridgeLines({
    host = '127.0.0.1',
    port,
    filter = '#',
    qos = 1,
    version,
    settings,
  }: MosquittoBridge): string[] {
    const hasVersion5 = Number.parseInt(this.version.split(' ')[1], 10) >= BRIDGE_MQTT5_SINCE;
    const isVersion5 = version === undefined ? hasVersion5 : version === 5;
    return linesOf({
      connection: 'upstream', // begins the section of the bridge
      address: `${host}:${port}`,
      topic: `${filter} out ${qos}`,
      local_clientid: 'bridge-local',
      remote_clientid: 'bridge',
      cleansession: false,
      bridge_protocol_version: isVersion5 ? 'mqttv50' : 'mqttv311',
      start_type: 'automatic',
      restart_timeout: 1,
      keepalive_interval: 10,
      notifications: false, // messages of its own would have to be told from those of devices
      try_private: false,
      ...settings,
    });
  }
}

/** "mosquitto 2.0.11". Throws MOSQUITTO_MISSING. */
export function mosquittoVersion(): string {
  const { stdout } = spawnSync('mosquitto', ['-h'], { env: { ...process.env, PATH }, encoding: 'utf8' });
  const version = /^mosquitto version (\S+)/m.exec(stdout ?? '')?.[1];
  if (version !== undefined) return `mosquitto ${version}`;
  throw new SluiceError('MOSQUITTO_MISSING', 'mosquitto is not installed', {
    kind: 'permanent',
    hint: "Install Debian's package mosquitto.",
  });
}

function linesOf(settings: MosquittoSettings): string[] {
  return Object.entries(settings).map(([name, value]) => `${name} ${value}`);
}
