// What has arrived at the upstream end, by device and sequence and by record name (gateway, lane, offset), in
// intervals only: memory grows with what is missing or out of order, not with what arrives.
//
//   sequence   name                        is
//   new        new, or there are none      a first delivery
//   new        seen                        a first delivery, and a name reused for another message
//   seen       seen                        a duplicate under the same name
//   seen       new, or there are none      a duplicate under a new name
//   seen       seen, of another message    a name reused for another message
//
// The last needs to be known by which message a name was seen, which costs memory for every record (`owners`);
// without, one that comes again under the name of another is taken for a duplicate under the same name. Beyond a
// number of intervals nothing is entered that would need another one; what could not be judged is counted, and
// `isComplete` is false from then on: losses are then too high by that much at most.

import { LatencyHistogram } from '../latency-histogram.ts';
import type { Mark } from '../mark.ts';
import type { LatencySummary } from '../report/report.ts';
import { IntervalSet } from './interval-set.ts';
import { NameOwners } from './name-owners.ts';

export const INTERVALS_MAX = 2_000_000;
export const LANES_MAX = 256;
const EXAMPLES_MAX = 10;

export const ARRIVAL_FAULTS = [
  'duplicatesSameName',
  'duplicatesNewName',
  'namesReused',
  'reordered',
  'unaccounted',
] as const;
export type ArrivalFault = (typeof ARRIVAL_FAULTS)[number];

export interface ArrivalTotals extends Record<ArrivalFault, number> {
  /** Different messages of this run. */
  delivered: number;
  /** By index of group. */
  deliveredByGroup: number[];
  /** Messages without a mark, or with one of another run or of a device that is none. */
  foreign: number;
  /** First deliveries, since live-from was set last, of what was due before it. */
  backlogDelivered: number;
  /** When the last of them came, on the run's clock; null when none did. */
  backlogLastAtMs: number | null;
  isComplete: boolean;
  intervals: number;
}

export interface MessageName {
  device: number;
  sequence: number;
}

export interface ArrivalAccountOptions {
  /** Marks of other runs are foreign. */
  run: string;
  /** The group's index for each device of the fleet; its length is the number of devices. */
  groupOfDevice: Uint16Array;
  intervalsMax?: number;
  /** Of each fault. */
  examplesMax?: number;
  /** Records of each lane whose names are remembered with their messages; default 0. */
  ownersMax?: number;
}

/** One lane of one gateway, to be had from `laneOf`. */
export interface LaneArrivals {
  readonly name: string;
  /** null: its records have no names, or it is one lane too many. */
  readonly offsets: IntervalSet | null;
  readonly owners: NameOwners;
  /** By device, the highest sequence that came by this lane as a first delivery; -1 for none. */
  readonly highest: Float64Array;
}

export interface LaneSummary {
  name: string;
  /** Different ones of this run. */
  records: number;
  /** Offsets below the highest that have not come: not of this run, dropped by a policy, or lost. */
  missing: number;
}

/** May be one object that is used again and again. */
export interface Arrival {
  mark: Mark | undefined;
  lane: LaneArrivals;
  /** Of no meaning where there are no names. */
  offset: number;
  /** On the run's clock. */
  receivedAtMs: number;
}

const Fate = { new: 0, seen: 1, noRoom: 2, nameless: 3 } as const;
type Fate = (typeof Fate)[keyof typeof Fate];

export class ArrivalAccount {
  /** Where no record has a name. */
  readonly nameless: LaneArrivals;
  readonly #surplus: LaneArrivals;
  readonly #run: string;
  readonly #groupOfDevice: Uint16Array;
  readonly #intervalsMax: number;
  readonly #examplesMax: number;
  readonly #ownersMax: number;
  readonly #delivered: IntervalSet[];
  readonly #lanes = new Map<string, LaneArrivals>();
  readonly #counts: Record<ArrivalFault | 'delivered' | 'foreign', number>;
  readonly #deliveredByGroup: number[];
  readonly #examples: Record<ArrivalFault, MessageName[]>;
  readonly #latencies: LatencyHistogram[];
  readonly #recent = new LatencyHistogram();
  readonly #live = new LatencyHistogram();
  #intervals = 0;
  #isComplete = true;
  #liveFromMs: number | null = null;
  #backlogDelivered = 0;
  #backlogLastAtMs: number | null = null;

  constructor(options: ArrivalAccountOptions) {
    const { run, groupOfDevice, intervalsMax = INTERVALS_MAX, examplesMax = EXAMPLES_MAX } = options;
    this.#ownersMax = options.ownersMax ?? 0;
    this.#run = run;
    this.#groupOfDevice = groupOfDevice;
    this.#intervalsMax = intervalsMax;
    this.#examplesMax = examplesMax;
    this.#delivered = Array.from(groupOfDevice, () => new IntervalSet());
    const groups = groupOfDevice.reduce((highest, group) => Math.max(highest, group), 0) + 1;
    this.#latencies = Array.from({ length: groups }, () => new LatencyHistogram());
    this.#deliveredByGroup = Array.from({ length: groups }, () => 0);
    const faults = {
      duplicatesSameName: 0,
      duplicatesNewName: 0,
      namesReused: 0,
      reordered: 0,
      unaccounted: 0,
    };
    this.#counts = { ...faults, delivered: 0, foreign: 0 };
    this.#examples = Object.fromEntries(ARRIVAL_FAULTS.map((fault) => [fault, []] as const)) as never;
    this.nameless = this.#createLane('', null);
    this.#surplus = this.#createLane('(more lanes)', null);
  }

