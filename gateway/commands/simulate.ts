// `sluice simulate`: drives a fleet of devices through a scenario, does harm on the way, and says what arrived.
// The exit code is the verdict: 0 pass, 1 fail, 2 inconclusive.

import { readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { renderProblems } from '../../config/check.ts';
import { SluiceError } from '../../config/errors.ts';
import { renderHtml } from '../../simulator/report/html-report.ts';
import type { Report } from '../../simulator/report/report.ts';
import { runScenario } from '../../simulator/run/run-scenario.ts';
import { type LoadedScenario, loadScenario } from '../../simulator/scenario/load-scenario.ts';
import { type QuickOptions, quickScenario } from '../../simulator/scenario/quick-scenario.ts';
import { createView, viewKindFor } from '../../simulator/view/create-view.ts';
import { runInForeground } from './foreground.ts';
import { registerSimulateProxy } from './simulate-proxy.ts';
import { startSystem } from './simulate-system.ts';

interface Options extends QuickOptions {
  json?: boolean;
  plain?: boolean;
  report?: string;
  html?: string;
}

const EXIT_CODES = { pass: 0, fail: 1, inconclusive: 2 } as const;
const SCENARIOS = fileURLToPath(new URL('../../simulator/scenarios/', import.meta.url));

export function registerSimulate(program: Command): void {
  const simulate = program
    .command('simulate')
    .description('Drive simulated devices through a scenario and prove what arrived.')
    .argument('[scenario]', 'scenario file, or the name of one of those that come along')
    .option('--to <url>', 'gateway that runs already (without a scenario file)', 'mqtt://127.0.0.1:1883')
    .option('--verify <url>', 'broker upstream at which its messages arrive')
    .option('--devices <n>', 'devices', '100')
    .option(
      '--rate <rate>',
      'messages of one device, such as 2/s; max: as fast as acknowledgements come',
      '1/s',
    )
    .option('--for <duration>', 'how long', '30s')
    .option('--qos <n>', '0, 1 or 2', '1')
    .option('--size <bytes>', 'size of a payload', '100')
    .option('--window <n>', 'unacknowledged messages of one device', '20')
    .option('--lean', 'raw sockets instead of the mqtt package: more load for less CPU')
    .option('--seed <n>', 'the same seed gives the same messages', '1')
    .option('--json', 'one JSON object a line, for machines')
    .option('--plain', 'plain lines, also in a terminal')
    .option('--report <file>', 'write the report as JSON')
    .option('--html <file>', 'write the report as a page that opens offline')
    .addHelpText('after', helpText)
    .action(async (name: string | undefined, options: Options) => {
      const isQuick = process.argv.some((word) => /^--(to|verify|devices|rate|for)\b/.test(word));
      if (name === undefined && !isQuick) process.stdout.write(listText());
      else await runInForeground((signal) => run(name, options, signal));
    });
  registerSimulateProxy(simulate);
}

async function run(name: string | undefined, options: Options, signal: AbortSignal): Promise<number> {
  const file = name === undefined ? null : fileOf(name);
  const loaded = file === null ? quickScenario(options) : loadScenario(file);
  if (!loaded.ok) {
    process.stderr.write(`${renderProblems(loaded.problems, file ?? 'command line')}\n`);
    return 1;
  }
  const { scenario } = loaded;
  const kind =
    options.json === true ? 'json' : options.plain === true ? 'plain' : viewKindFor(process.stdout);
  using view = createView(kind, process.stdout);
  await using system = await startSystem(scenario);
  const report = await runScenario({ scenario, file, system, view, signal });
  write(options, report);
  return EXIT_CODES[report.verdict];
}

function write({ report: json, html }: Options, report: Report): void {
  const files: [string | undefined, () => string][] = [
    [json, () => `${JSON.stringify(report, null, 1)}\n`],
    [html, () => renderHtml(report)],
  ];
  for (const [file, text] of files) {
    if (file === undefined) continue;
    try {
      writeFileSync(file, text());
    } catch (cause) {
      throw new SluiceError('CANNOT_WRITE', `cannot write ${file}`, {
        kind: 'permanent',
        hint: 'Name a file in a directory that may be written to.',
        cause,
      });
    }
  }
}

/** A path, or the name of one that comes along. */
function fileOf(name: string): string {
  const own = names().find((each) => each === name);
  return own === undefined ? name : join(SCENARIOS, `${own}.yaml`);
}

function names(): string[] {
  return readdirSync(SCENARIOS)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .sort();
}

function listText(): string {
  const lines = names().map((name) => `  ${name.padEnd(20)} ${whyOf(loadScenario(fileOf(name)))}`);
  return `Scenarios that come along:\n${lines.join('\n')}\n\nRun one: sluice simulate smoke\n`;
}

function whyOf(loaded: LoadedScenario): string {
  return loaded.ok ? loaded.scenario.why : 'cannot be read';
}

function helpText(): string {
  return `\n${listText()}Exit code 0 pass, 1 fail, 2 inconclusive.\n`;
}
