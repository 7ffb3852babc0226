// Durations, sizes and rates as people write them (`2ms`, `1.5s`, `64KiB`, `4GB`, `10/m`), and back.
// A bare number counts in the unit of the setting's name, which is the smallest one: ms and bytes.
// At most three decimals, and the result is a whole number of ms or bytes, computed without binary fractions;
// anything else is not a quantity: the caller says so, with the hint from here. Rates have rules of their own: rate.ts.

import { formatRate, parseRate, ratePattern, rateUnits } from './rate.ts';

/** A quantity that is a whole number of its smallest unit. */
type WholeKind = 'duration' | 'bytes';

export type QuantityKind = WholeKind | 'rate';

interface Units {
  /** Factor of each accepted spelling, the smallest unit first. */
  readonly factors: ReadonlyMap<string, number>;
  /** Spellings used when writing, the largest first. */
  readonly written: readonly string[];
  /** Spellings named in hints. */
  readonly named: string;
}

const units: Readonly<Record<WholeKind, Units>> = {
  duration: {
    factors: new Map([
      ['ms', 1],
      ['s', 1000],
      ['m', 60_000],
      ['h', 3_600_000],
      ['d', 86_400_000],
    ]),
    written: ['d', 'h', 'm', 's', 'ms'],
    named: 'ms, s, m, h or d',
  },
  bytes: {
    factors: new Map([
      ['B', 1],
      ['KiB', 1024],
      ['MiB', 1024 ** 2],
      ['GiB', 1024 ** 3],
      ['TiB', 1024 ** 4],
      ['KB', 1000],
      ['kB', 1000],
      ['MB', 1000 ** 2],
      ['GB', 1000 ** 3],
      ['TB', 1000 ** 4],
    ]),
    written: ['TiB', 'GiB', 'MiB', 'KiB', 'B'],
    named: 'B, KiB, MiB, GiB, KB, MB or GB',
  },
};

/** Source of the regular expression of a written quantity; the JSON Schema uses the same. */
export function quantityPattern(kind: QuantityKind): string {
  if (kind === 'rate') return ratePattern;
  return `^(\\d{1,15})(?:\\.(\\d{1,3}))? ?(${[...units[kind].factors.keys()].join('|')})?$`;
}

const patterns: Readonly<Record<WholeKind, RegExp>> = {
  duration: new RegExp(quantityPattern('duration')),
  bytes: new RegExp(quantityPattern('bytes')),
};

/** Milliseconds, bytes (whole ones) or a number per second; `undefined` when the text is no such quantity. */
export function parseQuantity(kind: QuantityKind, text: string): number | undefined {
  if (kind === 'rate') return parseRate(text);
  const match = patterns[kind].exec(text);
  if (!match) return undefined;
  const thousandths = BigInt(match[1]!) * 1000n + BigInt((match[2] ?? '').padEnd(3, '0'));
  const scaled = thousandths * BigInt(units[kind].factors.get(match[3] ?? '') ?? 1);
  if (scaled % 1000n !== 0n) return undefined;
  const value = scaled / 1000n;
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}

/** The shortest exact spelling: 1500 -> `1500ms`, 60000 -> `1m`, 1048576 -> `1MiB`. */
export function formatQuantity(kind: QuantityKind, value: number): string {
  if (kind === 'rate') return formatRate(value);
  const { factors, written } = units[kind];
  const smallest = written[written.length - 1]!;
  const unit = value === 0 ? smallest : written.find((name) => value % factors.get(name)! === 0);
  return unit === undefined ? `${value}${smallest}` : `${value / factors.get(unit)!}${unit}`;
}

/** Units for hints: "ms, s, m, h or d". */
export function quantityUnits(kind: QuantityKind): string {
  return kind === 'rate' ? rateUnits : units[kind].named;
}
