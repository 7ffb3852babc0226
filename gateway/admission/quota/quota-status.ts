// What the quotas tell about themselves, for metrics and the admin page: counts, which only grow, and the
// devices that use most.

import type { DelayStatus } from './delayed-clients.ts';
import type { DeviceQuotas } from './device-quotas.ts';
import type { DeviceEntry } from './device-table.ts';
import { quotaBounds } from './quota-bounds.ts';
import type { ByReason, QuotaCounters } from './quota-counters.ts';
import type { SharedTotals } from './shared-totals.ts';
import { type QuotaReasonName, quotaReasonNames } from './verdict.ts';

export type CountsByReason = Readonly<Partial<Record<QuotaReasonName, number>>>;

/** Only what is not 0. */
function countsOf(counts: ByReason): CountsByReason {
  const entries = quotaReasonNames.map((name, reason) => [name, counts[reason]] as const);
  return Object.fromEntries(entries.filter(([, count]) => count > 0));
}

export interface Consumer {
  readonly device: string;
  readonly group: string;
  readonly connected: boolean;
  readonly dayBytes: number;
  readonly storedBytes: number;
  readonly accepted: number;
  readonly delayed: number;
  readonly refused: number;
  readonly dropped: number;
  readonly sampledAway: number;
}

export interface QuotaStatus {
  readonly devices: {
    readonly known: number;
    readonly protected: number;
    readonly forgotten: number;
    /** Connections, of any time, that found the table full and share a quota. */
    readonly overflowed: number;
  };
  /** Messages kept, or on their way there. */
  readonly accepted: number;
  readonly acceptedBytes: number;
  /** Of these, by `sample` above a rate. */
  readonly sampled: number;
  readonly sampledAway: number;
  /** Topics remembered for topicsMax, and times one passed that could not be. */
  readonly countedTopics: number;
  readonly uncountedTopics: number;
  readonly delayed: CountsByReason;
  readonly refused: CountsByReason;
  readonly dropped: CountsByReason;
  readonly disconnected: CountsByReason;
  readonly totals: ReturnType<SharedTotals['status']>;
  /** At most `quotaBounds.topConsumers`. */
  readonly top: readonly Consumer[];
  /** Who is made to wait, and by which limit, since the log last told of it. */
  readonly delays: DelayStatus;
}

/** Looks at every device: for the admin page, not for the hot path. */
export function statusOf(
  counters: QuotaCounters,
  { table, overflowed, countedTopics, uncountedTopics }: DeviceQuotas,
  totals: SharedTotals,
  delays: DelayStatus,
): QuotaStatus {
  const { messages: accepted, bytes: acceptedBytes } = totals.gateway.quota;
  const { sampled, sampledAway } = counters;
  return {
    devices: { known: table.size, protected: table.protectedSize, forgotten: table.forgotten, overflowed },
    accepted,
    acceptedBytes,
    sampled,
    sampledAway,
    countedTopics,
    uncountedTopics,
    delayed: countsOf(counters.delayed),
    refused: countsOf(counters.refused),
    dropped: countsOf(counters.dropped),
    disconnected: countsOf(counters.disconnected),
    totals: totals.status(),
    top: topConsumers(table.entries()),
    delays,
  };
}

/** Those with the most bytes today, the most first. */
function topConsumers(entries: Iterable<DeviceEntry>): Consumer[] {
  const top: { bytes: number; entry: DeviceEntry }[] = [];
  let least = 0;
  for (const entry of entries) {
    const bytes = entry.quota.dayBytes;
    if (bytes <= least) continue;
    top.push({ bytes, entry });
    top.sort((a, b) => b.bytes - a.bytes);
    if (top.length < quotaBounds.topConsumers) continue;
    top.length = quotaBounds.topConsumers;
    least = top[top.length - 1].bytes;
  }
  return top.map(({ entry }) => consumerOf(entry));
}

function consumerOf({ key, group, connections, quota }: DeviceEntry): Consumer {
  const { dayBytes, storedBytes, accepted, delayed, dropped, sampledAway } = quota;
  return {
    device: key,
    group,
    connected: connections > 0,
    dayBytes,
    storedBytes,
    accepted,
    delayed,
    refused: quota.refusedTotal,
    dropped,
    sampledAway,
  };
}
