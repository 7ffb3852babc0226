// Bandwidths as people write them - `50kbit/s`, `2.5Mbit/s`, `400kB/s`, `100KiB/s` - as bytes per second, which is what
// the link counts in. Bits come in powers of ten, as everywhere in networks; a number without a unit is refused, for
// nobody can tell bits from bytes.

import { parseQuantity } from '../../config/schema/units.ts';

const BITS: Readonly<Record<string, number>> = { bit: 1, kbit: 1e3, Mbit: 1e6, Gbit: 1e9 };
const RATE = /^(\d{1,12}(?:\.\d{1,3})?) ?([A-Za-z]+)\/s$/;

/** Bytes per second, at least 1; undefined when the text is no bandwidth. */
export function parseDataRate(text: string): number | undefined {
  const match = RATE.exec(text);
  if (match === null) return undefined;
  const [, number, unit] = match;
  const bytesPerSecond = Object.hasOwn(BITS, unit)
    ? Math.round((Number(number) * BITS[unit]) / 8)
    : parseQuantity('bytes', `${number}${unit}`);
  return bytesPerSecond !== undefined && bytesPerSecond >= 1 ? bytesPerSecond : undefined;
}

/** For people: 6250 -> `50 kbit/s`. */
export function formatDataRate(bytesPerSecond: number): string {
  const bits = bytesPerSecond * 8;
  const [unit, factor] = Object.entries(BITS).findLast(([, least]) => bits >= least) ?? ['bit', 1];
  return `${Number((bits / factor).toFixed(2))} ${unit}/s`;
}

export const DATA_RATE_HINT = 'Write a bandwidth such as 50kbit/s, 2Mbit/s or 400kB/s.';
