// What the main thread and the storage thread say to each other: one message per commit each way, and the rest rare.

import type { MessagePort } from 'node:worker_threads';
import type { BookEntry } from './log/cursors.ts';
import type { LaneState } from './log/log-writer.ts';
import type { StallReason } from './log/space.ts';
import type { Damage } from './open/damage.ts';
import type { OpenEvent, OpenReport } from './open/open-database.ts';
import type { Compression } from './record-batch/codec.ts';
import type { SealedBatch } from './record-batch/open-batch.ts';
import type { SessionOp } from './sessions/session-ops.ts';
import type { SessionSnapshot } from './sessions/session-snapshot.ts';
import type { OwnerShares } from './shares/owner-shares.ts';

export interface StoreOptions {
  directory: string;
  /** '' = the one kept in the store, made at the first start. */
  gatewayId: string;
  bootId: string;
  lanes: string[];
  sinks: { name: string; lanes: readonly string[] }[];
  recordsMax: number;
  dataBytesMax: number;
  compression: Compression;
  compressionLevel: number;
  synchronous: 'full' | 'normal';
  bufferBytesMax: number;
  tailBytes: number;
  checkpointBytes: number;
  diskFreeBytesMin: number;
  recentPerSessionMax: number;
  /**
   * Devices and groups of which the bytes that wait in the log are told (shares/stored-shares.ts); 0 or absent: nobody
   * asks, and nothing is counted.
   */
  shareOwnersMax?: number;
  /** The store was found damaged while it was in use: salvage it before it is opened. */
  salvage: Damage | null;
}

export interface StoreState {
  gatewayId: string;
  databaseFile: string;
  lanes: LaneState[];
  books: BookEntry[];
  sessions: SessionSnapshot;
  report: OpenReport;
  /** For shares/owner-keys.ts. */
  shareSecret: string;
}

export interface StoreStatus {
  lanes: LaneState[];
  books: BookEntry[];
  /** Of the files; they do not become smaller. */
  usedBytes: number;
  /** How much of the room that buffer.maxBytes leaves holds what cannot be deleted, 0 to 1. */
  fill: number;
  /** Batches of which the bytes are not in the shares any more, because there was no room to note them. */
  sharesGivenUp: number;
}

export type ToStore =
  | { kind: 'commit'; batches: SealedBatch[]; ops: SessionOp[] }
  | { kind: 'bridge-port'; port: MessagePort }
  | { kind: 'status' }
  | { kind: 'stop' };

export type FromStore =
  | { kind: 'opening'; event: OpenEvent }
  | { kind: 'opened'; state: StoreState }
  | {
      kind: 'committed';
      buffers: ArrayBuffer[];
      records: number;
      bytes: number;
      duplicates: number;
      commitMs: number;
      /** How the bytes that wait have changed; null: they have not, or it is told a little later, or nobody asks. */
      shares: OwnerShares | null;
    }
  /** The same between commits. */
  | { kind: 'shares'; shares: OwnerShares }
  /** All that was stored before the start is in the shares. */
  | { kind: 'shares-counted' }
  | { kind: 'stalled'; reason: StallReason; detail: string }
  | { kind: 'resumed' }
  | { kind: 'status'; status: StoreStatus }
  | { kind: 'fault'; code: string; message: string; hint: string | undefined }
  | { kind: 'stopped' };
