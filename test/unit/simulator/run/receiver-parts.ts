// What a receiver has to say, as a test makes it up.

import type { ReceiverSnapshot, Verification } from '../../../../simulator/receive/receiver-messages.ts';
import type { LossFinding } from '../../../../simulator/receive/verify.ts';
import type { LatencySummary } from '../../../../simulator/report/report.ts';

export function latency(p50: number, count = 10): LatencySummary {
  return { count, p50, p90: p50 * 2, p99: p50 * 3, p999: p50 * 4, max: p50 * 5 };
}

export function snapshotOf(change: Partial<ReceiverSnapshot> = {}): ReceiverSnapshot {
  return {
    atMs: 0,
    delivered: 0,
    deliveredByGroup: [0],
    duplicatesSameName: 0,
    duplicatesNewName: 0,
    namesReused: 0,
    reordered: 0,
    unaccounted: 0,
    foreign: 0,
    damaged: 0,
    backlogDelivered: 0,
    backlogLastAtMs: null,
    isComplete: true,
    intervals: 0,
    upstreamMessages: 0,
    upstreamBytes: 0,
    isConnected: true,
    reconnects: 0,
    sessionsLost: 0,
    redelivered: 0,
    recent: latency(0, 0),
    busyShare: 0.1,
    ...change,
  } as ReceiverSnapshot;
}

/** `bounds` by device: from, to, from, to, ... */
export function findingOf(bounds: Record<number, number[]>, byGroup: number[]): LossFinding {
  return {
    count: byGroup.reduce((sum, count) => sum + count, 0),
    byGroup,
    devices: Object.entries(bounds).map(([device, each]) => ({
      device: Number(device),
      bounds: Float64Array.from(each),
    })),
  };
}

export function verificationOf(change: Partial<Verification> = {}): Verification {
  const nothing = findingOf({}, [0, 0]);
  return {
    losses: { lost: nothing, lostQos0: nothing, refusedDelivered: nothing, deliveredUnacked: nothing },
    totals: snapshotOf({ deliveredByGroup: [0, 0] }),
    examples: {
      duplicatesSameName: [],
      duplicatesNewName: [],
      namesReused: [],
      reordered: [],
      unaccounted: [],
    },
    lanes: [],
    endToEnd: latency(20),
    endToEndByGroup: [latency(10), latency(30)],
    liveWhileDraining: null,
    firstDamage: null,
    ...change,
  };
}
