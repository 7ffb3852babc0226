// What a phase and a fault are called in a line of their own, in the plain view and above the live one.

import { formatClock, formatMs } from '../report/number-format.ts';
import type { FaultSpan, PhaseSpan } from '../report/report.ts';
import { padStart, printable } from '../report/text-width.ts';

/** Room for "99:59:59". */
export const CLOCK_COLUMNS = 8;

/** One of no length is a change within another. */
export function phaseLine({ name, fromMs, toMs }: PhaseSpan): string {
  if (toMs <= fromMs) return `${at(fromMs)}  ${printable(name)}`;
  return `${at(fromMs)}  phase ${printable(name)}, for ${formatMs(toMs - fromMs)}`;
}

export function faultLine({ name, fromMs, toMs }: FaultSpan): string {
  if (toMs === null) return `${at(fromMs)}  fault ${printable(name)} begins`;
  if (toMs <= fromMs) return `${at(fromMs)}  fault ${printable(name)}`;
  return `${at(toMs)}  fault ${printable(name)} is over, after ${formatMs(toMs - fromMs)}`;
}

function at(ms: number): string {
  return padStart(formatClock(ms), CLOCK_COLUMNS);
}
