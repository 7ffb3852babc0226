// `npm run bench`: measures the gateway and, in alternation on the same machine, a mosquitto that it starts
// itself. One JSON document on standard output, one table on standard error. Flags: options.ts; one measure
// per file in measures/. Nothing it starts outlives it.

import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type { BenchContext, Measure } from './bench-context.ts';
import { ChildProcesses } from './child-processes.ts';
import { telemetry } from './encode.ts';
import { Mqload } from './load.ts';
import { describeMachine, describeVersions } from './machine.ts';
import { admission } from './measures/admission.ts';
import { backlog } from './measures/backlog.ts';
import { disk } from './measures/disk.ts';
import { drain } from './measures/drain.ts';
import { fairness } from './measures/fairness.ts';
import { forwarding } from './measures/forwarding.ts';
import { ingest } from './measures/ingest.ts';
import { kill } from './measures/kill.ts';
import { latency } from './measures/latency.ts';
import { memory } from './measures/memory.ts';
import { type BenchOptions, parseOptions } from './options.ts';
import { type MeasureReport, markdownOf, type Report, targetsOf } from './report.ts';
import { installedMosquitto } from './servers.ts';

const MEASURES: readonly Measure[] = [
  ingest,
  admission,
  fairness,
  latency,
  disk,
  forwarding,
  drain,
  backlog,
  memory,
  kill,
  telemetry,
];

const options = parseOptions(
  process.argv.slice(2),
  MEASURES.map(({ name }) => name),
);
if ('exitCode' in options) {
  process.stderr.write(options.text);
  process.exitCode = options.exitCode;
} else {
  await main(options);
}

async function main(options: BenchOptions): Promise<void> {
  const startMs = performance.now();
  const machine = describeMachine(options.directory ?? tmpdir());
  const context = contextOf(options);
  const { mosquittoVersion } = context;
  if (mosquittoVersion === null) context.say('mosquitto is not installed: only the gateway is measured');
  if (machine.fileSystem === 'tmpfs') context.say('the data is on a tmpfs: give --directory on a real disk');
  const measures: MeasureReport[] = [];
  for (const measure of MEASURES) {
    if (options.measures.includes(measure.name)) measures.push(await reportOf(measure, context));
  }
  const { rounds, seconds, backlogRecords, outageRecords } = options;
  const report: Report = {
    benchmark: 'sluice',
    date: new Date().toISOString(),
    tookSeconds: (performance.now() - startMs) / 1000,
    machine,
    versions: describeVersions(mosquittoVersion),
    options: { rounds, seconds, backlogRecords, outageRecords, measures: options.measures },
    targets: targetsOf(measures),
    measures,
  };
  write(report, options);
  if (measures.some(({ failed }) => failed !== undefined)) process.exitCode = 1;
}

function contextOf(options: BenchOptions): BenchContext {
  const children = new ChildProcesses(options.directory);
  return {
    options,
    children,
    load: new Mqload(children),
    mosquittoVersion: installedMosquitto(),
    say: (line) => process.stderr.write(`bench, ${Math.round(performance.now() / 1000)} s: ${line}\n`),
  };
}

/** A measure that fails says so in its place; the others are still worth having. */
async function reportOf(measure: Measure, context: BenchContext): Promise<MeasureReport> {
  const { name } = measure;
  try {
    return { name, notes: [], ...(await measure.run(context)) };
  } catch (error) {
    const failed = error instanceof Error ? error.message : String(error);
    context.say(`${name} failed: ${failed}`);
    return { name, figures: [], rounds: [], notes: [], failed };
  }
}

function write(report: Report, { jsonFile, markdownFile }: BenchOptions): void {
  const json = `${JSON.stringify(report, null, 2)}\n`;
  if (jsonFile === undefined) process.stdout.write(json);
  else writeFileSync(jsonFile, json);
  const markdown = markdownOf(report);
  process.stderr.write(`\n${markdown}`);
  if (markdownFile !== undefined) writeFileSync(markdownFile, markdown);
}
