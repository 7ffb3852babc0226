// `sluice simulate` as a person runs it.

import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Report } from '../../../simulator/report/report.ts';
import { hasMosquitto, type Mosquitto, startMosquitto } from '../../support/mosquitto.ts';
import { RunningGateway } from '../../support/running-gateway.ts';
import { type CommandResult, SluiceCommand } from '../../support/sluice-command.ts';
import { TemporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';

async function simulate(...args: string[]): Promise<CommandResult> {
  await using command = new SluiceCommand(['simulate', ...args]);
  return await command.exited();
}

interface Line {
  kind: string;
  report?: Report;
  sample?: { acked: number };
}

function linesOf(stdout: string): Line[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

describe('sluice simulate without anything to run', () => {
  test('lists the scenarios that come along, by name, each with its reason', async () => {
    const { code, stdout, stderr } = await simulate();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const names = [...stdout.matchAll(/^ {2}(\S+) +[A-Z].*\.$/gm)].map(([, name]) => name!);
    expect(names).toEqual(expect.arrayContaining(['crying-baby', 'smoke', 'twelve-day-outage']));
    expect(names).toEqual([...names].sort());
    expect(stdout).not.toContain('cannot be read');
  });

  test('prints the JSON Schema of a scenario', async () => {
    const { code, stdout } = await simulate('--schema');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ title: expect.stringContaining('cenario') });
  });
});

const FREE_PORT = 1; // nobody listens there

describe('what is wrong is told in a line, without a stack', () => {
  test.each<[string, string[], RegExp]>([
    ['a file that is not there', ['nowhere.yaml'], /^nowhere\.yaml: cannot be read: ENOENT/],
    ['an unknown option', ['--colour', 'red'], /^error: unknown option '--colour'/],
    ['a wrong value of an option', ['--rate', 'fast'], /^sluice simulate --rate: "fast" is not a rate/],
    ['options beside a scenario', ['smoke', '--devices', '9'], /^sluice: --devices cannot be given with/],
    [
      'a page for machines',
      ['smoke', '--report', 'x.html'],
      /^sluice: --report x\.html: .* --html x\.html for a page/,
    ],
    ['a JSON page', ['smoke', '--html', 'x.json'], /^sluice: --html x\.json: .* --report x\.json for JSON/],
    ['a rival that it does not know', ['smoke', '--against', 'x'], /^sluice: --against does not know "x"/],
    [
      'a fault that cannot be done to what runs already',
      ['smoke', '--to', 'mqtt://127.0.0.1:1'],
      /smoke\.yaml.*link-cut cannot be done/,
    ],
    [
      'a gateway that is not there',
      ['--for', '1s', '--to', `mqtt://127.0.0.1:${FREE_PORT}`],
      /^sluice: cannot connect to the gateway at mqtt:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/,
    ],
  ])('%s', async (_, args, wanted) => {
    const { code, stdout, stderr } = await simulate(...args);
    expect(stderr).toMatch(wanted);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
  });

  test('a scenario with several mistakes: a line for each, with its place', async () => {
    using directory = new TemporaryDirectory();
    const file = directory.file('bad.yaml');
    writeFileSync(
      file,
      'name: bad\nwhy: It is.\nsystem: { type: sluice }\ntimeline: [{ name: A, for: x }]\n',
    );
    const { code, stderr } = await simulate(file);
    expect(code).toBe(3);
    const lines = stderr.trim().split('\n');
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line.startsWith(`${file}:4:`)).toBe(true);
  });
});

