// `sluice simulate`: drives a fleet of devices through a scenario, does harm on the way, and says what arrived.
// The exit code is the verdict: 0 pass, 1 fail, 2 inconclusive; 3 when there is none.

import { readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { renderProblems } from '../../config/check.ts';
import { messageOf, SluiceError } from '../../config/errors.ts';
import { nearestKey } from '../../config/schema/nearest-key.ts';
import { renderHtml } from '../../simulator/report/html-report.ts';
import type { ReportSource } from '../../simulator/report/html-sections.ts';
import type { Report } from '../../simulator/report/report.ts';
import { runScenario } from '../../simulator/run/run-scenario.ts';
import { against, type WrittenSystem } from '../../simulator/scenario/against.ts';
import { type LoadedScenario, loadScenario } from '../../simulator/scenario/load-scenario.ts';
import { type QuickOptions, quickScenario } from '../../simulator/scenario/quick-scenario.ts';
import { scenarioSchemaText } from '../../simulator/scenario/scenario-schema.ts';
import type { Scenario } from '../../simulator/scenario/scenario-settings.ts';
import { scenarioText } from '../../simulator/scenario/scenario-text.ts';
import { createView, viewKindFor } from '../../simulator/view/create-view.ts';
import { runInForeground } from './foreground.ts';
import { EXIT_NOT_RUN, endByFault, notRun } from './simulate-exit.ts';
import { registerSimulateProxy } from './simulate-proxy.ts';
import { startSystem } from './simulate-system.ts';

interface Options extends QuickOptions {
  against?: string;
  json?: boolean;
  plain?: boolean;
  report?: string;
  html?: string;
  schema?: boolean;
}

/** Options that make up a scenario, and so do not go with a file of one. */
const QUICK_OPTIONS: readonly (keyof QuickOptions)[] = [
  'username',
  'password',
  'verifyUsername',
  'verifyPassword',
  'devices',
  'rate',
  'for',
  'qos',
  'size',
  'window',
  'lean',
  'seed',
];
const EXIT_CODES = { pass: 0, fail: 1, inconclusive: 2 } as const;
const SCENARIOS = fileURLToPath(new URL('../../simulator/scenarios/', import.meta.url));

export function registerSimulate(program: Command): void {
  const simulate = program
    .command('simulate')
    .description('Drive simulated devices through a scenario and prove what arrived.')
    .enablePositionalOptions()
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : EXIT_NOT_RUN))
    .argument('[scenario]', 'scenario file, or the name of one of those that come along')
    .option('--to <url>', 'gateway that runs already', 'mqtt://127.0.0.1:1883')
    .option('--verify <url>', 'broker upstream at which its messages arrive')
    .option('--against <product>', 'another product than the scenario names: mosquitto')
    .option('--username <name>', 'of the devices')
    .option('--password <password>', 'of the devices')
    .option('--verify-username <name>', 'of the receiver upstream')
    .option('--verify-password <password>', 'of the receiver upstream')
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
    .option('--schema', 'print the JSON Schema of scenarios, for editors')
    .addHelpText('after', helpText)
    .action(async (name: string | undefined, options: Options, command: Command) => {
      const quick = QUICK_OPTIONS.filter((option) => command.getOptionValueSource(option) === 'cli');
      if (options.schema === true) await print(scenarioSchemaText());
      else if (name === undefined && quick.length === 0 && !isSystemGiven(command)) await print(listText());
      else if (name !== undefined && quick.length > 0) refuse(quick);
      else {
        const given = { ...options, isSystemGiven: isSystemGiven(command) };
        process.on('uncaughtException', endByFault);
        await runInForeground((signal) => run(name, given, signal).catch(notRun));
        // Everything of ours is closed and written by now. Left to end by itself, Node 24.21 now and then spins
        // for ever in its own clean-up (node::Environment::CleanupHandles) when there were child processes with
        // pipes.
        process.exit();
      }
    });
  registerSimulateProxy(simulate);
}

/** Also to a reader that has enough before the end. */
async function print(text: string): Promise<void> {
  await runInForeground(async () => {
    process.stdout.write(text);
    return 0;
  });
}

function refuse(quick: readonly string[]): void {
  const options = quick.map((option) => `--${option}`).join(', ');
  process.stderr.write(
    `sluice: ${options} cannot be given with a scenario. Change its file, or leave its name out.\n`,
  );
  process.exitCode = EXIT_NOT_RUN;
}

