// Takes the figures of a run every so often: the fleet's side from its counters, the far end's from the receiver.

import type { DeviceFleet } from '../fleet/device-fleet.ts';
import { LatencyHistogram } from '../latency-histogram.ts';
import type { ReceiverSnapshot } from '../receive/receiver-messages.ts';
import type { PhaseOfGroup, Sample } from '../report/report.ts';
import { PhaseLatencies } from './phase-latencies.ts';

export interface SamplerOptions {
  fleet: DeviceFleet;
  /** By group: false for those whose messages are never acknowledged. */
  isAccounted: readonly boolean[];
  nowMs: () => number;
  /** As of now; undefined when nothing is verified. */
  snapshot: () => Promise<ReceiverSnapshot | undefined>;
}

const BUSY_SHARE = 0.95;
const BUSY_TIME_SHARE = 0.2;
/** Less says nothing: a thread is always busy while it does something. */
const BUSY_MS_MIN = 1000;

export class Sampler {
  readonly samples: Sample[] = [];
  readonly #options: SamplerOptions;
  #latest: ReceiverSnapshot | undefined;
  #latestAskedAtMs = 0;
  #busyMs = 0;
  readonly #phases: PhaseLatencies;
  /** Since the last sample. */
  #recentAck = new LatencyHistogram();

  constructor(options: SamplerOptions) {
    this.#options = options;
    this.#phases = new PhaseLatencies(options.fleet.groups.length);
  }

  get latest(): ReceiverSnapshot | undefined {
    return this.#latest;
  }

  /** On the run's clock. */
  get latestAskedAtMs(): number {
    return this.#latestAskedAtMs;
  }

  /** Whether the receiver had no time left for much of the run: then arrivals are its own pace. */
  get isReceiverBusy(): boolean {
    const runMs = this.samples.at(-1)?.atMs ?? 0;
    return this.#busyMs >= BUSY_MS_MIN && this.#busyMs > BUSY_TIME_SHARE * runMs;
  }

  /** A phase begins, and with it the one before it is over. */
  enter(phase: string): void {
    this.#collect();
    this.#phases.enter(phase, this.#options.nowMs());
  }

  /** The last one is over. */
  leave(): void {
    this.#collect();
    this.#phases.leave(this.#options.nowMs());
  }

  /** Of the group with this index. */
  phasesOf(group: number): PhaseOfGroup[] {
    return this.#phases.of(group);
  }

  #collect(): void {
    for (const [g, group] of this.#options.fleet.groups.entries()) {
      const ack = group.takeRecentAck();
      this.#recentAck.merge(ack);
      this.#phases.add(g, ack);
    }
  }

  async take(phase: string): Promise<Sample> {
    const { fleet, nowMs, snapshot } = this.#options;
    const askedAtMs = nowMs();
    this.#latest = await snapshot();
    if ((this.#latest?.busyShare ?? 0) > BUSY_SHARE) this.#busyMs += askedAtMs - this.#latestAskedAtMs;
    this.#latestAskedAtMs = askedAtMs;
    const totals = fleet.totals();
    this.#collect();
    const ack = this.#recentAck;
    this.#recentAck = new LatencyHistogram();
    const recent = this.#latest?.recent;
    const sample: Sample = {
      atMs: nowMs(),
      phase,
      connected: totals.connected,
      sent: totals.sent + totals.sentQos0,
      acked: totals.acked,
      refused: totals.refused,
      delivered: this.#latest?.delivered ?? 0,
      lag: this.lag,
      ackP50Ms: ack.percentileMs(0.5),
      ackP99Ms: ack.percentileMs(0.99),
      endToEndP50Ms: recent?.p50 ?? 0,
      endToEndP99Ms: recent?.p99 ?? 0,
      generatorLateMs: fleet.takeWorstLateMs(),
    };
    this.samples.push(sample);
    return sample;
  }

  /** Acknowledged by now, and not delivered when the receiver was last asked. */
  get lag(): number {
    const delivered = this.#latest?.deliveredByGroup;
    if (delivered === undefined) return 0;
    const { fleet, isAccounted } = this.#options;
    return fleet.groups.reduce(
      (lag, { counters }, g) =>
        lag + (isAccounted[g] ? Math.max(0, counters.acked - (delivered[g] ?? 0)) : 0),
      0,
    );
  }
}
