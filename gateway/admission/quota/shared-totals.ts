// The totals of the groups that have one, and that of the gateway, each with the gate at which those wait who
// find it used up. The gateway always has one, for it counts as well.

import type { Clock } from '../../../config/clock.ts';
import type { Config } from '../../../config/settings.ts';
import { FairGate } from './fair-gate.ts';
import { noTotalLimits, TotalQuota } from './total-quota.ts';
import { type UsageEntry, usageKey } from './usage-file.ts';
import type { UtcDay } from './utc-day.ts';

export interface SharedTotal {
  readonly quota: TotalQuota;
  readonly gate: FairGate;
}

export interface TotalStatus {
  readonly messages: number;
  readonly bytes: number;
  readonly dayBytes: number;
  readonly storedBytes: number;
  /** Connections that wait for a turn. */
  readonly waiting: number;
  /** Times one had to. */
  readonly waits: number;
}

export class SharedTotals {
  readonly #clock: Clock;
  readonly #today: UtcDay;
  readonly gateway: SharedTotal;
  readonly #groups = new Map<string, SharedTotal>();

  constructor(clock: Clock, today: UtcDay) {
    this.#clock = clock;
    this.#today = today;
    this.gateway = this.#create();
  }

  /** Null: the group has none. */
  of(group: string): SharedTotal | null {
    return this.#groups.get(group) ?? null;
  }

  /** What was used stays used; of a group that no longer has a total, those who wait go on. */
  set({ gateway, groups }: Pick<Config['quotas'], 'gateway' | 'groups'>, nowMs: number): void {
    this.gateway.quota.set({ ...gateway, storedBytesMax: 0 }, nowMs);
    this.gateway.gate.changed();
    const named = new Map(Object.entries(groups));
    for (const [name, total] of this.#groups) {
      total.quota.set(named.get(name) ?? noTotalLimits, nowMs);
      total.gate.changed();
      if (!named.has(name)) this.#groups.delete(name);
    }
    for (const [name, limits] of named) {
      if (this.#groups.has(name)) continue;
      const total = this.#create();
      total.quota.set(limits, nowMs);
      this.#groups.set(name, total);
    }
  }

  /** Before it is summed up anew. */
  clearStored(): void {
    for (const { quota } of this.#groups.values()) quota.clearStored();
  }

  /** `take`: what was used today under a key, before a restart. */
  restore(take: (key: string) => number): void {
    this.gateway.quota.addDayBytes(take(usageKey('gateway', '')));
    for (const [name, { quota }] of this.#groups) quota.addDayBytes(take(usageKey('group', name)));
  }

  *dailyUse(): Generator<UsageEntry> {
    if (this.gateway.quota.hasDailyLimit) yield [usageKey('gateway', ''), this.gateway.quota.dayBytes];
    for (const [name, { quota }] of this.#groups) {
      if (quota.hasDailyLimit) yield [usageKey('group', name), quota.dayBytes];
    }
  }

  status(): { readonly gateway: TotalStatus; readonly groups: Readonly<Record<string, TotalStatus>> } {
    const groups = [...this.#groups].map(([name, total]) => [name, statusOf(total)] as const);
    return { gateway: statusOf(this.gateway), groups: Object.fromEntries(groups) };
  }

  stop(): void {
    this.gateway.gate.stop();
    for (const { gate } of this.#groups.values()) gate.stop();
  }

  #create(): SharedTotal {
    const quota = new TotalQuota(this.#today);
    return { quota, gate: new FairGate(quota, this.#clock) };
  }
}

function statusOf({ quota, gate }: SharedTotal): TotalStatus {
  const { messages, bytes, dayBytes, storedBytes } = quota;
  return { messages, bytes, dayBytes, storedBytes, waiting: gate.waiting, waits: gate.waits };
}
