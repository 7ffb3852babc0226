// The fleet: groups of devices, driven by one timer. Every tick lets each device do what has become due; how late
// that was is measured, because a generator that cannot keep up would otherwise look like a slow gateway.

import type { Timer } from '../../config/clock.ts';
import { LatencyHistogram } from '../latency-histogram.ts';
import type { DeviceOutcome } from '../receive/verify.ts';
import type { DeviceGroup } from './device-group.ts';

export interface DeviceFleetOptions {
  groups: readonly DeviceGroup[];
  /** The run's clock. */
  nowMs: () => number;
  after: (delayMs: number, fn: () => void) => Timer;
}

export interface FleetTotals {
  devices: number;
  connected: number;
  connections: number;
  reconnects: number;
  connectRefusals: number;
  sent: number;
  sentQos0: number;
  acked: number;
  refused: number;
  skipped: number;
  givenUp: number;
  unreached: number;
  payloadBytes: number;
  bytesSent: number;
}

const TICK_MS = 5;
/** Sockets get their turn after so long, however much is due. */
const TICK_BUDGET_MS = 20;

export class DeviceFleet {
  readonly groups: readonly DeviceGroup[];
  /** From when a step was due until it was done, over the whole run. */
  readonly lateness = new LatencyHistogram();
  readonly #options: DeviceFleetOptions;
  #timer: Timer | undefined;
  #worstLateMs = 0;
  #ticks = 0;
  #isRunning = false;

  constructor(options: DeviceFleetOptions) {
    this.#options = options;
    this.groups = options.groups;
  }

  start(): void {
    this.#isRunning = true;
    this.#tick();
  }

  /** No readings that are due from then on, on the run's clock; those before are taken, however late. */
  endAt(endMs: number): void {
    for (const group of this.groups) group.endAt(endMs);
  }

  /** Whether some device still has something to send, or to hear about. */
  get owes(): boolean {
    return this.groups.some((group) => group.owes);
  }

  /** At once; says goodbye for all devices. What they still had is counted as skipped. */
  async stop(deadlineMs: number): Promise<void> {
    this.#isRunning = false;
    this.#timer?.clear();
    await Promise.all(this.groups.map((group) => group.stop(deadlineMs)));
  }

  totals(): FleetTotals {
    const totals: FleetTotals = {
      devices: 0,
      connected: 0,
      connections: 0,
      reconnects: 0,
      connectRefusals: 0,
      sent: 0,
      sentQos0: 0,
      acked: 0,
      refused: 0,
      skipped: 0,
      givenUp: 0,
      unreached: 0,
      payloadBytes: 0,
      bytesSent: 0,
    };
    for (const { counters, devices, bytesSent } of this.groups) {
      totals.devices += devices.length;
      totals.bytesSent += bytesSent;
      for (const key of Object.keys(totals) as (keyof FleetTotals)[])
        if (key !== 'devices' && key !== 'bytesSent') totals[key] += counters[key];
    }
    return totals;
  }

  /** By device index. */
  outcomes(): DeviceOutcome[] {
    return this.groups.flatMap(({ devices }) =>
      devices.map(({ acked, refused, sentCount, isQos0 }) => ({ acked, refused, sentCount, qos0: isQos0 })),
    );
  }

  /** The worst since the last call. */
  takeWorstLateMs(): number {
    const worst = this.#worstLateMs;
    this.#worstLateMs = 0;
    return worst;
  }

  #tick(): void {
    const { nowMs, after } = this.#options;
    const endMs = nowMs() + TICK_BUDGET_MS;
    let isDone = true;
    const { length } = this.groups;
    const first = this.#ticks++; // everyone's turn to come first: when there is no time, the others wait
    for (let i = 0; i < length; i++)
      isDone = this.groups[(first + i) % length]!.runDue(endMs, this.#late) && isDone;
    this.#isRunning &&= this.groups.some(({ isReading }) => isReading);
    if (this.#isRunning) this.#timer = after(isDone ? TICK_MS : 0, () => this.#tick());
  }

  readonly #late = (lateMs: number): void => {
    this.lateness.record(lateMs);
    if (lateMs > this.#worstLateMs) this.#worstLateMs = lateMs;
  };
}
