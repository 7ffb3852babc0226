// The devices of one group of the scenario: their common time, who is due next, and what they have done.
//
// What is due before the end is done, also when it is done late; what is due from the end on never is. So the number of
// readings is a matter of the scenario, and not of how busy the machine was in the last moment.

import { LatencyHistogram } from '../latency-histogram.ts';
import type { ProfileStep, StepKind } from '../profile/profile.ts';
import { DueQueue } from './due-queue.ts';
import { GroupClock, type RateChange } from './group-clock.ts';
import type { GroupCounters } from './group-counters.ts';
import { inTurn } from './in-turn.ts';
import type { SimulatedDevice } from './simulated-device.ts';

export interface GroupDevice {
  device: SimulatedDevice;
  next: () => ProfileStep | undefined;
  /** When it is switched on, on the run's clock: its profile's time begins there. Not before the member before it. */
  startMs: number;
  /** Connects when it is switched on; otherwise its profile says when. */
  connectsAtStart: boolean;
}

export interface DeviceGroupOptions {
  name: string;
  counters: GroupCounters;
  members: readonly GroupDevice[];
  /** How fast their time passes; at the run's rate when not given. */
  rates?: readonly RateChange[];
  nowMs: () => number;
}

/** Readings that were not reached are counted one by one, up to so many. */
const UNREACHED_MAX = 1_000_000;
const SWITCH_ON: ProfileStep = { atMs: 0, kind: 'connect' };

export class DeviceGroup {
  readonly name: string;
  readonly counters: GroupCounters;
  readonly devices: readonly SimulatedDevice[];
  readonly #clock: GroupClock;
  readonly #options: DeviceGroupOptions;
  readonly #queue = new DueQueue();
  /** Of those that are switched on: the next step of each, and when its profile's time began, in the group's time. */
  readonly #steps: (ProfileStep | undefined)[] = [];
  readonly #origins: number[] = [];
  #recentAck = new LatencyHistogram();
  #connectedAtEnd: number | undefined;
  #endMs = Number.POSITIVE_INFINITY;
  /** The same in the devices' time. */
  #endDeviceMs = Number.POSITIVE_INFINITY;
  #isReading = true;

  constructor(options: DeviceGroupOptions) {
    this.#options = options;
    this.name = options.name;
    this.counters = options.counters;
    this.#clock = new GroupClock(options.rates);
    this.devices = options.members.map(({ device }) => device);
  }

  /** What was due before the end has not been reached, or is still on a device or under way. */
  get owes(): boolean {
    return this.#isReading || this.devices.some((device) => device.owes);
  }

  /** Until everything that was due before the end has been reached. */
  get isReading(): boolean {
    return this.#isReading;
  }

  /** Before they said goodbye, once they have. */
  get connected(): number {
    return this.#connectedAtEnd ?? this.counters.connected;
  }

  get bytesSent(): number {
    return this.devices.reduce((sum, { client }) => sum + client.bytesSent, 0);
  }

  acked(latencyMs: number): void {
    this.#recentAck.record(latencyMs);
  }

  /** Since the last call. */
  takeRecentAck(): LatencyHistogram {
    const recent = this.#recentAck;
    this.#recentAck = new LatencyHistogram();
    return recent;
  }

  /** Nothing is due from `endMs` on, on the run's clock; a later end than before changes nothing. */
  endAt(endMs: number): void {
    if (endMs >= this.#endMs) return;
    this.#endMs = endMs;
    this.#endDeviceMs = this.#clock.toDeviceMs(endMs);
  }

  /** Does what is due, but nothing after `turnEndMs`. True: nothing is due any more. */
  runDue(turnEndMs: number, late: (lateMs: number) => void): boolean {
    if (!this.#isReading) return true;
    const { nowMs } = this.#options;
    const beganMs = nowMs();
    const untilMs = this.#clock.toDeviceMs(beganMs);
    const isAnyDue = () => this.#isStartDue(beganMs) || this.#isDue(untilMs);
    while (this.#isStartDue(beganMs)) {
      this.#startNext();
      if (nowMs() > turnEndMs) return !isAnyDue();
    }
    while (this.#isDue(untilMs)) {
      const dueMs = this.#clock.toRunMs(this.#queue.nextMs);
      const kind = this.#runNext(dueMs);
      const doneMs = nowMs();
      // Thousands that connect at once are slow by themselves: only what is measured from its due time counts.
      if (kind === 'publish') late(doneMs - dueMs);
      if (doneMs > turnEndMs && isAnyDue()) return false;
    }
    if (beganMs >= this.#endMs) this.#stopReading();
    return true;
  }

  #isDue(untilMs: number): boolean {
    const { nextMs } = this.#queue;
    return nextMs <= untilMs && nextMs < this.#endDeviceMs;
  }

  #isStartDue(untilMs: number): boolean {
    const startMs = this.#options.members[this.#steps.length]?.startMs ?? Number.POSITIVE_INFINITY;
    return startMs <= untilMs && startMs < this.#endMs;
  }

  #startNext(): void {
    const { device, connectsAtStart, startMs } = this.#options.members[this.#steps.length]!;
    if (connectsAtStart) device.run(SWITCH_ON, startMs);
    this.#switchOn();
  }

  #switchOn(): void {
    const member = this.#steps.length;
    this.#origins.push(this.#clock.toDeviceMs(this.#options.members[member]!.startMs));
    this.#steps.push(undefined);
    this.#advance(member);
  }

  #runNext(dueMs: number): StepKind {
    const member = this.#queue.pop();
    const done = this.#steps[member]!;
    this.#options.members[member]!.device.run(done, dueMs);
    this.#advance(member);
    return done.kind;
  }

  #advance(member: number): void {
    const step = this.#options.members[member]!.next();
    this.#steps[member] = step;
    if (step !== undefined) this.#queue.push(this.#origins[member]! + step.atMs, member);
  }

  /** Every device loses its connection, and connects again by itself. */
  drop(): void {
    for (const { client } of this.devices) inTurn(() => client.drop());
  }

  /** Whatever is still on the devices, or was due before the end and not reached, is given up. */
  async stop(deadlineMs: number): Promise<void> {
    this.#connectedAtEnd ??= this.counters.connected;
    if (this.#isReading) this.#giveUpUnreached();
    for (const device of this.devices) device.giveUp();
    await Promise.all(this.devices.map(({ client }) => client.disconnect(deadlineMs)));
    for (const { client } of this.devices) client.destroy();
  }

  #stopReading(): void {
    this.#isReading = false;
    for (const device of this.devices) device.stopReading();
  }

  #giveUpUnreached(): void {
    this.#isReading = false;
    this.endAt(this.#options.nowMs());
    const { counters } = this;
    while (this.#isStartDue(this.#endMs)) this.#switchOn();
    while (this.#queue.nextMs < this.#endDeviceMs && counters.unreached < UNREACHED_MAX) {
      const member = this.#queue.pop();
      const { kind } = this.#steps[member]!;
      if (kind === 'publish' || kind === 'hold') counters.unreached++;
      this.#advance(member);
    }
    counters.skipped += counters.unreached;
  }
}
