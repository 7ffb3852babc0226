// The result of a run: one JSON document for programs, one table in Markdown for people.

import { type Machine, machineText } from './machine.ts';
import type { BenchOptions } from './options.ts';
import type { Figure, Target } from './statistics.ts';

export interface MeasureReport {
  name: string;
  figures: Figure[];
  rounds: readonly unknown[];
  notes: readonly string[];
  /** Why there are no figures. */
  failed?: string;
}

export interface Report {
  benchmark: 'sluice';
  date: string;
  tookSeconds: number;
  machine: Machine;
  versions: Record<string, string | null>;
  options: Pick<BenchOptions, 'rounds' | 'seconds' | 'backlogRecords' | 'outageRecords' | 'measures'>;
  targets: { met: number; missed: number };
  measures: MeasureReport[];
}

export function targetsOf(measures: readonly MeasureReport[]): Report['targets'] {
  const judged = measures.flatMap(({ figures }) => figures.map(({ met }) => met));
  return {
    met: judged.filter((met) => met === true).length,
    missed: judged.filter((met) => met === false).length,
  };
}

export function markdownOf(report: Report): string {
  const { date, machine, versions, options, measures, tookSeconds, targets } = report;
  const { rounds, seconds } = options;
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version ?? '-'}`);
  const figures = measures.flatMap((measure) => measure.figures);
  return [
    `Measured ${date.slice(0, 10)} by \`npm run bench\` in ${Math.round(tookSeconds)} s: medians of ` +
      `${rounds} rounds of ${seconds} s, load generator on the same cores; 100-byte payloads, QoS 1.`,
    '',
    `- Machine: ${machineText(machine)}`,
    `- Versions: ${packages.join(', ')}`,
    `- Targets: ${targets.met} met, ${targets.missed} missed`,
    '',
    '| what | unit | sluice | mosquitto | ratio | target | met |',
    '|---|---|--:|--:|--:|---|---|',
    ...figures.map(rowOf),
    '',
    ...measures.flatMap(({ failed, name }) =>
      failed === undefined ? [] : [`- **${name} failed:** ${failed}`],
    ),
    ...measures.flatMap(({ notes }) => notes.map((note) => `- ${note}`)),
    '',
  ].join('\n');
}

function rowOf({ what, unit, sluice, mosquitto, ratio, target, met }: Figure): string {
  const cells = [
    what,
    unit,
    spread(sluice),
    mosquitto === null ? '' : spread(mosquitto),
    ratio === null ? '' : ratio.toFixed(2),
    target === null ? '' : targetText(target),
    met === null ? '' : met ? 'yes' : '**no**',
  ];
  return `| ${cells.join(' | ')} |`;
}

/** The median, and the range where rounds differ. */
function spread({ rounds, median }: { rounds: readonly number[]; median: number }): string {
  const low = digits(Math.min(...rounds));
  const high = digits(Math.max(...rounds));
  return low === high ? digits(median) : `${digits(median)} (${low} to ${high})`;
}

function digits(value: number): string {
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(size >= 10 ? 1 : size === 0 ? 0 : 2);
}

function targetText({ of, is, value }: Target): string {
  const bound = `${is === 'at-least' ? '≥' : '≤'} ${value.toLocaleString('en')}`;
  return of === 'ratio' ? `${bound} x` : bound;
}
