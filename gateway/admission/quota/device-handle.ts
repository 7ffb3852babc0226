// One connection as the quotas know it: which device, group and weight it has, where its present message
// stands, and how to tell it that it may go on. Belongs to Quotas; the connection reads `reason`, `limits`
// and nothing else.

import type { DelayTally } from './delayed-clients.ts';
import type { DeviceQuota } from './device-quota.ts';
import type { DeviceEntry } from './device-table.ts';
import { type FairGate, FairPlace, type FairWaiter } from './fair-gate.ts';
import type { HeldLatest } from './held-latest.ts';
import type { DeviceLimits, QuotaSubject } from './quota-rules.ts';
import type { LatestMessage } from './sample.ts';
import type { SharedTotal } from './shared-totals.ts';
import { type QuotaReason, quotaReason } from './verdict.ts';
import { WakePlace, type WakeWaiter } from './wake-wheel.ts';

/** How the connection is reached; made once for it. */
export interface DeviceLink {
  /**
   * The message that had to wait may be tried again. Nothing happens if the connection has another reason to
   * wait.
   */
  resume(): void;
  /**
   * Appends what `sample: latest` has kept of a topic, without an acknowledgement; false: no room, try again
   * soon. Group and gateway totals have been charged when it returns true, whether they had it or not.
   */
  keepLatest(message: LatestMessage): boolean;
}

export interface DeviceClient extends QuotaSubject {
  /** The client id as the engine and the log know it, with its tenant. */
  readonly deviceKey: string;
  readonly version: 3 | 4 | 5;
  readonly link: DeviceLink;
}

/** How far the present message has come; what it passed has been charged to. */
export const Stage = { none: 0, group: 1, gateway: 2 } as const;
export type Stage = (typeof Stage)[keyof typeof Stage];

export class DeviceHandle implements FairWaiter, WakeWaiter {
  readonly client: DeviceClient;
  readonly place = new FairPlace(this);
  readonly wakePlace = new WakePlace(this);
  quota: DeviceQuota;
  /** Null: the device table is full, and the quota is shared with others. */
  readonly entry: DeviceEntry | null;
  /** Null: its group has no total. */
  group: SharedTotal | null;
  weight: number;
  /** Null while nothing is held. */
  latest: HeldLatest | null = null;
  stage: Stage = Stage.none;
  /** Charged to group and gateway as far as `stage` says. */
  stageBytes = 0;
  /** The present message has been told to wait. */
  isWaiting = false;
  /** Of its waits; null: it had none lately. Belongs to DelayedClients. */
  delays: DelayTally | null = null;
  /** Where it waits: at a gate, or (null) until `wakeMs`. */
  gate: FairGate | null = null;
  wakeMs = 0;
  /** Of the last verdict that was not `accept`. */
  reason: QuotaReason = quotaReason.none;

  constructor(options: {
    client: DeviceClient;
    quota: DeviceQuota;
    entry: DeviceEntry | null;
    group: SharedTotal | null;
    weight: number;
  }) {
    this.client = options.client;
    this.quota = options.quota;
    this.entry = options.entry;
    this.group = options.group;
    this.weight = options.weight;
  }

  /** Settings that hold for it; null: none of quotas.devices. */
  get limits(): DeviceLimits | null {
    return this.quota.limits;
  }

  turn(): void {
    this.client.link.resume();
  }

  wake(): void {
    this.client.link.resume();
  }
}
