// The quotas of all clients: for each publish a number that says what becomes of it, in the order device,
// group, gateway. The caller carries it out and then says so (`settle`, `hold`), or that it waits (`wait`),
// or nothing, when there was no room in the batch: then it asks again with the same message.
//
// Invariants: a message is charged once, however often it is asked about. Group and gateway are charged when
// it passes them, for it may have had to wait for its turn there and must not have to again at the next step;
// what is not kept after all is given back. The device is charged when the message is kept. Messages that follow
// each other are charged together, where that makes no difference (passing-run.ts). Nothing is allocated per message.

import type { Clock, Timer } from '../../../config/clock.ts';
import type { Config } from '../../../config/settings.ts';
import type { DailyUsage, UsageSource } from './daily-usage.ts';
import { DelayedClients } from './delayed-clients.ts';
import { type DeviceClient, DeviceHandle, Stage } from './device-handle.ts';
import { DeviceQuotas } from './device-quotas.ts';
import type { FairGate } from './fair-gate.ts';
import { HeldLatest } from './held-latest.ts';
import { PassingRun } from './passing-run.ts';
import { quotaBounds } from './quota-bounds.ts';
import { QuotaCounters } from './quota-counters.ts';
import { type QuotaStatus, statusOf } from './quota-status.ts';
import { LatestBudget, type LatestMessage, type SampledRecord } from './sample.ts';
import { SharedTotals } from './shared-totals.ts';
import type { UsageEntry } from './usage-file.ts';
import { UtcDay } from './utc-day.ts';
import { type QuotaReason, quotaReason, type Verdict, verdict } from './verdict.ts';
import { WakeWheel } from './wake-wheel.ts';

export type QuotaSettings = Pick<Config, 'quotas' | 'access'>;

export interface QuotasOptions {
  config: QuotaSettings;
  clock: Clock;
  /** Null: daily use is forgotten with the process. */
  usage: DailyUsage | null;
}

export class Quotas implements UsageSource {
  readonly #clock: Clock;
  readonly #usage: DailyUsage | null;
  readonly today: UtcDay;
  readonly #totals: SharedTotals;
  readonly #devices: DeviceQuotas;
  readonly #wheel: WakeWheel;
  readonly #counters = new QuotaCounters();
  readonly #delayed = new DelayedClients();
  readonly #latestBudget = new LatestBudget();
  readonly #run: PassingRun;
  readonly #handles = new Set<DeviceHandle>();
  #weights: ReadonlyMap<string, number>;
  #dayTimer: Timer | null = null;

  constructor({ config, clock, usage }: QuotasOptions) {
    this.#clock = clock;
    this.#usage = usage;
    this.today = new UtcDay(clock.nowMs());
    this.#totals = new SharedTotals(clock, this.today);
    this.#totals.set(config.quotas, clock.monotonicMs());
    this.#run = new PassingRun(this.#totals.gateway);
    this.#weights = weightsOf(config);
    this.#wheel = new WakeWheel(clock);
    const { today } = this;
    this.#devices = new DeviceQuotas({ quotas: config.quotas, today, totals: this.#totals, usage });
  }

  /** To be called before the first client comes: finds out what has been used today. Never throws. */
  async start(): Promise<void> {
    this.#watchDay();
    await this.#usage?.start(this);
    this.#restoreTotals();
  }

  /** When all connections are closed. Resolves when daily use is on disk, or has failed to get there. */
  async stop(): Promise<void> {
    this.#dayTimer?.clear();
    this.#dayTimer = null;
    this.#wheel.stop();
    this.#totals.stop();
    await this.#usage?.stop();
  }

  // -- connections ----------------------------------------------------------------------------------------

  open(client: DeviceClient): DeviceHandle {
    const { quota, entry } = this.#devices.open(client, this.#clock.monotonicMs());
    const handle = new DeviceHandle({
      client,
      quota,
      entry,
      group: this.#totals.of(client.group),
      weight: this.#weightOf(client),
    });
    this.#handles.add(handle);
    this.#delayed.opened(handle);
    return handle;
  }

