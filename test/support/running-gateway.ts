// A gateway in the test's own process, with its log lines at hand. Its data outlive it: a test that starts another on
// the same directory sees a restart.

import { createLogger } from '../../config/logger.ts';
import { Gateway } from '../../gateway/gateway.ts';
import { type TestSettings, testConfig } from './gateway-settings.ts';
import { type StoredRecord, storedRecords } from './stored-records.ts';

export interface LogLine {
  level: string;
  msg: string;
  [key: string]: unknown;
}

export class RunningGateway implements AsyncDisposable {
  readonly gateway: Gateway;
  readonly lines: LogLine[];
  readonly fatal: Error[];
  readonly #directory: string;

  private constructor(gateway: Gateway, directory: string, lines: LogLine[], fatal: Error[]) {
    this.gateway = gateway;
    this.lines = lines;
    this.fatal = fatal;
    this.#directory = directory;
  }

  static async start(directory: string, settings: TestSettings = {}): Promise<RunningGateway> {
    const config = testConfig(directory, settings);
    const lines: LogLine[] = [];
    const fatal: Error[] = [];
    const log = createLogger(config.log, { write: (line) => void lines.push(JSON.parse(line) as LogLine) });
    const gateway = new Gateway({ config, log, onFatal: (error) => void fatal.push(error) });
    await gateway.start();
    return new RunningGateway(gateway, directory, lines, fatal);
  }

  /** Port of the first listener. */
  get port(): number {
    return Number(new URL(this.urls[0].replace(/^(mqtt|ws):/, 'http:')).port);
  }

  get urls(): string[] {
    return this.gateway.listenerUrls;
  }

  /** What is in the log: on disk, whatever was acknowledged. */
  records(): StoredRecord[] {
    return storedRecords(this.#directory);
  }

  async counters() {
    return (await this.gateway.status()).counters;
  }

  /** Stops in order; throws what was fatal on the way. */
  async stop(): Promise<void> {
    await this.gateway.stop(5000);
    if (this.fatal.length > 0) throw this.fatal[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
