// `npm run outages`: the same scenarios against Sluice and against a mosquitto that bridges to another mosquitto,
// and what each made of them, side by side, as test/bench/OUTAGES.md has it. Each scenario runs as a command of
// its own, in turn, on one machine, so that nothing of one run is left in the next.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { LatencySummary, Report } from '../../simulator/report/report.ts';
import { describeMachine, machineText } from './machine.ts';

const CLI = fileURLToPath(new URL('../../gateway/cli.ts', import.meta.url));
const SCENARIOS = ['twelve-day-outage', 'kill-in-outage', 'flapping-link', 'slow-cloud', 'reconnect-storm'];
const PRODUCTS = ['sluice', 'mosquitto'] as const;
type Product = (typeof PRODUCTS)[number];

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    markdown: { type: 'string' },
    json: { type: 'string' },
  },
});

interface Run {
  scenario: string;
  product: Product;
  report: Report;
}

const directory = mkdtempSync(join(tmpdir(), 'sluice-outages-'));
const machine = describeMachine(directory);
const runs: Run[] = [];
for (const scenario of values.only ?? SCENARIOS)
  for (const product of PRODUCTS) {
    process.stderr.write(`${scenario}, ${product}\n`);
    runs.push({ scenario, product, report: await reportOf(scenario, product) });
  }
rmSync(directory, { recursive: true });
const text = markdownOf(runs);
process.stdout.write(text);
if (values.markdown !== undefined) writeFileSync(values.markdown, text);
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(runs.map(withoutSamples), null, 1));

async function reportOf(scenario: string, product: Product): Promise<Report> {
  const file = join(directory, `${scenario}-${product}.json`);
  const against = product === 'sluice' ? [] : ['--against', product];
  const args = [CLI, 'simulate', scenario, ...against, '--plain', '--report', file];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  await once(child, 'exit'); // the exit code is the verdict: a failed check is a result
  return JSON.parse(readFileSync(file, 'utf8')) as Report;
}

function withoutSamples({ scenario, product, report }: Run): object {
  return { product, ...report, scenario, samples: undefined };
}

function markdownOf(all: readonly Run[]): string {
  const date = new Date().toISOString().slice(0, 10);
  const systems = PRODUCTS.flatMap((product) => {
    const report = all.find((run) => run.product === product)?.report;
    return report === undefined
      ? []
      : [`- ${product}: ${report.system.gateway}; upstream: ${report.system.upstream}`];
  });
  const head = [
    'scenario',
    'product',
    'acked',
    'lost',
    'again, new name',
    'again, same name',
    'reordered',
    'drain',
    'live p99 while draining',
    'ack p99',
  ];
  const rows = all.map(({ scenario, product, report: { totals } }) => [
    scenario,
    product,
    count(totals.acked),
    count(totals.lost),
    count(totals.duplicatesNewName),
    count(totals.duplicatesSameName),
    count(totals.reordered),
    totals.drainMs === null ? '' : ms(totals.drainMs),
    p99(totals.liveWhileDraining),
    p99(totals.ack),
  ]);
  const table = [head, head.map((_, i) => (i < 2 ? '---' : '--:')), ...rows].map(
    (row) => `| ${row.join(' | ')} |`,
  );
  return [
    `Measured ${date} by \`npm run outages\`.`,
    '',
    `- Machine: ${machineText(machine)}`,
    ...systems,
    '',
    ...table,
    '',
  ].join('\n');
}

function count(number: number): string {
  return number.toLocaleString('en');
}

function ms(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

function p99(latency: LatencySummary | null): string {
  return latency === null || latency.count === 0 ? '' : ms(latency.p99);
}
