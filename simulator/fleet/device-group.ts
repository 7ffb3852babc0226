// The devices of one group of the scenario: their common time, who is due next, and what they have done.

import { LatencyHistogram } from '../latency-histogram.ts';
import type { ProfileStep, StepKind } from '../profile/profile.ts';
import { DueQueue } from './due-queue.ts';
import { GroupClock } from './group-clock.ts';
import type { GroupCounters } from './group-counters.ts';
import type { SimulatedDevice } from './simulated-device.ts';

export interface GroupDevice {
  device: SimulatedDevice;
  next: () => ProfileStep | undefined;
  /** When it is switched on: its profile's time begins there. */
  startMs: number;
  /** Connects when it is switched on; otherwise its profile says when. */
  connectsAtStart: boolean;
}

export interface DeviceGroupOptions {
  name: string;
  counters: GroupCounters;
  members: readonly GroupDevice[];
  nowMs: () => number;
}

const SWITCH_ON: ProfileStep = { atMs: 0, kind: 'connect' };

export class DeviceGroup {
  readonly name: string;
  readonly counters: GroupCounters;
  readonly devices: readonly SimulatedDevice[];
  readonly clock = new GroupClock();
  readonly #options: DeviceGroupOptions;
  readonly #queue = new DueQueue();
  readonly #steps: (ProfileStep | undefined)[];
  #recentAck = new LatencyHistogram();
  #connectedAtEnd: number | undefined;

  constructor(options: DeviceGroupOptions) {
    this.#options = options;
    this.name = options.name;
    this.counters = options.counters;
    this.devices = options.members.map(({ device }) => device);
    this.#steps = options.members.map(({ connectsAtStart, next }, member) => {
      const first = connectsAtStart ? SWITCH_ON : next();
      if (first !== undefined) this.#queue.push(options.members[member]!.startMs + first.atMs, member);
      return first;
    });
  }

  get owes(): boolean {
    return this.devices.some((device) => device.owes);
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

  /** Does what is due, but nothing after `endMs`. True: nothing is due any more. */
  runDue(endMs: number, late: (lateMs: number) => void): boolean {
    const { nowMs } = this.#options;
    let now = nowMs();
    const untilMs = this.clock.toDeviceMs(now);
    while (this.#queue.nextMs <= untilMs) {
      const dueMs = this.clock.toRunMs(this.#queue.nextMs);
      const kind = this.#runNext(dueMs);
      now = nowMs();
      // Thousands that connect at once are slow by themselves: only what is measured from its due time counts.
      if (kind === 'publish') late(now - dueMs);
      if (now > endMs) return this.#queue.nextMs > untilMs;
    }
    return true;
  }

  #runNext(dueMs: number): StepKind {
    const member = this.#queue.pop();
    const { device, next, startMs } = this.#options.members[member]!;
    const done = this.#steps[member]!;
    device.run(done, dueMs);
    const step = next();
    this.#steps[member] = step;
    if (step !== undefined) this.#queue.push(startMs + step.atMs, member);
    return done.kind;
  }

  /** Every device loses its connection, and connects again by itself. */
  drop(): void {
    for (const { client } of this.devices) client.drop();
  }

  stopReading(): void {
    for (const device of this.devices) device.stopReading();
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#connectedAtEnd ??= this.counters.connected;
    for (const device of this.devices) device.giveUp();
    await Promise.all(this.devices.map(({ client }) => client.disconnect(deadlineMs)));
    for (const { client } of this.devices) client.destroy();
  }
}