function isSystemGiven(command: Command): boolean {
  return ['to', 'verify', 'against'].some((option) => command.getOptionValueSource(option) === 'cli');
}

/** Instead of the one that the scenario names. */
function systemOf(options: RunOptions): WrittenSystem | undefined {
  const { to, verify, against: product } = options;
  if (product !== undefined) {
    if (product !== 'mosquitto') {
      const message = `--against does not know ${JSON.stringify(product)}`;
      throw new SluiceError('BAD_ARGUMENT', message, { kind: 'permanent', hint: 'It knows mosquitto.' });
    }
    return { type: 'mosquitto-bridge' };
  }
  if (!options.isSystemGiven) return undefined;
  return { type: 'external', gateway: to, ...(verify === undefined ? {} : { upstream: verify }) };
}

interface RunOptions extends Options {
  isSystemGiven: boolean;
}

async function run(name: string | undefined, options: RunOptions, signal: AbortSignal): Promise<number> {
  checkTargets(options);
  const file = name === undefined ? null : fileOf(name);
  let loaded = file === null ? quickScenario(options) : loadScenario(file);
  const system = systemOf(options);
  const isOther = file !== null || options.against !== undefined; // without a file `to` and `verify` are in already
  if (isOther && loaded.ok && system !== undefined) loaded = against(loaded.scenario, system);
  if (!loaded.ok) {
    const near = file === name && name !== undefined ? nearestKey(name, names()) : undefined;
    if (near !== undefined) process.stderr.write(`sluice: did you mean ${near}?\n`);
    process.stderr.write(`${renderProblems(loaded.problems, file ?? 'sluice simulate')}\n`);
    return EXIT_NOT_RUN;
  }
  for (const target of [options.report, options.html]) if (target !== undefined) writeTo(target, '');
  const { scenario } = loaded;
  const kind =
    options.json === true ? 'json' : options.plain === true ? 'plain' : viewKindFor(process.stdout);
  using view = createView(kind, process.stdout);
  await using started = await startSystem(scenario);
  if (signal.aborted)
    throw new SluiceError('INTERRUPTED', 'ended before anything was sent', { kind: 'permanent' });
  const report = await runScenario({ scenario, file, system: started, view, signal });
  write(options, scenario, report);
  return EXIT_CODES[report.verdict];
}

/** One is for machines, the other for people: a name that says the other kind is a mistake, and no file of either. */
function checkTargets({ report, html }: Options): void {
  const wrong = (option: string, file: string, hint: string): SluiceError =>
    new SluiceError('BAD_ARGUMENT', `${option} ${file}: that is not what it writes`, {
      kind: 'permanent',
      hint,
    });
  if (report !== undefined && /\.html?$/i.test(report))
    throw wrong('--report', report, `It writes JSON; write --html ${report} for a page.`);
  if (html !== undefined && /\.json$/i.test(html))
    throw wrong('--html', html, `It writes a page; write --report ${html} for JSON.`);
}

function write({ report: json, html }: Options, scenario: Scenario, report: Report): void {
  const files: [string | undefined, () => string][] = [
    [json, () => `${JSON.stringify(report, null, 1)}\n`],
    [html, () => renderHtml(report, sourceOf(scenario, report))],
  ];
  for (const [file, text] of files) if (file !== undefined) writeTo(file, text());
}

function sourceOf(scenario: Scenario, { run }: Report): ReportSource {
  const { startTime } = scenario;
  return { ...(startTime === '' ? {} : { startTime }), scenarioText: scenarioText(scenario, run) };
}

/** Also before a run, with nothing: so that it is not for nothing. */
function writeTo(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (cause) {
    throw new SluiceError('CANNOT_WRITE', `cannot write ${file}: ${messageOf(cause)}`, {
      kind: 'permanent',
      hint: 'Name a file in a directory that may be written to.',
      cause,
    });
  }
}

/** A path, or the name of one that comes along. */
function fileOf(name: string): string {
  return names().includes(name) ? join(SCENARIOS, `${name}.yaml`) : name;
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
  return `\n${listText()}Exit code 0 pass, 1 fail, 2 inconclusive, 3 could not be run.\n`;
}
