// What a destination is to the bridge: something that takes batches and says what became of each. A sink
// speaks one protocol and keeps nothing: what is not acknowledged is read from the log again and sent again
// under the same names. Deciding when to connect, what to send, how long to wait and what to give up is the
// sender's and the forwarder's.

import type { Clock } from '../../config/clock.ts';
import type { RecordBatch } from '../../storage/record-batch/record-batch.ts';

/** A run of records of one lane on its way upstream, as the sink asked for it (`Sink.takes`). */
export interface UpstreamBatch {
  gateway: string;
  lane: string;
  firstOffset: number;
  count: number;
  body: { kind: 'encoded'; bytes: Buffer } | { kind: 'records'; records: RecordBatch };
}

/** Records that the upstream will never take as they are. */
export interface Rejection {
  firstOffset: number;
  count: number;
  /** Short, from a closed set per sink: it becomes a dead letter's reason. */
  reason: string;
}

/** The reason of a rejection that a smaller batch may not meet with. */
export const REASON_TOO_LARGE = 'too-large';

export type SendResult =
  /** The upstream has acknowledged every record of the batch. */
  | { kind: 'delivered' }
  /** Some records were refused for good; every other record of the batch is acknowledged. */
  | { kind: 'rejected'; rejections: Rejection[] }
  /**
   * Not acknowledged: connection lost, or refused for now. The first `settledCount` records are acknowledged
   * or among `rejections`; what came of the rest is unknown. `afterMs` 0: as soon as there is a connection;
   * otherwise at the earliest after that time. With a `hint` a person has to do something about it.
   */
  | {
      kind: 'retry';
      reason: string;
      afterMs: number;
      settledCount: number;
      rejections: Rejection[];
      hint?: string;
    };

export type ConnectResult =
  /** Batches may be sent. */
  | { kind: 'connected'; messageBytesMax: number; batchesMax: number }
  /** Not possible now. With a `hint` a person has to do something about it. */
  | { kind: 'retry'; reason: string; afterMs: number; hint?: string };

export interface Sink {
  /** Encoded record batches, or decoded records that go upstream one by one. */
  readonly takes: 'encoded' | 'records';
  /**
   * Connects once; never throws for what an upstream can do. Called only when there is no connection.
   * `messageBytesMax` is the largest encoded batch and `batchesMax` the number of unanswered `send` calls
   * that this connection allows.
   */
  connect(): Promise<ConnectResult>;
  /**
   * Sends a batch. Called only while connected, possibly many times before the first answer; what is sent
   * goes out in the order of the calls. The promise resolves when the upstream has answered for the whole
   * batch, or the connection is lost; it never rejects. `delivered` means that the upstream has taken
   * responsibility, not that bytes left.
   */
  send(batch: UpstreamBatch): Promise<SendResult>;
  /**
   * Ends the connection at once. Every unanswered `send` resolves with `retry`, and `events.lost` is called.
   */
  drop(reason: string): void;
  /**
   * Acknowledges a command upstream, which the gateway has taken, or refuses it. An unknown id is a command
   * of a lost connection and is ignored: the upstream sends it again.
   */
  answer(commandId: number, taken: boolean): void;
  /** Total of bytes that the network has taken, of all connections; grows as a slow link takes them. */
  bytesSent(): number;
  /**
   * Says goodbye and closes, in at most `deadlineMs`; repeatable. Nothing of the sink is alive afterwards.
   */
  close(deadlineMs: number): Promise<void>;
}

/** What a sink tells on its own. */
export interface SinkEvents {
  /** An established connection ended. */
  lost(reason: string): void;
  /**
   * The upstream says something to a device. Bounded by the sink: it waits for `answer` when too many are
   * open.
   */
  command(command: CommandMessage): void;
  log(level: LogLevel, message: string, fields?: LogFields): void;
}

/** A message from upstream to local devices. */
export interface CommandMessage {
  /** Names it until it is answered; unique within its sink. */
  id: number;
  topic: string;
  payload: Uint8Array;
  qos: 0 | 1 | 2;
  retain: boolean;
  properties: CommandProperties;
}

/** MQTT 5 properties that travel with a publish (MQTT 5.0 3.3.2.3), as mqtt-packet names them. */
export interface CommandProperties {
  payloadFormatIndicator?: boolean;
  messageExpiryInterval?: number;
  contentType?: string;
  responseTopic?: string;
  correlationData?: Uint8Array;
  userProperties?: Record<string, string | string[]>;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Record<string, string | number | boolean | null>;

/** What every sink is made with, besides its settings. */
export interface SinkContext {
  /** The sink's own name in the settings. */
  name: string;
  gatewayId: string;
  bootId: string;
  clock: Clock;
  /** The clock that stamped the records of this boot. */
  recordMonotonicMs: () => number;
  events: SinkEvents;
}
