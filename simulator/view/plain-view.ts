// A run as lines of text for logs and pipes: one a second of the run's clock, one for each phase and fault, and at the
// end the report's lines. No colours, no cursor, nothing to put back.

import {
  formatClock,
  formatCompact,
  formatCount,
  formatMs,
  formatRate,
  NOTHING,
} from '../report/number-format.ts';
import type { FaultSpan, PhaseSpan, Report } from '../report/report.ts';
import { reportLines } from '../report/report-lines.ts';
import { padStart } from '../report/text-width.ts';
import { isGeneratorLate } from '../report/verdict-words.ts';
import { CLOCK_COLUMNS, faultLine, phaseLine } from './event-lines.ts';
import type { LiveState, RunView, ViewOutput } from './run-view.ts';

const EVERY_MS = 1000;
/** Samples that come every second come a little early or late. */
const EARLY_MS = 100;

export class PlainView implements RunView {
  readonly #out: ViewOutput;
  #lastAtMs = Number.NEGATIVE_INFINITY;

  constructor(out: ViewOutput) {
    this.#out = out;
  }

  phase(span: PhaseSpan): void {
    this.#write(phaseLine(span));
  }

  fault(span: FaultSpan): void {
    this.#write(faultLine(span));
  }

  sample(state: LiveState): void {
    if (state.sample.atMs < this.#lastAtMs + EVERY_MS - EARLY_MS) return;
    this.#lastAtMs = state.sample.atMs;
    this.#write(sampleLine(state));
  }

  finish(report: Report): void {
    this.#write('');
    for (const line of reportLines(report)) this.#write(line);
  }

  [Symbol.dispose](): void {
    // Holds nothing.
  }

  #write(line: string): void {
    this.#out.write(`${line}\n`);
  }
}

function sampleLine({ sample, perSecond, devices, isVerified }: LiveState): string {
  const known = (count: number): number => (isVerified ? count : Number.NaN); // a dash
  const parts = [
    padStart(formatClock(sample.atMs), CLOCK_COLUMNS),
    `up ${padStart(`${sample.connected}/${devices}`, 9)}`,
    `sent ${withRate(sample.sent, perSecond.sent)}`,
    `acked ${withRate(sample.acked, perSecond.acked)}`,
    `delivered ${withRate(known(sample.delivered), known(perSecond.delivered))}`,
    `lag ${padStart(formatCompact(known(sample.lag)), 6)}`,
    `ack p99 ${padStart(latency(sample.ackP99Ms), 8)}`,
    `end to end p99 ${padStart(latency(sample.endToEndP99Ms), 8)}`,
  ];
  if (sample.refused > 0) parts.push(`refused ${formatCount(sample.refused)}`);
  if (isGeneratorLate(sample.generatorLateMs))
    parts.push(`generator ${formatMs(sample.generatorLateMs)} late`);
  return parts.join('  ');
}

function withRate(count: number, perSecond: number): string {
  const rate = Number.isNaN(perSecond) ? '' : `+${formatRate(perSecond)}`;
  return `${padStart(formatCompact(count), 6)} ${padStart(rate, 9)}`;
}

function latency(ms: number): string {
  return ms > 0 ? formatMs(ms) : NOTHING;
}