  /** By name, `<gateway>/<lane>`; for the caller to keep, so that it is looked up once for many records. */
  laneOf(name: string): LaneArrivals {
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    if (this.#lanes.size >= LANES_MAX) return this.#surplus;
    const lane = this.#createLane(name, new IntervalSet());
    this.#lanes.set(name, lane);
    return lane;
  }

  enter({ mark, lane, offset, receivedAtMs }: Arrival): void {
    if (mark === undefined || mark.run !== this.#run || mark.device >= this.#delivered.length) {
      this.#counts.foreign++;
      return;
    }
    const sequenceFate = this.#add(this.#delivered[mark.device], mark.sequence);
    const nameFate = this.#addName(lane, offset);
    const isAnothers = lane.offsets !== null && !lane.owners.claim(offset, mark);
    if (sequenceFate === Fate.new) this.#enterFirst(mark, lane, receivedAtMs);
    if (sequenceFate === Fate.noRoom || nameFate === Fate.noRoom) this.#setUnaccounted(mark);
    else if (nameFate === Fate.seen && (sequenceFate === Fate.new || isAnothers))
      this.#count('namesReused', mark);
    else if (sequenceFate === Fate.seen)
      this.#count(nameFate === Fate.seen ? 'duplicatesSameName' : 'duplicatesNewName', mark);
  }

  /** While it is set, latencies of what was due from then on are also entered among the live ones. */
  set liveFromMs(liveFromMs: number | null) {
    this.#liveFromMs = liveFromMs;
    if (liveFromMs === null) return;
    this.#backlogDelivered = 0;
    this.#backlogLastAtMs = null;
  }

  /** Sequences of a device that have arrived. Not to be changed. */
  deliveredOf(device: number): IntervalSet {
    return this.#delivered[device];
  }

  groupOf(device: number): number {
    return this.#groupOfDevice[device];
  }

  totals(): ArrivalTotals {
    return {
      ...this.#counts,
      deliveredByGroup: [...this.#deliveredByGroup],
      backlogDelivered: this.#backlogDelivered,
      backlogLastAtMs: this.#backlogLastAtMs,
      isComplete: this.#isComplete,
      intervals: this.#intervals,
    };
  }

  /** The first of each fault. */
  examples(): Record<ArrivalFault, MessageName[]> {
    return structuredClone(this.#examples);
  }

  /** Of lanes with names. */
  lanes(): LaneSummary[] {
    const summaries = Array.from(this.#lanes.values(), ({ name, offsets }) => ({
      name,
      records: offsets!.size,
      missing: offsets!.end - offsets!.size,
    }));
    return summaries.filter(({ records }) => records > 0);
  }

  /** End to end, of first deliveries, from when the message was due. */
  latency(): { all: LatencySummary; byGroup: LatencySummary[]; live: LatencySummary | null } {
    const all = new LatencyHistogram();
    for (const histogram of this.#latencies) all.merge(histogram);
    return {
      all: all.summary(),
      byGroup: this.#latencies.map((histogram) => histogram.summary()),
      live: this.#live.count === 0 ? null : this.#live.summary(),
    };
  }

  /** Since the last call. */
  takeRecentLatency(): LatencySummary {
    const summary = this.#recent.summary();
    this.#recent.clear();
    return summary;
  }

  #createLane(name: string, offsets: IntervalSet | null): LaneArrivals {
    const highest = new Float64Array(this.#delivered.length).fill(-1);
    return { name, offsets, owners: new NameOwners(this.#ownersMax), highest };
  }

  #enterFirst({ device, sequence, timeMs }: Mark, lane: LaneArrivals, receivedAtMs: number): void {
    const group = this.#groupOfDevice[device];
    this.#counts.delivered++;
    this.#deliveredByGroup[group]++;
    const latencyMs = receivedAtMs - timeMs;
    this.#latencies[group].record(latencyMs);
    this.#recent.record(latencyMs);
    if (this.#liveFromMs !== null) this.#enterWhileDraining(timeMs, receivedAtMs);
    // Lanes that are not told apart have no order among them.
    if (sequence > lane.highest[device]) lane.highest[device] = sequence;
    else if (lane !== this.#surplus) this.#count('reordered', { device, sequence });
  }

  #enterWhileDraining(timeMs: number, receivedAtMs: number): void {
    if (timeMs >= (this.#liveFromMs as number)) this.#live.record(receivedAtMs - timeMs);
    else {
      this.#backlogDelivered++;
      this.#backlogLastAtMs = receivedAtMs;
    }
  }

  #addName(lane: LaneArrivals, offset: number): Fate {
    if (lane.offsets !== null) return this.#add(lane.offsets, offset);
    return lane === this.#surplus ? Fate.noRoom : Fate.nameless;
  }

  #add(set: IntervalSet, number: number): Fate {
    if (this.#intervals >= this.#intervalsMax && set.wouldGrow(number)) return Fate.noRoom;
    const before = set.intervals;
    const isNew = set.add(number);
    this.#intervals += set.intervals - before;
    return isNew ? Fate.new : Fate.seen;
  }

  #setUnaccounted(mark: Mark): void {
    this.#isComplete = false;
    this.#count('unaccounted', mark);
  }

  #count(fault: ArrivalFault, { device, sequence }: MessageName): void {
    this.#counts[fault]++;
    const examples = this.#examples[fault];
    if (examples.length < this.#examplesMax) examples.push({ device, sequence });
  }
}
