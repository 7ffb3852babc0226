// Rates as people write them (`2/s`, `10/m`, `0.5/s`, `1/h`, `1/d`), kept as a number per second, and back. A bare
// number is per second. At most six decimals; what is written for a rate that was read is read as the same number,
// to the bit, because both go through the same division.

const unitSeconds: readonly (readonly [unit: string, seconds: number])[] = [
  ['s', 1],
  ['m', 60],
  ['h', 3600],
  ['d', 86_400],
];
const DECIMALS_MAX = 6;

/** Source of the regular expression of a written rate; the JSON Schema uses the same. */
export const ratePattern = `^(\\d{1,9}(?:\\.\\d{1,${DECIMALS_MAX}})?)(?: ?/ ?([smhd]))?$`;
/** For hints. */
export const rateUnits = '/s, /m, /h or /d';

const pattern = new RegExp(ratePattern);

/** A number per second; `undefined` when the text is no rate. */
export function parseRate(text: string): number | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, seconds] = unitSeconds.find(([unit]) => unit === (match[2] ?? 's'))!;
  return Number(match[1]) / seconds;
}

/** In the smallest unit in which it can be written exactly: 2 -> `2/s`, 0.5 -> `0.5/s`, 1/6 -> `10/m`. */
export function formatRate(perSecond: number): string {
  for (const [unit, seconds] of unitSeconds) {
    const count = Number((perSecond * seconds).toFixed(DECIMALS_MAX));
    if (count / seconds === perSecond) return `${count}/${unit}`;
  }
  // A default or a limit that nobody could have written: near enough for a hint.
  return `${perSecond}/s`;
}
