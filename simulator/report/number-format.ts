// Numbers as people read them, the same in the page, the last lines and the live view: thousands apart, at most three
// figures of a latency, units behind a space. What cannot be said (nothing was measured) is a dash, never a zero.

import type { LatencySummary } from './report.ts';

export const NOTHING = '–';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const grouped = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 });

/** "1,234,567" */
export function formatCount(count: number): string {
  return Number.isFinite(count) ? grouped.format(count).replace('-0', '0') : NOTHING;
}

/** "950", "12.5k", "3M": for axes and narrow places. */
export function formatCompact(count: number): string {
  if (!Number.isFinite(count)) return NOTHING;
  const rounded = threeFigures(count);
  const size = Math.abs(rounded);
  if (size >= 1e9) return `${threeFigures(rounded / 1e9)}G`;
  if (size >= 1e6) return `${threeFigures(rounded / 1e6)}M`;
  if (size >= 1e4) return `${threeFigures(rounded / 1e3)}k`;
  return size >= 1000 ? grouped.format(rounded) : String(rounded);
}

/** "1,234/s", "0.25/s" */
export function formatRate(perSecond: number): string {
  if (!Number.isFinite(perSecond)) return NOTHING;
  return Math.abs(perSecond) >= 100 ? `${formatCount(perSecond)}/s` : `${threeFigures(perSecond)}/s`;
}

/** A latency or a length of time: "0.43 ms", "87 ms", "4.83 s", "2 min 5 s", "3 d 4 h". */
export function formatMs(ms: number): string {
  if (!Number.isFinite(ms)) return NOTHING;
  const rounded = threeFigures(ms);
  if (Math.abs(rounded) < SECOND_MS) return `${rounded} ms`;
  const seconds = threeFigures(ms / SECOND_MS);
  if (Math.abs(seconds) < 60) return `${seconds} s`;
  if (Math.round(ms / SECOND_MS) * SECOND_MS < HOUR_MS)
    return twoUnits(ms, [MINUTE_MS, 'min', SECOND_MS, 's']);
  if (Math.round(ms / MINUTE_MS) * MINUTE_MS < DAY_MS) return twoUnits(ms, [HOUR_MS, 'h', MINUTE_MS, 'min']);
  return twoUnits(ms, [DAY_MS, 'd', HOUR_MS, 'h']);
}

function twoUnits(ms: number, [largeMs, large, smallMs, small]: [number, string, number, string]): string {
  const smalls = Math.round(ms / smallMs);
  const perLarge = largeMs / smallMs;
  const rest = smalls % perLarge;
  return `${Math.floor(smalls / perLarge)} ${large}${rest === 0 ? '' : ` ${rest} ${small}`}`;
}

/** A time on the run's clock: "0:47", "1:02:03", "2d 03:00:00"; tenths of a second where asked for. */
export function formatClock(ms: number, withTenths = false): string {
  if (!Number.isFinite(ms)) return NOTHING;
  const tenths = withTenths ? Math.round(ms / 100) : Math.floor(ms / SECOND_MS) * 10;
  const seconds = Math.floor(tenths / 10);
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  const fraction = withTenths ? `.${tenths % 10}` : '';
  const below = `${twoDigits(seconds % 60)}${fraction}`;
  if (days > 0) return `${days}d ${twoDigits(hours)}:${twoDigits(minutes)}:${below}`;
  return hours > 0 ? `${hours}:${twoDigits(minutes)}:${below}` : `${minutes}:${below}`;
}

/** "87 B", "1.21 MB": powers of 1000. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return NOTHING;
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = threeFigures(bytes);
  let unit = 0;
  while (Math.abs(value) >= 1000 && unit < units.length - 1) {
    value = threeFigures(value / 1000);
    unit++;
  }
  return `${value} ${units[unit]}`;
}

/** "99.99 %": cut, not rounded, so that 100 % means all. */
export function formatShare(part: number, whole: number): string {
  if (!(whole > 0) || !Number.isFinite(part)) return NOTHING;
  return `${Math.floor((part / whole) * 10_000) / 100} %`;
}

/** One figure of a summary; a dash when nothing was measured. */
export function formatLatency(
  summary: LatencySummary,
  figure: Exclude<keyof LatencySummary, 'count'>,
): string {
  return summary.count > 0 ? formatMs(summary[figure]) : NOTHING;
}

function threeFigures(value: number): number {
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(3));
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
