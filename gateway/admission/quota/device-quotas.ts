// Which quota a client has: its own, remembered in the device table, with the entry of quotas.devices that
// holds for it; or, when the table is full of devices that may not be forgotten, one that it shares with all
// such newcomers of its group and entry, so that limits still hold. Keeps the sums of what the members of a
// group have stored.

import type { Config } from '../../../config/settings.ts';
import type { DailyUsage } from './daily-usage.ts';
import type { DeviceClient } from './device-handle.ts';
import { DeviceQuota } from './device-quota.ts';
import { type DeviceEntry, DeviceTable } from './device-table.ts';
import { quotaBounds } from './quota-bounds.ts';
import { type DeviceLimits, QuotaRules } from './quota-rules.ts';
import type { SharedTotals } from './shared-totals.ts';
import { type UsageEntry, usageKey } from './usage-file.ts';
import type { UtcDay } from './utc-day.ts';

export interface DeviceQuotasOptions {
  quotas: Config['quotas'];
  today: UtcDay;
  totals: SharedTotals;
  usage: DailyUsage | null;
}

export interface AssignedQuota {
  readonly quota: DeviceQuota;
  /** Null: shared. */
  readonly entry: DeviceEntry | null;
}

export class DeviceQuotas {
  readonly #today: UtcDay;
  readonly #totals: SharedTotals;
  readonly #usage: DailyUsage | null;
  readonly #table: DeviceTable;
  #rules: QuotaRules;
  #overflow = new Map<string, Map<DeviceLimits | null, DeviceQuota>>();
  #countedTopics = 0;
  /** Connections, of any time, that found the table full. */
  overflowed = 0;
  /** Times a topic passed that could not be counted. */
  uncountedTopics = 0;

  constructor({ quotas, today, totals, usage }: DeviceQuotasOptions) {
    this.#today = today;
    this.#totals = totals;
    this.#usage = usage;
    this.#rules = new QuotaRules(quotas.devices);
    this.#table = new DeviceTable({
      devicesMax: quotas.devicesMax,
      createQuota: (key) => this.#create(key),
      onForget: (entry) => this.#forget(entry),
    });
  }

  /** Of all devices that are remembered. */
  get countedTopics(): number {
    return this.#countedTopics;
  }

  get table(): DeviceTable {
    return this.#table;
  }

  /** A connection begins. */
  open(client: DeviceClient, nowMs: number): AssignedQuota {
    const limits = this.#rules.quotasOf(client);
    const entry = this.#table.open(client.deviceKey, nowMs);
    if (entry === null) {
      this.overflowed++;
      return { quota: this.#sharedBy(client.group, limits, nowMs), entry };
    }
    this.#assign(entry, limits, nowMs);
    if (entry.group !== client.group) {
      this.#addStored(entry.group, -entry.quota.storedBytes);
      entry.group = client.group;
      this.#addStored(entry.group, entry.quota.storedBytes);
    }
    return { quota: entry.quota, entry };
  }

  close(entry: DeviceEntry, nowMs: number): void {
    this.#table.close(entry, nowMs);
  }

  /** Other settings; those connected are to be assigned anew one by one, the others are when they come. */
  set(quotas: Config['quotas']): void {
    this.#rules = new QuotaRules(quotas.devices);
    this.#table.setMax(quotas.devicesMax);
    this.#overflow = new Map();
    this.#totals.clearStored();
    for (const { group, quota } of this.#table.entries()) this.#addStored(group, quota.storedBytes);
  }

  /** The quota that a connected client has from now on. */
  reassigned(client: DeviceClient, entry: DeviceEntry | null, nowMs: number): DeviceQuota {
    const limits = this.#rules.quotasOf(client);
    if (entry === null) return this.#sharedBy(client.group, limits, nowMs);
    this.#assign(entry, limits, nowMs);
    return entry.quota;
  }

  /**
   * Of those who share a quota topics are not counted: they would refuse each other's. Neither are they once
   * all devices together have more than can be remembered: it is the memory that has to hold.
   */
  admitsTopic({ topics, limits, isShared }: DeviceQuota, hash: number): boolean {
    if (limits === null || limits.topicsMax === 0) return true;
    if (isShared || this.#countedTopics >= quotaBounds.countedTopicsMax) {
      this.uncountedTopics++;
      return true;
    }
    const before = topics.count;
    const isAdmitted = topics.admit(hash, limits.topicsMax);
    this.#countedTopics += topics.count - before;
    return isAdmitted;
  }

  *dailyUse(): Generator<UsageEntry> {
    for (const { key, quota } of this.#table.entries()) {
      const { dayBytes } = quota;
      if (dayBytes > 0 && quota.hasDailyLimit) yield [usageKey('device', key), dayBytes];
    }
  }

  #assign({ quota }: DeviceEntry, limits: DeviceLimits | null, nowMs: number): void {
    if (quota.limits !== limits) quota.set(limits, nowMs);
  }

  #create(key: string): DeviceQuota {
    const quota = new DeviceQuota(this.#today);
    if (this.#usage !== null) quota.addDayBytes(this.#usage.take(usageKey('device', key)));
    return quota;
  }

  #forget({ key, group, quota }: DeviceEntry): void {
    if (quota.hasDailyLimit) this.#usage?.keep(usageKey('device', key), quota.dayBytes);
    this.#addStored(group, -quota.storedBytes);
    this.#countedTopics -= quota.topics.count;
  }

  #addStored(group: string, bytes: number): void {
    this.#totals.of(group)?.quota.addStored(bytes);
  }

  /** Made as they are needed; as many as there are groups times entries at the most. */
  #sharedBy(group: string, limits: DeviceLimits | null, nowMs: number): DeviceQuota {
    let ofGroup = this.#overflow.get(group);
    if (ofGroup === undefined) {
      ofGroup = new Map();
      this.#overflow.set(group, ofGroup);
    }
    let quota = ofGroup.get(limits);
    if (quota === undefined) {
      quota = new DeviceQuota(this.#today, { isShared: true });
      quota.set(limits, nowMs);
      ofGroup.set(limits, quota);
    }
    return quota;
  }
}
