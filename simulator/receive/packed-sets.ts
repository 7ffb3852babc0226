// Many interval sets as two arrays, so that those of a whole fleet go from thread to thread in one message with two
// transfers instead of thousands.

import { IntervalSet } from './interval-set.ts';

export interface PackedSets {
  /** Of all sets, one after the other (IntervalSet.toBounds). */
  bounds: Float64Array<ArrayBuffer>;
  /** How many intervals each set has. */
  intervals: Uint32Array<ArrayBuffer>;
}

export function packSets(sets: readonly IntervalSet[]): PackedSets {
  const intervals = Uint32Array.from(sets, (set) => set.intervals);
  const bounds = new Float64Array(2 * intervals.reduce((sum, count) => sum + count, 0));
  let at = 0;
  for (const set of sets) {
    bounds.set(set.toBounds(), at);
    at += 2 * set.intervals;
  }
  return { bounds, intervals };
}

export function unpackSets({ bounds, intervals }: PackedSets): IntervalSet[] {
  let at = 0;
  return Array.from(intervals, (count) => {
    const set = IntervalSet.fromBounds(bounds.slice(at, at + 2 * count));
    at += 2 * count;
    return set;
  });
}

/** For postMessage's list. */
export function buffersOf({ bounds, intervals }: PackedSets): ArrayBuffer[] {
  return [bounds.buffer, intervals.buffer];
}
