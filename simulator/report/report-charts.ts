// Which pictures a run gets, and their lines: rates, backlog, latencies, devices. A latency of 0 in a sample means that
// nothing was measured in that time and becomes a gap; latencies that span decades get a logarithmic scale.

import { rateOverTime } from './rates.ts';
import type { Report, Sample } from './report.ts';
import { type Point, thin } from './thin.ts';
import { isGeneratorLate, wasVerified } from './verdict-words.ts';

export const POINTS_PER_LINE_MAX = 1000;
/** From this ratio of the highest to the lowest on, a linear scale would flatten the low ones. */
const LOG_FROM_RATIO = 20;

export type Unit = 'rate' | 'count' | 'ms';

export interface Line {
  name: string;
  /** Names a colour of the style. */
  hue: 'grey' | 'blue' | 'green' | 'red' | 'amber' | 'violet';
  points: Point[];
}

export interface Chart {
  title: string;
  /** What the lines mean, a few words. */
  note: string;
  unit: Unit;
  scale: 'linear' | 'log';
  /** Drawn in this order: the last lies on top. */
  lines: Line[];
}

export function chartsOf(report: Report): Chart[] {
  const { samples } = report;
  if (samples.length === 0) return [];
  const charts = wasVerified(report.totals)
    ? [rates(samples, true), backlog(samples), ackLatency(samples), endToEndLatency(samples)]
    : [rates(samples, false), ackLatency(samples)];
  charts.push(connected(samples));
  if (samples.some(({ generatorLateMs }) => isGeneratorLate(generatorLateMs))) charts.push(lateness(samples));
  return charts;
}

function rates(samples: readonly Sample[], withDelivered: boolean): Chart {
  const lines: Line[] = [
    line('sent', 'grey', rateOverTime(samples, 'sent')),
    line('acked', 'blue', rateOverTime(samples, 'acked')),
  ];
  if (withDelivered) lines.push(line('delivered', 'green', rateOverTime(samples, 'delivered')));
  if (samples.some(({ refused }) => refused > 0)) {
    lines.push(line('refused', 'red', withoutZeros(rateOverTime(samples, 'refused'))));
  }
  return { title: 'Rates', note: 'messages per second', unit: 'rate', scale: 'linear', lines };
}

/** A line that is mostly zero would cover the axis. */
function withoutZeros(points: readonly Point[]): Point[] {
  return points.map(({ atMs, value }) => ({ atMs, value: value === 0 ? null : value }));
}

function backlog(samples: readonly Sample[]): Chart {
  const points = samples.map(({ atMs, lag }) => ({ atMs, value: lag }));
  return {
    title: 'Backlog',
    note: 'acknowledged and not yet delivered',
    unit: 'count',
    scale: 'linear',
    lines: [line('backlog', 'amber', points)],
  };
}

function ackLatency(samples: readonly Sample[]): Chart {
  return latency('Acknowledgement latency', 'from when a message was due to its acknowledgement', [
    line('p99', 'violet', measured(samples, 'ackP99Ms')),
    line('p50', 'blue', measured(samples, 'ackP50Ms')),
  ]);
}

function endToEndLatency(samples: readonly Sample[]): Chart {
  return latency('End-to-end latency', 'from when a message was due to its arrival at the upstream end', [
    line('p99', 'violet', measured(samples, 'endToEndP99Ms')),
    line('p50', 'green', measured(samples, 'endToEndP50Ms')),
  ]);
}

function latency(title: string, note: string, lines: Line[]): Chart {
  const values = lines.flatMap(({ points }) =>
    points.flatMap(({ value }) => (value === null ? [] : [value])),
  );
  const lowest = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const highest = values.reduce((most, value) => Math.max(most, value), 0);
  const scale = highest >= lowest * LOG_FROM_RATIO ? 'log' : 'linear';
  return { title, note: scale === 'log' ? `${note}; logarithmic` : note, unit: 'ms', scale, lines };
}

function connected(samples: readonly Sample[]): Chart {
  const points = samples.map((sample) => ({ atMs: sample.atMs, value: sample.connected }));
  return {
    title: 'Connected devices',
    note: '',
    unit: 'count',
    scale: 'linear',
    lines: [line('connected', 'blue', points)],
  };
}

function lateness(samples: readonly Sample[]): Chart {
  const points = samples.map((sample) => ({ atMs: sample.atMs, value: sample.generatorLateMs }));
  return {
    title: 'Generator lateness',
    note: 'the simulator itself fell behind: what it measured then includes its own delay',
    unit: 'ms',
    scale: 'linear',
    lines: [line('late', 'red', points)],
  };
}

function measured(
  samples: readonly Sample[],
  name: 'ackP50Ms' | 'ackP99Ms' | 'endToEndP50Ms' | 'endToEndP99Ms',
) {
  return samples.map(({ atMs, [name]: value }) => ({ atMs, value: value > 0 ? value : null }));
}

function line(name: string, hue: Line['hue'], points: Point[]): Line {
  return { name, hue, points: thin(points, POINTS_PER_LINE_MAX) };
}
