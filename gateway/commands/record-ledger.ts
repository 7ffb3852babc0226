// Which records have arrived, by their names (gateway, lane, offset): tells new ones from duplicates at once, and gaps
// when it is asked, because a gap can still be filled by a redelivery that comes late.
//
// Memory is bounded by a number of intervals over all lanes. Beyond it the ledger forgets the oldest interval of the
// lane that grew, and does not follow lanes that are one too many: it may then take a late duplicate for new, never
// new for a duplicate, and says so by `exact`.

import { OffsetIntervals, type OffsetRange } from './offset-intervals.ts';

export type { OffsetRange } from './offset-intervals.ts';

export const LEDGER_INTERVALS_MAX = 10_000;
/** Gaps that a summary lists for each lane; all are counted. */
const GAPS_LISTED_MAX = 20;

export interface LedgerEntry {
  /** The offsets that had not been there before, in order. */
  new: OffsetRange[];
  /** How many of them had. */
  duplicates: number;
}

export interface LaneSummary {
  gateway: string;
  lane: string;
  /** Lowest and highest offset seen. */
  firstOffset: number;
  lastOffset: number;
  /** Different records. */
  records: number;
  duplicates: number;
  /** Ranges of offsets between the lowest and the highest that never came, and how many offsets they are. */
  gaps: number;
  missing: number;
  /** Names in between that the gateway says it left out, so that none is given twice; no gap. */
  leftOut: number;
  /** The first gaps as [from, to). */
  firstGaps: OffsetRange[];
}

interface Lane {
  gateway: string;
  lane: string;
  intervals: OffsetIntervals;
  leftOut: OffsetIntervals;
  firstOffset: number;
  lastOffset: number;
  records: number;
  duplicates: number;
  forgottenIntervals: number;
}

export class RecordLedger {
  readonly #gateways = new Map<string, Map<string, Lane>>();
  readonly #intervalsMax: number;
  #intervals = 0;
  #laneCount = 0;
  #exact = true;

  constructor(intervalsMax: number = LEDGER_INTERVALS_MAX) {
    this.#intervalsMax = intervalsMax;
  }

  /**
   * False once intervals had to be forgotten: from then on duplicates, gaps and missing records are
   * estimates.
   */
  get exact(): boolean {
    return this.#exact;
  }

  /** Enters `count` records of consecutive offsets. */
  add(gateway: string, lane: string, firstOffset: number, count: number): LedgerEntry {
    if (count === 0) return { new: [], duplicates: 0 };
    const entry = this.#laneOf(gateway, lane) ?? this.#open(gateway, lane, firstOffset);
    if (entry === undefined) return { new: [{ from: firstOffset, to: firstOffset + count }], duplicates: 0 };
    const before = entry.intervals.size;
    const added = entry.intervals.add(firstOffset, firstOffset + count);
    this.#intervals += entry.intervals.size - before;
    if (this.#intervals > this.#intervalsMax) this.#forgetOldest(entry);
    let newCount = 0;
    for (const range of added) newCount += range.to - range.from;
    entry.records += newCount;
    entry.duplicates += count - newCount;
    entry.firstOffset = Math.min(entry.firstOffset, firstOffset);
    entry.lastOffset = Math.max(entry.lastOffset, firstOffset + count - 1);
    return { new: added, duplicates: count - newCount };
  }

  /**
   * The gateway left out these names of a lane that has been seen. Where there is no room to remember it they count as
   * missing.
   */
  leaveOut(gateway: string, lane: string, { from, to }: OffsetRange): void {
    const entry = this.#laneOf(gateway, lane);
    if (entry === undefined) return;
    if (this.#intervals >= this.#intervalsMax) {
      this.#exact = false;
      return;
    }
    const before = entry.leftOut.size;
    entry.leftOut.add(from, to);
    this.#intervals += entry.leftOut.size - before;
  }

  /** Gaps of all lanes as of now, how many records they are, and how many names are no gap. */
  gaps(): { gaps: number; missing: number; leftOut: number } {
    const total = { gaps: 0, missing: 0, leftOut: 0 };
    for (const lane of this.#lanes()) {
      const { gaps, missing, leftOut } = absentOf(lane, lane.firstOffset);
      total.gaps += gaps;
      total.missing += missing;
      total.leftOut += leftOut;
    }
    return total;
  }

  /**
   * One entry per lane, in the order in which the lanes were first seen. `fromStart`: what is before the first offset
   * seen counts as missing too.
   */
  summary({ fromStart = false } = {}): LaneSummary[] {
    return Array.from(this.#lanes(), (lane) => ({
      gateway: lane.gateway,
      lane: lane.lane,
      firstOffset: lane.firstOffset,
      lastOffset: lane.lastOffset,
      records: lane.records,
      duplicates: lane.duplicates,
      ...absentOf(lane, fromStart ? 0 : lane.firstOffset),
    }));
  }

  *#lanes(): Generator<Lane> {
    for (const lanes of this.#gateways.values()) yield* lanes.values();
  }

  #laneOf(gateway: string, lane: string): Lane | undefined {
    return this.#gateways.get(gateway)?.get(lane);
  }

  #open(gateway: string, lane: string, firstOffset: number): Lane | undefined {
    if (this.#laneCount === this.#intervalsMax) {
      this.#exact = false;
      return undefined;
    }
    this.#laneCount++;
    const lanes = this.#gateways.get(gateway) ?? new Map<string, Lane>();
    this.#gateways.set(gateway, lanes);
    const numbers = {
      firstOffset,
      lastOffset: firstOffset,
      records: 0,
      duplicates: 0,
      forgottenIntervals: 0,
    };
    const entry: Lane = {
      gateway,
      lane,
      intervals: new OffsetIntervals(),
      leftOut: new OffsetIntervals(),
      ...numbers,
    };
    lanes.set(lane, entry);
    return entry;
  }

  #forgetOldest(lane: Lane): void {
    lane.intervals.dropLowest();
    lane.forgottenIntervals++;
    this.#intervals--;
    this.#exact = false;
  }
}

/**
 * What has not come from `start` on. Forgotten intervals are taken to have had a gap behind each of them; `missing` is
 * never negative, though duplicates of forgotten records count as records.
 */
function absentOf(
  lane: Lane,
  start: number,
): Pick<LaneSummary, 'gaps' | 'missing' | 'leftOut' | 'firstGaps'> {
  const firstGaps: OffsetRange[] = [];
  let gaps = lane.forgottenIntervals;
  let leftOut = 0;
  for (const { from, to } of unseen(lane, start)) {
    leftOut += to - from;
    for (const gap of lane.leftOut.outside(from, to)) {
      gaps++;
      leftOut -= gap.to - gap.from;
      if (firstGaps.length < GAPS_LISTED_MAX) firstGaps.push(gap);
    }
  }
  const missing = Math.max(0, lane.lastOffset + 1 - start - lane.records - leftOut);
  return { gaps, missing, leftOut, firstGaps };
}

function* unseen({ intervals, firstOffset }: Lane, start: number): Generator<OffsetRange> {
  if (start < firstOffset) yield { from: start, to: firstOffset };
  let end: number | undefined;
  for (const { from, to } of intervals.ranges()) {
    if (end !== undefined) yield { from: end, to: from };
    end = to;
  }
}
