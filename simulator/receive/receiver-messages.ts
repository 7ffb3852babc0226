// What the runner's thread and the receiver's thread say to each other. Plain data, many numbers in few messages.

import type { LatencySummary } from '../report/report.ts';
import type { ArrivalFault, ArrivalTotals, LaneSummary, MessageName } from './arrival-account.ts';
import type { IntakeCounts } from './arrival-intake.ts';
import type { PackedSets } from './packed-sets.ts';
import type { ConnectionCounts, ReceiverOptions } from './upstream-receiver.ts';
import type { Losses } from './verify.ts';

export interface ReceiverThreadOptions extends ReceiverOptions {
  /** A snapshot comes by itself so often; 0: only when it is asked for. Default 250. */
  snapshotEveryMs?: number;
}

export interface ReceiverSnapshot extends ArrivalTotals, IntakeCounts, ConnectionCounts {
  /** On the run's clock. */
  atMs: number;
  /** End to end, of first deliveries since the snapshot before, whoever asked for that one. */
  recent: LatencySummary;
  /**
   * Share of the time since the snapshot before in which the thread was not idle. Near 1 the receiver itself is the
   * bottleneck, and latencies are partly its own.
   */
  busyShare: number;
}

/** Outcomes of the whole fleet (verify.ts), by device index. */
export interface PackedOutcomes {
  acked: PackedSets;
  refused: PackedSets;
  sentCount: Float64Array<ArrayBuffer>;
  qos0: Uint8Array<ArrayBuffer>;
}

export interface Verification {
  losses: Losses;
  totals: ReceiverSnapshot;
  /** The first of each fault, by device index and sequence. */
  examples: Record<ArrivalFault, MessageName[]>;
  lanes: LaneSummary[];
  endToEnd: LatencySummary;
  endToEndByGroup: LatencySummary[];
  /** null: nothing was entered as live. */
  liveWhileDraining: LatencySummary | null;
  firstDamage: string | null;
}

export type ToReceiver =
  | { kind: 'begin'; startEpochMs: number }
  | { kind: 'snapshot' }
  | { kind: 'live-from'; liveFromMs: number | null }
  | { kind: 'verify'; outcomes: PackedOutcomes }
  | { kind: 'stop'; deadlineMs: number };

export type FromReceiver =
  | { kind: 'subscribed' }
  | { kind: 'snapshot'; snapshot: ReceiverSnapshot; isAnswer: boolean }
  | { kind: 'verified'; verification: Verification }
  | { kind: 'fault'; code: string; message: string; hint: string | undefined };
