// One frame of the live view: a state as lines no wider than the terminal. A line is built of pieces, each text with a
// colour, and cut to the width before it is painted, so that no escape sequence is ever cut. No output here.

import {
  formatClock,
  formatCount,
  formatMs,
  formatRate,
  formatShare,
  NOTHING,
} from '../report/number-format.ts';
import type { FaultSpan } from '../report/report.ts';
import { clip, padEnd, padStart, printable, textWidth } from '../report/text-width.ts';
import { isGeneratorLate } from '../report/verdict-words.ts';
import { phaseNames, progressBar, sparkline } from './bars.ts';
import type { Colour, Paint } from './paint.ts';
import type { LiveState } from './run-view.ts';

type Piece = [Colour, string];

/** Of the last minutes, one a second. */
export interface History {
  delivered: readonly number[];
  lag: readonly number[];
}

const NAME_COLUMNS = 12;
const COUNT_COLUMNS = 14;
const RATE_COLUMNS = 12;
const LATENCY_COLUMNS = 12;
/** Of a phase beyond the plan, beside the time. */
const PHASE_COLUMNS_MAX = 20;
const FAULTS_SHOWN_MAX = 4;

export interface FrameOptions {
  columns: number;
  paint: Paint;
}

export function drawFrame(state: LiveState, history: History, options: FrameOptions): string[] {
  const { columns } = options;
  return [
    ...headLines(state, columns),
    [],
    ...countLines(state, history, columns),
    [],
    ...latencyLines(state),
    [],
    ...noteLines(state),
  ].map((pieces) => paintLine(pieces, options));
}

/** Cuts to `columns`, then paints. */
export function paintLine(pieces: readonly Piece[], { columns, paint }: FrameOptions): string {
  let line = '';
  let room = columns;
  for (const [colour, piece] of pieces) {
    const shown = clip(printable(piece), room);
    line += paint(colour, shown);
    room -= textWidth(shown);
    if (room <= 0 || shown !== printable(piece)) break;
  }
  return line;
}

function headLines(
  { scenario, phases, phase, durationMs, elapsedMs }: LiveState,
  columns: number,
): Piece[][] {
  const share = durationMs > 0 ? elapsedMs / durationMs : 0;
  const isPlanned = phases.some(({ name }) => name === phase);
  const beyond = isPlanned ? 'longer than planned' : clip(printable(phase), PHASE_COLUMNS_MAX);
  const left = elapsedMs > durationMs ? beyond : formatShare(elapsedMs, durationMs).replace(/\.\d+/, '');
  const time = `${formatClock(elapsedMs)} of ${formatClock(durationMs)}  ${left}`;
  const name = clip(printable(scenario), Math.max(0, columns - textWidth(time) - 1));
  const bar = progressBar(
    share,
    phases.map(({ fromMs }) => ({ share: fromMs / Math.max(1, durationMs) })),
    columns,
  );
  return [
    [
      ['bold', name],
      ['plain', ' '.repeat(Math.max(1, columns - textWidth(name) - textWidth(time)))],
      ['plain', time],
    ],
    [
      ['cyan', bar.done],
      ['dim', bar.rest],
    ],
    phaseNames(phases, durationMs, columns).map(
      (cell, i): Piece => [phases[i].name === phase ? 'bold' : 'dim', cell],
    ),
  ];
}