  /** Repeatable. What `sample: latest` holds is appended if there is room: the link must still be able to. */
  close(handle: DeviceHandle): void {
    if (!this.#handles.delete(handle)) return;
    this.#run.end();
    handle.place.gate?.remove(handle);
    this.#wheel.cancel(handle);
    if (handle.latest !== null) this.#counters.sampleAway(handle, handle.latest.close());
    handle.latest = null;
    this.#giveBack(handle);
    this.#delayed.closed(handle, this.#clock.monotonicMs());
    if (handle.entry !== null) this.#devices.close(handle.entry, this.#clock.monotonicMs());
  }

  // -- per message ----------------------------------------------------------------------------------------

  /** `bytes`: of the packet. Sets `handle.reason` if the verdict is not `accept`. */
  decide(handle: DeviceHandle, bytes: number, qos: number, nowMs: number): Verdict {
    if (this.#run.admits(handle, bytes, nowMs)) return verdict.accept;
    this.#run.end();
    let outcome = handle.quota.decide(bytes, qos, nowMs);
    if (outcome !== verdict.accept || handle.latest !== null) {
      outcome = this.#above(handle, outcome, qos);
      if (outcome > verdict.keep) return outcome;
    }
    // What was paid was for a message that was given up meanwhile, for a reason that is none of ours.
    if (handle.stage !== Stage.none && handle.stageBytes !== bytes) this.#giveBack(handle);
    if (handle.stage === Stage.none) {
      const { group } = handle;
      if (group !== null && !group.gate.pass(bytes, nowMs))
        return this.#share(handle, group.gate, quotaReason.groupTotal);
      handle.stage = Stage.group;
      handle.stageBytes = bytes;
    }
    if (handle.stage === Stage.group) {
      const { gate } = this.#totals.gateway;
      if (!gate.pass(bytes, nowMs)) return this.#share(handle, gate, quotaReason.gatewayTotal);
      handle.stage = Stage.gateway;
    }
    return outcome;
  }

  /** The verdict has been carried out. Not for `delay` and `share` (`wait`) and `hold` (`hold`). */
  settle(handle: DeviceHandle, outcome: Verdict, bytes: number, nowMs: number): void {
    if (handle.isWaiting) this.#waited(handle, nowMs);
    if (outcome === verdict.accept) {
      if (this.#run.add(handle, bytes)) return;
      handle.stage = Stage.none;
      handle.quota.charge(1, bytes, nowMs);
      this.#countStored(handle, bytes);
      this.#run.follow(handle, nowMs);
    } else if (outcome === verdict.keep) {
      handle.stage = Stage.none;
      handle.quota.chargeSample(bytes);
      handle.quota.stepSample();
      this.#counters.sampled++;
      this.#countStored(handle, bytes);
    } else {
      this.#giveBack(handle);
      if (outcome === verdict.thin) handle.quota.stepSample();
      this.#counters.lose(handle, outcome);
    }
  }

  /** All that one connection has sent at a time is decided upon: only now is everything charged. */
  chunkEnds(): void {
    this.#run.end();
  }

  /**
   * After `delay` and `share`: `link.resume` is called when the message may be tried again, never from
   * within.
   */
  wait(handle: DeviceHandle): void {
    this.#delayed.began(handle, this.#clock.monotonicMs());
    if (handle.gate === null) this.#wheel.at(handle.wakeMs, handle);
    else handle.gate.wait(handle);
  }

  /** After `hold`, when the acknowledgement has been seen to: copies the message. */
  hold(handle: DeviceHandle, record: SampledRecord, bytes: number): void {
    if (handle.isWaiting) this.#waited(handle, this.#clock.monotonicMs());
    this.#giveBack(handle);
    handle.latest ??= this.#beginInterval(handle);
    this.#counters.sampleAway(handle, handle.latest.put(record, bytes));
  }

  /**
   * Whether the client may publish to the topic of this hash (TopicEntry.hash): one of its own, or not one
   * too many.
   */
  admitsTopic(handle: DeviceHandle, hash: number): boolean {
    return this.#devices.admitsTopic(handle.quota, hash);
  }

  /**
   * How a message is refused where waiting is no use: `refuse`, `drop` or `disconnect`. To be settled like
   * others.
   */
  refusal(handle: DeviceHandle, reason: QuotaReason, qos: number): Verdict {
    handle.reason = reason;
    if (qos === 0) return verdict.drop;
    if (handle.client.version === 5) return verdict.refuse;
    return handle.limits?.refuseMqtt3 === 'disconnect' ? verdict.disconnect : verdict.drop;
  }

  // -- from outside ---------------------------------------------------------------------------------------

  /** What of a connected device waits to be sent on; of those who share a quota nothing is remembered. */
  setStored({ entry, group }: DeviceHandle, bytes: number): void {
    if (entry === null) return;
    group?.quota.addStored(bytes - entry.quota.storedBytes);
    entry.quota.storedBytes = bytes;
  }

  /** What of a group waits to be sent on, members who are away included. */
  setGroupStored(group: string, bytes: number): void {
    this.#totals.of(group)?.quota.setStored(bytes);
  }

  /** Holds for connected clients too; what was used stays used. Those who wait look again soon. */
  reconfigure(config: QuotaSettings): void {
    const nowMs = this.#clock.monotonicMs();
    this.#run.end();
    this.#totals.set(config.quotas, nowMs);
    this.#restoreTotals();
    this.#devices.set(config.quotas);
    this.#weights = weightsOf(config);
    for (const handle of this.#handles) {
      const { client, entry } = handle;
      handle.quota = this.#devices.reassigned(client, entry, nowMs);
      const group = this.#totals.of(client.group);
      if (group !== handle.group) this.#giveBack(handle);
      handle.group = group;
      handle.weight = this.#weightOf(client);
      if (handle.wakePlace.list !== null) this.#wheel.at(nowMs, handle);
    }
  }

  status(): QuotaStatus {
    const delays = this.#delayed.status(this.#handles, this.#clock.monotonicMs());
    return statusOf(this.#counters, this.#devices, this.#totals, delays);
  }

  /** Who was made to wait has been told: from now on it is counted anew. */
  delaysTold(): void {
    this.#delayed.beginAnew(this.#handles, this.#clock.monotonicMs());
  }

  // UsageSource
  get usageVersion(): number {
    return this.#totals.gateway.quota.messages;
  }

  *dailyUse(): Generator<UsageEntry> {
    yield* this.#totals.dailyUse();
    yield* this.#devices.dailyUse();
  }

  // -- within ---------------------------------------------------------------------------------------------

  #above(handle: DeviceHandle, decided: Verdict, qos: number): Verdict {
    handle.reason = handle.quota.reason;
    // While the latest are held everything is: what went ahead now would be overtaken by something older.
    if (decided <= verdict.keep) return handle.latest === null ? decided : verdict.hold;
    if (decided === verdict.refuse) return this.refusal(handle, handle.reason, qos);
    if (decided !== verdict.delay) return decided;
    handle.gate = null;
    handle.wakeMs = handle.quota.wakeMs;
    // Of those who share a quota, whoever has just been served stands behind those who were not.
    if (handle.quota.isShared && !handle.isWaiting) handle.wakeMs += quotaBounds.tickMs;
    this.#counters.wait(handle);
    return decided;
  }

  #share(handle: DeviceHandle, gate: FairGate, reason: QuotaReason): Verdict {
    handle.gate = gate;
    handle.reason = reason;
    this.#counters.wait(handle);
    return verdict.share;
  }

  #waited(handle: DeviceHandle, nowMs: number): void {
    handle.isWaiting = false;
    this.#delayed.ended(handle, nowMs);
  }

  #giveBack(handle: DeviceHandle): void {
    const { stage, stageBytes } = handle;
    if (stage === Stage.none) return;
    handle.group?.quota.giveBack(stageBytes);
    if (stage === Stage.gateway) this.#totals.gateway.quota.giveBack(stageBytes);
    handle.stage = Stage.none;
  }

