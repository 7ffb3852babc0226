// Pictures of one line: a progress bar with the phases in it, and a sparkline.

import type { PhaseSpan } from '../report/report.ts';
import { clip, padEnd, printable } from '../report/text-width.ts';

const LEVELS = '▁▂▃▄▅▆▇█';

/** The last `columns` values, scaled from 0 to their highest; a zero is the lowest bar, never nothing. */
export function sparkline(values: readonly number[], columns: number): string {
  const shown = values.slice(-Math.max(0, columns));
  if (columns <= 0) return '';
  const highest = shown.reduce((most, value) => Math.max(most, value), 0);
  return shown
    .map((value) => {
      if (!(value > 0)) return LEVELS[0];
      return LEVELS[Math.max(1, Math.round((value / highest) * (LEVELS.length - 1)))];
    })
    .join('');
}

export interface Progress {
  done: string;
  rest: string;
}

/** Both parts together are `columns` wide; where a phase begins there is a mark. */
export function progressBar(share: number, phases: readonly { share: number }[], columns: number): Progress {
  const cells = Math.max(0, columns);
  const filled = Math.round(Math.min(1, Math.max(0, share)) * cells);
  const marks = new Set(phases.map((phase) => Math.round(phase.share * cells)).filter((cell) => cell > 0));
  const cell = (i: number, plain: string, mark: string) => (marks.has(i) ? mark : plain);
  return {
    done: Array.from({ length: filled }, (_, i) => cell(i, '━', '╋')).join(''),
    rest: Array.from({ length: cells - filled }, (_, i) => cell(i + filled, '─', '┼')).join(''),
  };
}

/** The names under the bar, each in the room of its phase; one that has next to none is left out. */
export function phaseNames(phases: readonly PhaseSpan[], durationMs: number, columns: number): string[] {
  const edge = (ms: number) => Math.round(Math.min(1, ms / Math.max(1, durationMs)) * columns);
  let cursor = 0;
  return phases.map(({ name, fromMs }, i) => {
    const from = Math.max(cursor, edge(fromMs));
    const to = Math.max(from, i + 1 < phases.length ? edge(phases[i + 1].fromMs) : columns);
    const room = to - from - 1;
    const shown = room >= 3 ? clip(printable(name), room) : '';
    const cell = ' '.repeat(from - cursor) + padEnd(shown, to - from);
    cursor = to;
    return cell;
  });
}