describe.skipIf(!hasMosquitto())('sluice simulate against a broker that runs', () => {
  let broker: Mosquitto;
  let url = '';

  beforeAll(async () => {
    if (!hasMosquitto()) return;
    broker = await startMosquitto();
    url = `mqtt://127.0.0.1:${broker.port}`;
  });
  afterAll(async () => await broker?.[Symbol.asyncDispose]());

  test('tells of an upstream that is not there', async () => {
    const { code, stderr } = await simulate('--for', '1s', '--to', url, '--verify', 'mqtt://127.0.0.1:1');
    expect(code).toBe(3);
    expect(stderr).toMatch(/^sluice: cannot connect to the upstream at mqtt:\/\/127\.0\.0\.1:1: [^\n]+\n$/);
  });

  test('drives devices, proves what arrived, and writes its report', async () => {
    using directory = new TemporaryDirectory();
    const files = ['--report', directory.file('report.json'), '--html', directory.file('report.html')];
    const run = ['--devices', '5', '--rate', '20/s', '--for', '2s', '--to', url, '--verify', url];
    const { code, stdout, stderr } = await simulate(...run, '--json', ...files);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = linesOf(stdout);
    expect(lines[0]).toMatchObject({ kind: 'phase', phase: { name: 'steady', toMs: expect.any(Number) } });
    expect(lines.filter(({ kind }) => kind === 'sample').length).toBeGreaterThan(1);
    const { report } = lines.at(-1)!;
    expect(report).toMatchObject({ verdict: 'pass', totals: { lost: 0, unacked: 0 } });
    expect(report!.totals.delivered).toBeGreaterThan(100);
    expect(report!.totals.delivered).toBe(report!.totals.acked);
    expect(JSON.parse(readFileSync(directory.file('report.json'), 'utf8'))).toEqual(report);
    const page = readFileSync(directory.file('report.html'), 'utf8');
    expect(page).toContain('<html');
    expect(page).toContain(`\nrun: ${report!.run.id}\nstartTime: ${report!.run.startedAt}\n`);
  });

  test('leaves the verdict open when nothing is verified', async () => {
    const { code, stdout } = await simulate('--devices', '1', '--for', '200ms', '--to', url, '--json');
    expect(code).toBe(2);
    const lines = linesOf(stdout);
    expect(lines.at(-1)!.report!.verdict).toBe('inconclusive');
    expect(lines.find(({ kind }) => kind === 'sample')).toMatchObject({ verified: false });
  });

  test('ends in order at Ctrl-C, and proves what was sent until then', async () => {
    await using command = new SluiceCommand([
      'simulate',
      '--devices',
      '5',
      '--rate',
      '20/s',
      '--for',
      '60s',
      '--to',
      url,
      '--verify',
      url,
      '--json',
    ]);
    const acked = () =>
      linesOf(command.stdout.replace(/[^\n]*$/, '')).some(({ sample }) => (sample?.acked ?? 0) > 0);
    await waitFor(acked, { what: () => `the first acknowledgements: ${command.stderr}` });
    const { code, stdout, stderr } = await command.kill('SIGINT');
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    const { report } = linesOf(stdout).at(-1)!;
    expect(report).toMatchObject({ verdict: 'inconclusive', totals: { lost: 0, unacked: 0 } });
    expect(report!.run.durationMs).toBeLessThan(30_000);
    expect(report!.totals.delivered).toBeGreaterThan(0);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'does not wait on when %s comes in the settling',
    async (signal) => {
      using directory = new TemporaryDirectory();
      await using other = await RunningGateway.start(directory.path); // where nothing will arrive
      const options = { devices: '2', rate: '20/s', for: '500ms', to: url, verify: other.urls[0]! };
      const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
      await using command = new SluiceCommand(['simulate', ...args, '--json']);
      const isSettling = () => command.stdout.includes('"phase":"settling"');
      await waitFor(isSettling, { what: () => `the settling: ${command.stderr}` });
      const { code, stdout } = await command.kill(signal);
      expect(code).toBe(2);
      const { report } = linesOf(stdout).at(-1)!;
      expect(report).toMatchObject({ verdict: 'inconclusive', totals: { unacked: 0, delivered: 0 } });
      expect(report!.run.durationMs).toBeLessThan(30_000);
    },
  );
});
