// What the main thread and the bridge thread say to each other, and what the thread is started with. The
// records themselves never pass here: the bridge reads them from disk. What it has heard of new ones, and
// tells of delivered ones, goes over a port of its own to the storage thread (storage/log/log-port.ts).

import type { MessagePort } from 'node:worker_threads';
import type { Cursor } from '../storage/log/log-port.ts';
import type { CommandMessage, LogFields, LogLevel } from './sinks/sink.ts';
import type { SinkSettings } from './sinks/sink-table.ts';

export interface BridgeLane {
  name: string;
  number: number;
  /** The first offset not on disk yet. */
  nextOffset: number;
}

export interface NamedSink {
  name: string;
  settings: SinkSettings;
}

/** workerData of the bridge thread. */
export interface BridgeData {
  databaseFile: string;
  gatewayId: string;
  /** This run of the gateway, as in the batches it stores. */
  bootId: string;
  /**
   * What the main thread's monotonic clock said when process.hrtime said 0: the clock the records were
   * stamped with.
   */
  monotonicOriginMs: number;
  sinks: NamedSink[];
  lanes: BridgeLane[];
  /** One for every sink and lane that it sends. */
  cursors: Cursor[];
  /** Speaks storage/log/log-port.ts. Transferred. */
  storagePort: MessagePort;
}

export type ToBridge =
  | { kind: 'status?' }
  /**
   * `taken`: the command has reached the local broker (and its disk, where that is due). Answer for it
   * upstream.
   */
  | { kind: 'command-done'; sink: string; id: number; taken: boolean }
  | { kind: 'stop'; deadlineMs: number };

export type FromBridge =
  | { kind: 'ready' }
  /** At most once a second when something changed, and in answer to `status?`. */
  | { kind: 'status'; sinks: SinkStatus[] }
  | { kind: 'log'; level: LogLevel; message: string; fields: LogFields }
  | ({ kind: 'command'; sink: string } & CommandMessage)
  | { kind: 'stopped' };

export type SinkState = 'connecting' | 'connected' | 'open-circuit' | 'stopped';

export interface SinkStatus {
  sink: string;
  state: SinkState;
  lastError: string | null;
  inFlightBatches: number;
  inFlightBytes: number;
  /** Bytes given to the network, with resends. */
  bytesUpstream: number;
  /** Batches acknowledged. */
  batchesUpstream: number;
  recordsDelivered: number;
  /** Batches that had to be sent again. */
  retries: number;
  reconnects: number;
  watchdogTrips: number;
  deadLettered: number;
  /** Records that were gone from the log before they were sent. */
  missing: number;
  /** Names passed that were left out so that none is given twice. */
  leftOut: number;
}
