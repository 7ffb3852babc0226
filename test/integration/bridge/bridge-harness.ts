// A whole bridge, in its thread, between a log file that the test fills and an upstream of the test's choice.
// The test is the storage thread: it tells what is appended and keeps the cursors.

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { pino } from 'pino';
import { Bridge, type BridgeOptions } from '../../../bridge/bridge.ts';
import type { SinkStatus } from '../../../bridge/bridge-messages.ts';
import type { MqttSinkSettings } from '../../../bridge/sinks/mqtt/config.ts';
import { systemClock } from '../../../config/clock.ts';
import type { Advance } from '../../../storage/log/log-port.ts';
import { createLogFile, type LogFile } from '../../support/log-file.ts';
import { LookOut } from '../../support/look-out.ts';
import { mqttSettings } from '../../support/mqtt-settings.ts';
import { numberedBatch } from '../../support/record-batches.ts';

export interface LoggedLine {
  level: number;
  msg: string;
  [field: string]: unknown;
}

export class BridgeHarness implements AsyncDisposable {
  readonly log: LogFile = createLogFile();
  readonly advances: Advance[] = [];
  readonly logged: LoggedLine[] = [];
  readonly faults: Error[] = [];
  readonly lanes: string[];
  bridge!: Bridge;
  readonly settings: MqttSinkSettings;
  readonly #options: Partial<BridgeOptions>;
  readonly #ends: number[];
  readonly #cursors: number[];
  #port: MessagePort | null = null;
  readonly #lookOut = new LookOut();

  constructor(
    settings: Partial<MqttSinkSettings>,
    options: Partial<BridgeOptions> & { laneNames?: string[] } = {},
  ) {
    const { laneNames = ['main'], ...rest } = options;
    this.lanes = laneNames;
    this.settings = mqttSettings(settings);
    this.#options = rest;
    this.#ends = laneNames.map(() => 0);
    this.#cursors = laneNames.map(() => 0);
  }

  async start(options: Partial<BridgeOptions> = {}): Promise<this> {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.on('message', (advance: Advance) => this.#onAdvance(advance));
    const write = (line: string) => {
      this.logged.push(JSON.parse(line));
      this.#lookOut.look();
    };
    this.bridge = new Bridge({
      databaseFile: this.log.file,
      gatewayId: 'gw',
      bootId: 'boot-1',
      sinks: [{ name: 'cloud', settings: this.settings }],
      lanes: this.lanes.map((name, number) => ({ name, number, nextOffset: this.#ends[number] })),
      cursors: this.lanes.flatMap((lane, number) =>
        (options.sinks ?? [{ name: 'cloud' }]).map(({ name }) => ({
          sink: name,
          lane,
          nextOffset: this.#cursors[number],
        })),
      ),
      storagePort: port2,
      clock: systemClock,
      log: pino({ level: 'debug' }, { write }),
      onCommand: async () => {},
      onFault: (fault) => {
        this.faults.push(fault);
        this.#lookOut.look();
      },
      ...this.#options,
      ...options,
      onStatus: (sinks) => {
        this.#options.onStatus?.(sinks);
        this.#lookOut.look();
      },
    });
    await this.bridge.start();
    return this;
  }

  /** Stores so many records more in batches of 50, and tells the bridge. */
  append(count: number, options: { lane?: number; payloadBytes?: number; batch?: number } = {}): void {
    const { lane = 0, payloadBytes = 60, batch = 50 } = options;
    const first = this.#ends[lane];
    const batches = Array.from({ length: Math.ceil(count / batch) }, (_, i) => {
      const from = first + i * batch;
      return numberedBatch(from, Math.min(batch, first + count - from), {
        payloadBytes,
        lane: this.lanes[lane],
      });
    });
    this.appended(lane, this.log.append(lane, batches));
  }

  appended(lane: number, nextOffset: number): void {
    this.#ends[lane] = nextOffset;
    this.#port?.postMessage({ kind: 'appended', lane: this.lanes[lane], nextOffset });
  }

  cursor(lane = 0): number {
    return this.#cursors[lane];
  }

  /** Resolves when the cursor of sink `cloud` in a lane has come to its end. */
  delivered(lane = 0): Promise<void> {
    return this.until(() => this.#cursors[lane] === this.#ends[lane]);
  }

  /** Resolves when `isThere` holds; looks at every advance, status, log line and fault. */
  until(isThere: () => boolean): Promise<void> {
    return this.#lookOut.until(isThere);
  }

  status(): SinkStatus | undefined {
    return this.bridge.status[0];
  }

  /** Stops the bridge; the log and the cursors stay, so that it can be started again. */
  async stop(deadlineMs = 1000): Promise<void> {
    await this.bridge?.stop(deadlineMs);
    this.#port?.close();
    this.#port = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(0);
    this.log[Symbol.dispose]();
  }

  #onAdvance(advance: Advance): void {
    if (advance.sink !== 'cloud') return;
    const lane = this.lanes.indexOf(advance.lane);
    const step = advance.nextOffset - this.#cursors[lane];
    if (step !== advance.delivered + advance.deadLettered + advance.missing + advance.leftOut)
      throw new Error('the books do not balance');
    this.advances.push(advance);
    this.#cursors[lane] = advance.nextOffset;
    this.#lookOut.look();
  }
}
