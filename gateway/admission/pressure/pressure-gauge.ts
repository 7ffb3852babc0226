// One number from what is measured: keeps what has to be remembered between two samples (averages, totals), and says
// which source is the largest. Pure: time and measurements are handed in.

import type { CommitLoad } from '../../../storage/group-commit.ts';
import {
  batchPressure,
  bufferPressure,
  commitPressure,
  diskPressure,
  eventLoopPressure,
  memoryPressure,
  type PressureSource,
  pressureSources,
  smoothed,
  stallPressure,
  waitPressure,
} from './pressure-sources.ts';

/** What counts as much; units are in the names. */
export interface PressureBounds {
  commitMs: number;
  eventLoopMs: number;
  memoryBytesMax: number;
  /** commit.bytesMax, buffer.minFreeDiskBytes */
  commitBytesMax: number;
  minFreeDiskBytes: number;
}

/** What is not asked for with every sample, because it costs a system call or another thread's time. */
export interface SlowReadings {
  /** StoreStatus. */
  fill: number;
  freeDiskBytes: number;
  residentBytes: number;
}

const SMOOTHING_MS = 2000;

export class PressureGauge {
  readonly levels: { [source in PressureSource]: number };
  value = 0;
  source: PressureSource = pressureSources[0];
  #bounds: PressureBounds;
  #slow: SlowReadings | null = null;
  #last: CommitLoad | null = null;
  #lastMs = 0;
  #stallShare = 0;
  #batchBytes = 0;
  #commitMs = 0;
  #delayMs = 0;

  constructor(bounds: PressureBounds) {
    this.#bounds = bounds;
    this.levels = Object.fromEntries(pressureSources.map((source) => [source, 0])) as typeof this.levels;
  }

  set bounds(bounds: PressureBounds) {
    this.#bounds = bounds;
  }

  /** Holds until the next one. */
  slow(readings: SlowReadings): void {
    this.#slow = readings;
  }

  /** `delayMs`: so much later than it was due is this sample taken. */
  sample(load: CommitLoad, delayMs: number, nowMs: number): void {
    const elapsedMs = nowMs - this.#lastMs;
    if (this.#last !== null && elapsedMs > 0) this.#average(load, this.#last, elapsedMs);
    this.#last = load;
    this.#lastMs = nowMs;
    // A delay is over when it shows: it is remembered for a while.
    this.#delayMs = Math.max(delayMs, this.#decayed(this.#delayMs, elapsedMs));
    this.#judge(load);
  }

  #average(load: CommitLoad, last: CommitLoad, elapsedMs: number): void {
    const smoothing = { elapsedMs, timeMs: SMOOTHING_MS };
    const noRoomShare = (load.noRoomMs - last.noRoomMs) / elapsedMs;
    this.#stallShare = smoothed(this.#stallShare, noRoomShare, smoothing);
    this.#batchBytes = smoothed(this.#batchBytes, load.openBytes + load.inFlightBytes, smoothing);
    const commits = load.commits - last.commits;
    if (commits > 0) {
      const meanMs = (load.commitMs - last.commitMs) / commits;
      // A commit that took long weighs as much as the time that it took.
      const span = { ...smoothing, elapsedMs: Math.max(elapsedMs, meanMs) };
      this.#commitMs = smoothed(this.#commitMs, meanMs, span);
    } else if (load.inFlightMs === 0) {
      this.#commitMs = this.#decayed(this.#commitMs, elapsedMs); // nothing to do: how it was says less and less
    }
  }

  #decayed(value: number, elapsedMs: number): number {
    return smoothed(value, 0, { elapsedMs, timeMs: SMOOTHING_MS });
  }

  #judge({ inFlightMs, stall }: CommitLoad): void {
    const { levels } = this;
    const bounds = this.#bounds;
    levels.stalls = stallPressure(this.#stallShare);
    levels.batches = batchPressure(this.#batchBytes, bounds.commitBytesMax);
    // A commit that waits for room says nothing of the disk's speed: how long it waits counts for what is full.
    levels.commit = commitPressure(this.#commitMs, stall === null ? inFlightMs : 0, bounds.commitMs);
    levels.buffer = stall === 'buffer-full' ? waitPressure(inFlightMs, bounds.commitMs) : 0;
    levels.disk = stall === 'disk-full' ? waitPressure(inFlightMs, bounds.commitMs) : 0;
    levels['event-loop'] = eventLoopPressure(this.#delayMs, bounds.eventLoopMs);
    if (this.#slow !== null) {
      const { fill, freeDiskBytes } = this.#slow;
      levels.buffer = Math.max(levels.buffer, bufferPressure(fill));
      levels.disk = Math.max(levels.disk, diskPressure(freeDiskBytes, bounds.minFreeDiskBytes));
      levels.memory = memoryPressure(this.#slow.residentBytes, bounds.memoryBytesMax);
    }
    this.value = 0;
    for (const source of pressureSources) {
      if (levels[source] <= this.value) continue;
      this.value = levels[source];
      this.source = source;
    }
  }
}
