// The gateway as a process of its own, with what it logs at hand, parsed and bounded. Starting, killing and stopping
// it is the simulator's: `server`. Dispose it, and nothing is left.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { OutputStream, ServerProcess } from '../../simulator/system/server-process.ts';
import { SluiceProcess, type SluiceSettings } from '../../simulator/system/sluice-process.ts';
import { waitFor } from './wait-for.ts';

const CLI = fileURLToPath(new URL('../../gateway/cli.ts', import.meta.url));
/** Those by which its owner runs it, from its first line: node's own. */
const NODE_FLAGS = readFileSync(CLI, 'utf8').split('\n', 1)[0].split(' ').slice(3);
const LINES_MAX = 4000;
const ERROR_CHARACTERS_MAX = 20_000;

export interface LogLine {
  level: string;
  msg: string;
  component?: string;
  [key: string]: unknown;
}

export type GatewaySettings = SluiceSettings;

export interface GatewayProcessOptions {
  /** Sinks as they are to be, their addresses and all. */
  settings?: GatewaySettings;
  env?: Readonly<Record<string, string>>;
  /** Instead of a directory inside its own. */
  dataDir?: string;
}

export class GatewayProcess implements AsyncDisposable {
  /** Of all starts. */
  readonly lines: LogLine[] = [];
  /** What it has written to stderr. */
  errorOutput = '';
  #sluice!: SluiceProcess;

  /** Not started yet: `server.start()`. */
  static async create(options: GatewayProcessOptions = {}): Promise<GatewayProcess> {
    const gateway = new GatewayProcess();
    gateway.#sluice = await SluiceProcess.create({
      command: [process.execPath, ...NODE_FLAGS, CLI],
      onLine: (line, stream) => gateway.#keep(line, stream),
      ...options,
    });
    return gateway;
  }

  static async start(options: GatewayProcessOptions = {}): Promise<GatewayProcess> {
    const gateway = await GatewayProcess.create(options);
    try {
      await gateway.server.start();
    } catch (error) {
      await gateway[Symbol.asyncDispose]();
      throw error;
    }
    return gateway;
  }

  get server(): ServerProcess {
    return this.#sluice.server;
  }

  get port(): number {
    return this.server.port;
  }

  get dataDir(): string {
    return this.#sluice.dataDir;
  }

  /** Other settings, which it is told to read again (SIGHUP): resolves when it has said what it makes of them. */
  async reload(settings: GatewaySettings): Promise<LogLine> {
    const isAnswer = ({ msg }: LogLine): boolean =>
      /^(configuration|the configuration was read again)/.test(msg);
    const before = this.lines.filter(isAnswer).length;
    this.#sluice.configure(settings);
    this.server.reload();
    const answers = (): LogLine[] => this.lines.filter(isAnswer);
    await waitFor(() => answers().length > before, { what: 'word of the configuration' });
    return answers()[before];
  }

  /** Whether a line with this message has been logged, and the last one. */
  said(message: string | RegExp): LogLine | undefined {
    const matches = ({ msg }: LogLine) => (typeof message === 'string' ? msg === message : message.test(msg));
    return this.lines.findLast(matches);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#sluice[Symbol.asyncDispose]();
  }

  #keep(line: string, stream: OutputStream): void {
    if (stream === 'stderr') this.errorOutput = `${this.errorOutput}${line}\n`.slice(-ERROR_CHARACTERS_MAX);
    else this.lines.push(parsedLine(line));
    if (this.lines.length > LINES_MAX) this.lines.splice(0, this.lines.length - LINES_MAX);
  }
}

function parsedLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { level: 'none', msg: text }; // not a line of the logger
  }
}
