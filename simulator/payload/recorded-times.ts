// When each record of a file was taken, in ms since 1970: read once for all devices and kept, 8 bytes a record, so
// that to find the next step reads no file. Within a recorded device, and in the whole file where there are none,
// no time may be less than the one before.

import type { Recording } from './recording.ts';

export interface TimeSettings {
  timeColumn: string;
  /** Of a time that is a number. */
  timeUnit: 'ms' | 's';
}

const withoutZone = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?$/;

export class RecordedTimes {
  /** Of the whole file. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly #times: number[] = [];

  constructor(recording: Recording, { timeColumn, timeUnit }: TimeSettings) {
    let [firstMs, lastMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const { object, line } of recording.records()) {
      const timeMs = timeOf(object[timeColumn], timeUnit);
      if (timeMs === undefined)
        throw recording.fault(`has no time under ${JSON.stringify(timeColumn)}`, line);
      firstMs = Math.min(firstMs, timeMs);
      lastMs = Math.max(lastMs, timeMs);
      this.#times.push(timeMs);
    }
    this.firstMs = firstMs;
    this.lastMs = lastMs;
    this.#checkOrder(recording);
  }

  /** By the record's place in the file. */
  at(index: number): number {
    return this.#times[index];
  }

  #checkOrder(recording: Recording): void {
    const everyone = Array.from(this.#times.keys());
    let first = Number.POSITIVE_INFINITY;
    for (const own of recording.devices.length > 0 ? recording.devices : [everyone]) {
      const wrong = own.find((index, i) => i > 0 && this.at(index) < this.at(own[i - 1]));
      first = Math.min(first, wrong ?? first);
    }
    if (first === Number.POSITIVE_INFINITY) return;
    const line = recording.lineOf(first);
    throw recording.fault('is earlier than the record before it', line, 'Sort the file by time.');
  }
}

function timeOf(value: unknown, unit: 'ms' | 's'): number | undefined {
  if (typeof value === 'number')
    return Number.isFinite(value) ? value * (unit === 's' ? 1000 : 1) : undefined;
  if (typeof value !== 'string') return undefined;
  const parsed = Date.parse(
    withoutZone.test(value) ? `${value.replace(' ', 'T')}${value.length > 10 ? 'Z' : ''}` : value,
  );
  return Number.isNaN(parsed) ? undefined : parsed;
}
