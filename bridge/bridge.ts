// The bridge as the main thread sees it: a component that runs in a thread of its own. Starts and stops that
// thread, passes commands from upstream to the gateway and its answers back, keeps the last status, and turns
// the thread's log messages and faults into the gateway's.

import { type MessagePort, Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { Clock } from '../config/clock.ts';
import type { Component } from '../config/component.ts';
import { messageOf, SluiceError } from '../config/errors.ts';
import { siblingThread } from '../config/sibling-thread.ts';
import type { Cursor } from '../storage/log/log-port.ts';
import type {
  BridgeData,
  BridgeLane,
  FromBridge,
  NamedSink,
  SinkStatus,
  ToBridge,
} from './bridge-messages.ts';
import { processMonotonicMs } from './process-clock.ts';
import type { CommandMessage } from './sinks/sink.ts';

export interface BridgeOptions {
  databaseFile: string;
  gatewayId: string;
  bootId: string;
  sinks: NamedSink[];
  lanes: BridgeLane[];
  cursors: Cursor[];
  /** The bridge's end of the channel to the storage thread; given away at start. */
  storagePort: MessagePort;
  /** The clock that stamps records. */
  clock: Clock;
  log: Logger;
  /**
   * Publishes a command to local devices. Resolved: it is acknowledged upstream. Rejected with a transient
   * SluiceError: called again a little later. Rejected otherwise: it is refused upstream (MQTT 5) or
   * acknowledged all the same (MQTT 3.1.1 has no refusal), and logged as lost.
   */
  onCommand: (command: CommandMessage, sink: string) => Promise<void>;
  /** At most about once a second per change. */
  onStatus?: (sinks: SinkStatus[]) => void;
  /** The thread has died; nothing is forwarded any more. Called once. */
  onFault: (error: SluiceError) => void;
}

/** How long after its own deadline the thread is ended by force. */
const STOP_GRACE_MS = 1000;
/** How long after a command could not be published for now it is tried again. */
const COMMAND_RETRY_MS = 500;

export class Bridge implements Component {
  readonly #options: BridgeOptions;
  #worker: Worker | null = null;
  #exited: Promise<void> = Promise.resolve();
  #isStopping = false;
  #hasFailed = false;
  #status: SinkStatus[] = [];
  #statusWaiters: ((sinks: SinkStatus[]) => void)[] = [];

  constructor(options: BridgeOptions) {
    this.#options = options;
  }

  /** The last status the thread told. */
  get status(): readonly SinkStatus[] {
    return this.#status;
  }

  async start(): Promise<void> {
    const { clock, log: _log, onCommand: _c, onStatus: _s, onFault: _f, ...data } = this.#options;
    const workerData: BridgeData = { ...data, monotonicOriginMs: clock.monotonicMs() - processMonotonicMs() };
    const worker = new Worker(siblingThread(import.meta.url, './bridge-thread'), {
      workerData,
      transferList: [data.storagePort],
      name: 'bridge',
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    this.#worker = worker;
    await new Promise<void>((resolve, reject) => {
      let onFault = reject;
      this.#exited = new Promise((exited) => {
        worker.once('exit', (code) => {
          if (this.#isStopping) resolve();
          else this.#fail(new Error(`the bridge thread ended by itself with code ${code}`), onFault);
          exited();
        });
      });
      worker.on('error', (cause) => this.#fail(cause, onFault));
      worker.on('message', (message: FromBridge) => {
        if (message.kind === 'ready') {
          onFault = this.#options.onFault;
          resolve();
        } else {
          this.#onMessage(message);
        }
      });
    });
  }

  /** A fresh status; the last one when the bridge is not running. */
  requestStatus(): Promise<readonly SinkStatus[]> {
    if (this.#worker === null) return Promise.resolve(this.#status);
    this.#post({ kind: 'status?' });
    return new Promise((resolve) => this.#statusWaiters.push(resolve));
  }

  async stop(deadlineMs: number): Promise<void> {
    const worker = this.#worker;
    if (worker !== null && !this.#isStopping) {
      this.#isStopping = true;
      this.#post({ kind: 'stop', deadlineMs });
      const timer = setTimeout(() => void worker.terminate(), deadlineMs + STOP_GRACE_MS);
      await this.#exited;
      clearTimeout(timer);
      this.#ended();
    }
    await this.#exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop(0);
  }

  #onMessage(message: Exclude<FromBridge, { kind: 'ready' }>): void {
    switch (message.kind) {
      case 'status':
        this.#status = message.sinks;
        this.#options.onStatus?.(message.sinks);
        for (const resolve of this.#statusWaiters.splice(0)) resolve(message.sinks);
        return;
      case 'log':
        this.#options.log[message.level](message.fields, message.message);
        return;
      case 'command': {
        const { kind: _, sink, ...command } = message;
        void this.#command(sink, command);
        return;
      }
      case 'stopped':
    }
  }

  async #command(sink: string, command: CommandMessage): Promise<void> {
    const { payload, properties } = command;
    const correlationData = properties.correlationData && bufferOf(properties.correlationData);
    const whole = {
      ...command,
      payload: bufferOf(payload),
      properties: { ...properties, ...(correlationData && { correlationData }) },
    };
    const taken = await this.#publish(whole, sink);
    this.#post({ kind: 'command-done', sink, id: command.id, taken });
  }

  /** Whether the gateway has taken it. Never resolves when the bridge is stopped first. */
  async #publish(command: CommandMessage, sink: string): Promise<boolean> {
    for (;;) {
      try {
        await this.#options.onCommand(command, sink);
        return true;
      } catch (error) {
        const reason = messageOf(error);
        if (!(error instanceof SluiceError && error.kind === 'transient')) {
          this.#options.log.error(
            { sink, topic: command.topic, reason },
            'a command could not be published and is lost',
          );
          return false;
        }
        await new Promise<void>((resolve) => this.#options.clock.after(COMMAND_RETRY_MS, resolve));
      }
    }
  }

  #post(message: ToBridge): void {
    this.#worker?.postMessage(message);
  }

  #fail(cause: unknown, report: (error: SluiceError) => void): void {
    this.#ended();
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    const error = new SluiceError('BRIDGE_FAULT', `the bridge thread failed: ${messageOf(cause)}`, {
      kind: 'fatal',
      cause,
    });
    report(error);
  }

  #ended(): void {
    this.#worker = null;
    for (const resolve of this.#statusWaiters.splice(0)) resolve(this.#status);
  }
}

/** Structured cloning makes plain arrays of Buffers; what follows expects Buffers. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
