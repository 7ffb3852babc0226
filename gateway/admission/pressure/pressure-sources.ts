// Where pressure comes from: each source is a number from 0 (none) to 1 (nothing goes any more), made from what was
// measured and nothing else. Pressure as a whole is the largest of them (pressure-gauge.ts).
//
// Appends that find no room, and full batches, count for at most SATURATED: a gateway that is only busy reads less,
// which harms nobody; what lies above is for trouble that reading less does not end by itself.

export const pressureSources = [
  'stalls',
  'batches',
  'commit',
  'buffer',
  'disk',
  'event-loop',
  'memory',
] as const;
export type PressureSource = (typeof pressureSources)[number];

export const SATURATED = 0.6;
/** Of buffer.minFreeDiskBytes: with so much more free, the disk is no source of pressure. */
const DISK_AMPLE = 4;

/** `share` of the last seconds in which appends found no room. */
export function stallPressure(share: number): number {
  return SATURATED * bounded(share);
}

/** Bytes in the batch that is being filled and in the one on its way to the disk, of commit.bytesMax each. */
export function batchPressure(bytes: number, commitBytesMax: number): number {
  return SATURATED * bounded(bytes / (2 * commitBytesMax));
}

/** How long commits take, and how long the one in flight has taken so far. */
export function commitPressure(recentMs: number, inFlightMs: number, commitMsMax: number): number {
  return bounded(Math.max(recentMs, inFlightMs) / commitMsMax);
}

/** How long the store has waited for room so far: in the end nothing goes any more, whatever was measured. */
export function waitPressure(waitMs: number, commitMsMax: number): number {
  return bounded(waitMs / commitMsMax);
}

/** Share of the buffer's room that holds what cannot be deleted. */
export function bufferPressure(fill: number): number {
  return bounded(fill);
}

/** 0 with four times buffer.minFreeDiskBytes free, 1 with no more than that; without such a bound there is none. */
export function diskPressure(freeBytes: number, freeBytesMin: number): number {
  if (freeBytesMin === 0) return 0;
  return bounded((DISK_AMPLE * freeBytesMin - freeBytes) / ((DISK_AMPLE - 1) * freeBytesMin));
}

export function eventLoopPressure(delayMs: number, delayMsMax: number): number {
  return bounded(delayMs / delayMsMax);
}

export function memoryPressure(residentBytes: number, memoryBytesMax: number): number {
  return bounded(residentBytes / memoryBytesMax);
}

/**
 * The exponential average of `value` over about `timeMs`, `elapsedMs` after it was `average`.
 */
export function smoothed(average: number, value: number, { elapsedMs, timeMs }: Smoothing): number {
  return average + (value - average) * -Math.expm1(-elapsedMs / timeMs);
}

export interface Smoothing {
  elapsedMs: number;
  timeMs: number;
}

/** What cannot be measured (NaN) is no pressure. */
function bounded(share: number): number {
  return share > 0 ? Math.min(share, 1) : 0;
}
