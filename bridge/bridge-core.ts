// The bridge inside its thread: opens the log, runs one SinkBridge per sink, and passes messages between
// them, the main thread and the storage thread. Knows nothing of threads itself: it is given two ports.

import type { Clock } from '../config/clock.ts';
import type { Appended } from '../storage/log/log-port.ts';
import { type LogReader, openLogReader } from '../storage/log/log-reader.ts';
import type { BridgeData, FromBridge, ToBridge } from './bridge-messages.ts';
import { processMonotonicMs } from './process-clock.ts';
import { SinkBridge } from './sink-bridge.ts';
import type { CommandMessage } from './sinks/sink.ts';
import { createSink } from './sinks/sink-table.ts';
import { StatusReporter } from './status-reporter.ts';

/** The part of a MessagePort that is used, and can be replaced in tests. */
export interface Port<In, Out> {
  postMessage(message: Out, transfer?: readonly ArrayBuffer[]): void;
  on(event: 'message', listener: (message: In) => void): unknown;
  close(): void;
}

export interface BridgeCoreOptions {
  data: Omit<BridgeData, 'storagePort'>;
  main: Port<ToBridge, FromBridge>;
  storage: Port<Appended, unknown>;
  clock: Clock;
}

export class BridgeCore {
  readonly #options: BridgeCoreOptions;
  readonly #reader: LogReader;
  readonly #sinks: SinkBridge[];
  readonly #reporter: StatusReporter;
  #stopping: Promise<void> | null = null;

  constructor(options: BridgeCoreOptions) {
    this.#options = options;
    this.#reporter = new StatusReporter(options.clock, () => this.#report());
    this.#reader = openLogReader(options.data.databaseFile);
    this.#sinks = options.data.sinks.map((sink) => this.#sinkBridge(sink));
  }

  start(): void {
    const { main, storage } = this.#options;
    storage.on('message', ({ lane, nextOffset }) => {
      for (const sink of this.#sinks) sink.appended(lane, nextOffset);
    });
    main.on('message', (message) => this.#onMessage(message));
    for (const sink of this.#sinks) sink.start();
    main.postMessage({ kind: 'ready' });
  }

  #onMessage(message: ToBridge): void {
    switch (message.kind) {
      case 'status?':
        this.#reporter.reportNow();
        break;
      case 'command-done':
        this.#sinks.find((sink) => sink.name === message.sink)?.answer(message.id, message.taken);
        break;
      case 'stop':
        this.#stopping ??= this.#stop(message.deadlineMs);
    }
  }

  async #stop(deadlineMs: number): Promise<void> {
    await Promise.all(this.#sinks.map((sink) => sink.stop(deadlineMs)));
    this.#reader.close();
    this.#reporter.reportNow();
    this.#options.main.postMessage({ kind: 'stopped' });
    this.#options.storage.close();
    this.#options.main.close();
  }

  #sinkBridge(sink: BridgeData['sinks'][number]): SinkBridge {
    const { data, main, storage, clock } = this.#options;
    return new SinkBridge({
      sink,
      data,
      clock,
      reader: this.#reader,
      recordMonotonicMs: () => processMonotonicMs() + data.monotonicOriginMs,
      create: createSink,
      post: (advance) => storage.postMessage(advance),
      log: (level, message, fields = {}) => main.postMessage({ kind: 'log', level, message, fields }),
      command: (command) => this.#command(sink.name, command),
      changed: () => this.#reporter.changed(),
    });
  }

  #command(sink: string, command: CommandMessage): void {
    this.#options.main.postMessage({ kind: 'command', sink, ...command });
  }

  #report(): void {
    this.#options.main.postMessage({ kind: 'status', sinks: this.#sinks.map((sink) => sink.status) });
  }
}
