// What the quotas have decided, counted for the device and, by reason, for all of them together. Numbers only
// grow. Messages kept are counted where they are charged (device-quota.ts, total-quota.ts).

import type { DeviceHandle } from './device-handle.ts';
import { quotaReasonNames, type Verdict, verdict } from './verdict.ts';

/** By `quotaReason`; doubles, because a 32-bit count would be full after some hours of a flood. */
export type ByReason = Float64Array;

const byReason = (): ByReason => new Float64Array(quotaReasonNames.length);

export class QuotaCounters {
  /** Messages kept by `sample` above a rate. */
  sampled = 0;
  sampledAway = 0;
  /** Messages that had to wait, by the limit they waited for first. */
  readonly delayed = byReason();
  readonly refused = byReason();
  /** Acknowledged and not kept. */
  readonly dropped = byReason();
  /** Connections ended. */
  readonly disconnected = byReason();

  /** Once a message, however often it is told to wait. */
  wait(handle: DeviceHandle): void {
    if (handle.isWaiting) return;
    handle.isWaiting = true;
    handle.quota.delayed++;
    this.delayed[handle.reason]++;
  }

  sampleAway(handle: DeviceHandle, messages: number): void {
    handle.quota.sampledAway += messages;
    this.sampledAway += messages;
  }

  /** A message that is not kept: `refuse`, `drop`, `thin` or `disconnect`. */
  lose(handle: DeviceHandle, outcome: Verdict): void {
    const { quota, reason } = handle;
    if (outcome === verdict.thin) {
      this.sampleAway(handle, 1);
    } else if (outcome === verdict.drop) {
      quota.dropped++;
      this.dropped[reason]++;
    } else {
      quota.refuse(reason);
      if (outcome === verdict.refuse) this.refused[reason]++;
      else this.disconnected[reason]++;
    }
  }
}