  #beginInterval(handle: DeviceHandle): HeldLatest {
    return new HeldLatest({
      clock: this.#clock,
      wheel: this.#wheel,
      budget: this.#latestBudget,
      everyMs: handle.limits?.sampleEveryMs ?? 0,
      keep: (message) => this.#keepLatest(handle, message),
      onEnd: () => {
        handle.latest = null;
      },
    });
  }

  /** Few, for there is one of a topic: the totals are charged and nobody waits, but others will. */
  #keepLatest(handle: DeviceHandle, message: LatestMessage): boolean {
    if (!handle.client.link.keepLatest(message)) return false;
    const nowMs = this.#clock.monotonicMs();
    const bytes = message.wireBytes;
    handle.group?.quota.take(1, bytes, nowMs);
    this.#totals.gateway.quota.take(1, bytes, nowMs);
    handle.quota.chargeSample(bytes);
    this.#counters.sampled++;
    this.#countStored(handle, bytes);
    return true;
  }

  #countStored(handle: DeviceHandle, bytes: number): void {
    if (handle.entry !== null && handle.group !== null) handle.group.quota.addStored(bytes);
  }

  /** Of totals that are new, what was used today before a restart. */
  #restoreTotals(): void {
    const usage = this.#usage;
    if (usage !== null) this.#totals.restore((key) => usage.take(key));
  }

  #weightOf({ group }: DeviceClient): number {
    return this.#weights.get(group) ?? 1;
  }

  #watchDay(): void {
    this.#dayTimer = this.#clock.after(quotaBounds.dayCheckMs, () => {
      this.today.look(this.#clock.nowMs());
      this.#watchDay();
    });
  }
}

function weightsOf({ access }: QuotaSettings): ReadonlyMap<string, number> {
  return new Map(Object.entries(access.groups).map(([name, { weight }]) => [name, weight]));
}
