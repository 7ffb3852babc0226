// One sink with everything it needs: a forwarder for each of its lanes, and the sender that serves them.
// Counts for the status what the forwarders post.

import type { Clock } from '../config/clock.ts';
import { SluiceError } from '../config/errors.ts';
import type { Advance, Cursor } from '../storage/log/log-port.ts';
import type { LogReader } from '../storage/log/log-reader.ts';
import { deadLetterReasons } from '../storage/record-batch/record-batch.ts';
import type { BridgeData, BridgeLane, NamedSink, SinkStatus } from './bridge-messages.ts';
import { Forwarder } from './forwarder.ts';
import { Sender } from './sender.ts';
import type { CommandMessage, LogFields, LogLevel, Sink, SinkContext } from './sinks/sink.ts';
import type { SinkSettings } from './sinks/sink-table.ts';

export interface SinkBridgeOptions {
  sink: NamedSink;
  data: Pick<BridgeData, 'gatewayId' | 'bootId' | 'lanes' | 'cursors'>;
  reader: LogReader;
  clock: Clock;
  recordMonotonicMs: () => number;
  create: (settings: SinkSettings, context: SinkContext) => Sink;
  post: (advance: Advance) => void;
  log: (level: LogLevel, message: string, fields?: LogFields) => void;
  command: (command: CommandMessage) => void;
  changed: () => void;
}

export class SinkBridge {
  readonly name: string;
  readonly #sink: Sink;
  readonly #sender: Sender;
  readonly #forwarders: Map<string, Forwarder>;
  readonly #books = { recordsDelivered: 0, deadLettered: 0, missing: 0, leftOut: 0 };

  constructor(options: SinkBridgeOptions) {
    const { name, settings } = options.sink;
    const { clock, changed } = options;
    this.name = name;
    const log: SinkBridgeOptions['log'] = (level, message, fields) =>
      options.log(level, message, { sink: name, ...fields });
    this.#sink = options.create(settings, {
      name,
      gatewayId: options.data.gatewayId,
      bootId: options.data.bootId,
      clock,
      recordMonotonicMs: options.recordMonotonicMs,
      events: { lost: (reason) => this.#sender.lost(reason), command: options.command, log },
    });
    const forwarders = lanesOf(options).map((lane) => this.#forwarder(lane, options));
    this.#forwarders = new Map(forwarders.map((forwarder) => [forwarder.lane, forwarder]));
    this.#sender = new Sender({ settings, sink: this.#sink, forwarders, clock, log, changed });
  }

  get status(): SinkStatus {
    return { sink: this.name, ...this.#sender.status, ...this.#books };
  }

  start(): void {
    this.#sender.wake();
  }

  appended(lane: string, nextOffset: number): void {
    const forwarder = this.#forwarders.get(lane);
    if (forwarder === undefined) return;
    forwarder.appended(nextOffset);
    this.#sender.wake();
  }

  answer(commandId: number, taken: boolean): void {
    this.#sink.answer(commandId, taken);
  }

  stop(deadlineMs: number): Promise<void> {
    return this.#sender.stop(deadlineMs);
  }

  #forwarder(lane: BridgeLane, options: SinkBridgeOptions): Forwarder {
    const { sink, reader, clock } = options;
    return new Forwarder({
      sink: sink.name,
      lane,
      cursor: cursorOf(options.data.cursors, sink.name, lane.name),
      nextOffset: lane.nextOffset,
      takes: this.#sink.takes,
      compression: sink.settings.compression,
      lingerMs: sink.settings.batch.lingerMs,
      backoff: sink.settings.reconnect,
      reader,
      clock,
      post: (advance) => {
        this.#book(advance, options.log);
        options.post(advance);
        options.changed();
      },
    });
  }

  #book(
    { lane, delivered, deadLettered, missing, leftOut, deadLetters }: Advance,
    log: SinkBridgeOptions['log'],
  ): void {
    this.#books.recordsDelivered += delivered;
    this.#books.deadLettered += deadLettered;
    this.#books.missing += missing;
    this.#books.leftOut += leftOut;
    const sink = this.name;
    for (const { firstOffset, count, reason } of deadLetters) {
      if (deadLetterReasons.includes(reason)) continue; // told when it was taken, and they may be many
      log('error', 'records that cannot be sent are kept as dead letters', {
        sink,
        lane,
        firstOffset,
        count,
        reason,
      });
    }
    if (missing > 0)
      log('error', 'records are missing: lost to the damage told before', { sink, lane, count: missing });
    if (leftOut > 0)
      log(
        'info',
        'names passed that were left out after the damage told before, so that none is given twice',
        {
          sink,
          lane,
          count: leftOut,
        },
      );
  }
}

function lanesOf({ sink, data }: SinkBridgeOptions): BridgeLane[] {
  const wanted = sink.settings.lanes;
  return wanted.length === 0 ? data.lanes : data.lanes.filter((lane) => wanted.includes(lane.name));
}

function cursorOf(cursors: readonly Cursor[], sink: string, lane: string): number {
  const cursor = cursors.find((known) => known.sink === sink && known.lane === lane);
  if (cursor !== undefined) return cursor.nextOffset;
  throw new SluiceError('CURSOR_MISSING', `no cursor for sink ${sink} and lane ${lane}`, { kind: 'fatal' });
}
