// Which pictures a run gets, and their lines: rates, backlog, latencies, devices. A latency of 0 in a sample means that
// nothing was measured in that time and becomes a gap; latencies that span decades get a logarithmic scale.

import { rateOverTime } from './rates.ts';
import type { Report, Sample } from './report.ts';
import { type Point, thin } from './thin.ts';
import { isGeneratorLate } from './verdict-words.ts';

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
  const charts = report.verified
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
    lines.push(line('refused', 'red', zerosAsGaps(rateOverTime(samples, 'refused'))));
  }
  return { title: 'Rates', note: 'messages per second', unit: 'rate', scale: 'linear', lines };
}

function backlog(samples: readonly Sample[]): Chart {
  return {
    title: 'Backlog',
    note: 'acknowledged and not yet delivered',
    unit: 'count',
    scale: 'linear',
    lines: [line('backlog', 'amber', valuesOf(samples, 'lag'))],
  };
}

function ackLatency(samples: readonly Sample[]): Chart {
  return latency('Acknowledgement latency', 'from when a message was due to its acknowledgement', [
    line('p99', 'violet', zerosAsGaps(valuesOf(samples, 'ackP99Ms'))),
    line('p50', 'blue', zerosAsGaps(valuesOf(samples, 'ackP50Ms'))),
  ]);
}

function endToEndLatency(samples: readonly Sample[]): Chart {
  return latency('End-to-end latency', 'from when a message was due to its arrival at the upstream end', [
    line('p99', 'violet', zerosAsGaps(valuesOf(samples, 'endToEndP99Ms'))),
    line('p50', 'green', zerosAsGaps(valuesOf(samples, 'endToEndP50Ms'))),
  ]);
}

function latency(title: string, note: string, lines: Line[]): Chart {
  const { lowest, highest } = extentOf(lines);
  const scale = highest >= lowest * LOG_FROM_RATIO ? 'log' : 'linear';
  return { title, note: scale === 'log' ? `${note}; logarithmic` : note, unit: 'ms', scale, lines };
}

function connected(samples: readonly Sample[]): Chart {
  return {
    title: 'Connected devices',
    note: '',
    unit: 'count',
    scale: 'linear',
    lines: [line('connected', 'blue', valuesOf(samples, 'connected'))],
  };
}

function lateness(samples: readonly Sample[]): Chart {
  return {
    title: 'Generator lateness',
    note: 'the simulator itself fell behind: what it measured then includes its own delay',
    unit: 'ms',
    scale: 'linear',
    lines: [line('late', 'red', valuesOf(samples, 'generatorLateMs'))],
  };
}

/** The lowest above 0 (infinite where there is none) and the highest of all lines together. */
export function extentOf(lines: readonly Line[]): { lowest: number; highest: number } {
  let lowest = Number.POSITIVE_INFINITY;
  let highest = 0;
  for (const { points } of lines) {
    for (const { value } of points) {
      if (value === null) continue;
      if (value > 0 && value < lowest) lowest = value;
      if (value > highest) highest = value;
    }
  }
  return { lowest, highest };
}

function valuesOf(samples: readonly Sample[], name: Exclude<keyof Sample, 'phase'>): Point[] {
  return samples.map(({ atMs, [name]: value }) => ({ atMs, value }));
}

/** Where 0 means that there was nothing: a line that is mostly zero would also cover the axis. */
function zerosAsGaps(points: readonly Point[]): Point[] {
  return points.map(({ atMs, value }) => ({ atMs, value: value === 0 ? null : value }));
}

function line(name: string, hue: Line['hue'], points: Point[]): Line {
  return { name, hue, points: thin(points, POINTS_PER_LINE_MAX) };
}
