// What every part of the session persistence shares: the way to the disk, time, the bounds and the counters.
//
// The journal must apply calls in the order they were made, and the ops of `prepareFanout` /
// `prepareRetained` count as made when they are returned: whoever batches them puts both into one queue.

import type { Clock } from '../../config/clock.ts';
import type { SessionOp } from './session-ops.ts';

/** Resolves when the ops are fsynced, in call order; rejects when they never will be. */
export type Journal = (ops: SessionOp[]) => Promise<void>;

export interface SessionLimits {
  /** Sessions that outlive their connection. */
  sessionsMax: number;
  /** Messages waiting or unacknowledged in one session. */
  sessionQueueMessagesMax: number;
  /** Encoded bytes of the same. */
  sessionQueueBytesMax: number;
  /** Encoded bytes queued by all sessions together; a message queued by several counts once. */
  queuedBytesMax: number;
  retainedMessagesMax: number;
  retainedBytesMax: number;
  /** Packet ids of inbound QoS 2 messages of all sessions that were not released. */
  unreleasedTotalMax: number;
  /** Encoded bytes of all wills together. */
  willsBytesMax: number;
}

/** Every way in which a message kept here can end other than by its receiver's acknowledgement. */
export type DropReason =
  | 'session-queue-full'
  | 'queues-full'
  | 'retained-full'
  | 'message-expired'
  | 'retained-expired'
  | 'session-ended'
  | 'session-expired';

export type OnDrop = (reason: DropReason, count: number) => void;

export interface SessionContext {
  readonly clock: Clock;
  readonly limits: SessionLimits;
  readonly onDrop: OnDrop;
  readonly journal: Journal;
  /** Grows for the life of the store: the order of messages, on disk and towards a client. */
  nextSeq(): number;
}

/**
 * For journal calls that nobody waits for: its owner already knows that the disk failed, here nothing is
 * undone.
 */
export function ignoreFailure(): void {}