function countLines(
  { sample, perSecond, devices, totals, isVerified }: LiveState,
  history: History,
  columns: number,
): Piece[][] {
  const sparkColumns = columns - NAME_COLUMNS - COUNT_COLUMNS - RATE_COLUMNS - 2;
  const count = (name: string, value: number, rate: number | null, colour: Colour = 'plain'): Piece[] => [
    ['dim', padEnd(name, NAME_COLUMNS)],
    [colour, padStart(formatCount(value), COUNT_COLUMNS)],
    ['plain', padStart(rate === null ? '' : formatRate(rate), RATE_COLUMNS)],
  ];
  const spark = (values: readonly number[], colour: Colour): Piece => [
    colour,
    `  ${sparkline(values, sparkColumns)}`,
  ];
  /** What only the upstream end can tell. */
  const far = (name: string, [value, rate]: [number, number | null], line: Piece): Piece[] =>
    isVerified
      ? [...count(name, value, rate), line]
      : [...count(name, Number.NaN, null), ['dim', '  not verified']];
  const { connected } = sample;
  const reconnects = totals.reconnects > 0 ? `, ${formatCount(totals.reconnects)} reconnects` : '';
  return [
    [
      ...count('connected', connected, null, connected < devices ? 'yellow' : 'plain'),
      ['dim', `  of ${formatCount(devices)}${reconnects}`],
    ],
    count('sent', sample.sent, perSecond.sent),
    count('acked', sample.acked, perSecond.acked),
    count('refused', sample.refused, perSecond.refused, sample.refused > 0 ? 'red' : 'dim'),
    far('delivered', [sample.delivered, perSecond.delivered], spark(history.delivered, 'green')),
    far('lag', [sample.lag, null], spark(history.lag, 'yellow')),
  ];
}

function latencyLines({ sample }: LiveState): Piece[][] {
  const row = (name: string, p50: number, p99: number): Piece[] => [
    ['dim', padEnd(name, NAME_COLUMNS)],
    ['plain', padStart(latency(p50), COUNT_COLUMNS)],
    ['plain', padStart(latency(p99), LATENCY_COLUMNS)],
  ];
  return [
    [
      [
        'dim',
        `${' '.repeat(NAME_COLUMNS)}${padStart('p50', COUNT_COLUMNS)}${padStart('p99', LATENCY_COLUMNS)}`,
      ],
    ],
    row('ack', sample.ackP50Ms, sample.ackP99Ms),
    row('end to end', sample.endToEndP50Ms, sample.endToEndP99Ms),
  ];
}

/** What is odd; always two lines, so that the frame does not jump. */
function noteLines({ totals, faults, elapsedMs, sample, isVerified }: LiveState): Piece[][] {
  const known = (count: number): string => formatCount(isVerified ? count : Number.NaN); // a dash
  const odd: Piece[] = [['dim', padEnd('so far', NAME_COLUMNS)]];
  odd.push(['plain', `again ${known(totals.duplicatesSameName)} same name, `]);
  odd.push([totals.duplicatesNewName > 0 ? 'red' : 'plain', `${known(totals.duplicatesNewName)} new name`]);
  odd.push([totals.reordered > 0 ? 'red' : 'plain', `  reordered ${known(totals.reordered)}`]);
  odd.push(['plain', `  skipped ${formatCount(totals.skipped)}`]);
  const now: Piece[] = [['dim', padEnd('faults', NAME_COLUMNS)], ...faultPieces(faults, elapsedMs)];
  const lines = [odd, now];
  if (isGeneratorLate(sample.generatorLateMs)) {
    const late = formatMs(sample.generatorLateMs);
    lines.push([['yellow', `The generator is ${late} late: latencies include its own delay.`]]);
  }
  return lines;
}

function faultPieces(faults: readonly FaultSpan[], elapsedMs: number): Piece[] {
  if (faults.length === 0) return [['dim', 'none']];
  const pieces = faults.slice(0, FAULTS_SHOWN_MAX).flatMap(({ name, fromMs }): Piece[] => [
    ['alert', ` ${name} ${formatClock(Math.max(0, elapsedMs - fromMs))} `],
    ['plain', ' '],
  ]);
  const more = faults.length - FAULTS_SHOWN_MAX;
  return more > 0 ? [...pieces, ['red', `and ${more} more`]] : pieces;
}

function latency(ms: number): string {
  return ms > 0 ? formatMs(ms) : NOTHING;
}
