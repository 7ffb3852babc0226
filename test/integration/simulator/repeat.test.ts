// The same scenario twice, with the same seed, run and start time: the same messages arrive, byte for byte, however
// busy the machine is the second time.

import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { connectAsync, type MqttClient } from 'mqtt';
import { expect, test } from 'vitest';
import { startEmbedded } from '../../../gateway/commands/simulate-system.ts';
import { findMark } from '../../../simulator/mark.ts';
import type { Report } from '../../../simulator/report/report.ts';
import { runScenario } from '../../../simulator/run/run-scenario.ts';
import { startSluiceSystem } from '../../../simulator/run/sluice-system.ts';
import { parseScenario } from '../../../simulator/scenario/load-scenario.ts';
import type { Scenario, System } from '../../../simulator/scenario/scenario-settings.ts';
import { decodeBatch } from '../../../storage/record-batch/codec.ts';
import { recordsOf } from '../../../storage/record-batch/record-batch.ts';
import { RecordedView } from '../../support/recorded-view.ts';
import { TemporaryDirectory } from '../../support/temporary-directory.ts';

const CLI = fileURLToPath(new URL('../../../gateway/cli.ts', import.meta.url));
const BATCH_HEAD = Buffer.from([0xd9, 0xd9, 0xf7]);

const HEAD = `
why: To be run twice.
seed: 7
run: twice
startTime: 2026-01-01T00:00:00Z
sampleEvery: 100ms
settleWithin: 60s
system:
  type: sluice
  upstream: embedded
  sink: 'reconnect: { minMs: 20ms, maxMs: 200ms }'
`;

const MACHINE = 'devices: 4, store: 10000, startWithin: 300ms, reconnectMin: 20ms, reconnectMax: 200ms';
const BYTES = 'payload: { type: bytes, size: 100 }';

/** Connections come and go, on all sides. */
const HARMED = `
name: harmed
${HEAD}
groups:
  faithful:
    ${MACHINE.replaceAll(', ', '\n    ')}
    profile: { type: fixed, rate: 60/s, jitter: 1 }
    payload: { type: json, fields: { heat: { type: walk, min: 0, max: 9 }, state: { type: enum, values: [a, b] } } }
  lean: { ${MACHINE}, driver: lean, qos: 2, profile: { type: fixed, rate: 60/s, jitter: 1 }, ${BYTES} }
  chance: { ${MACHINE}, driver: lean, profile: { type: fixed, rate: 60/s, arrivals: poisson }, ${BYTES} }
timeline:
  - { name: before, for: 400ms }
  - name: harm
    for: 1300ms
    rate: 2
    faults:
      - { type: link-cut, for: 1s }
      - { type: gateway-kill, after: 300ms, down: 100ms }
      - { type: reconnect-storm, after: 100ms }
      - { type: rate, groups: [lean], percent: 333, after: 123ms, for: 456ms }
      - { type: silence, disconnect: true, after: 1s, for: 200ms }
  - { name: after, for: 333ms }
`;

/** Devices of every kind. */
const MIXED = `
name: mixed
${HEAD}
groups:
  meter: # speaks when something changes, also while it has no connection yet
    devices: 4
    startWithin: 100ms
    profile: { type: on-change, every: 20ms }
    payload: { type: senml, fields: { power: { type: walk, min: 0, max: 5000, step: 50, deadband: 60 } } }
  tracker:
    devices: 4
    profile: { type: duty-cycle, every: 700ms, messages: 5, awake: 300ms }
    payload: { type: cbor, fields: { position: { type: gps, lat: 50.1, lon: 8.7, speed: 14 }, b: { type: battery } } }
  logger:
    devices: 4
    driver: lean
    qos: 2
    store: 1000
    profile: { type: store-and-flush, every: 20ms, flushEvery: 600ms, awake: 200ms }
    payload: { type: bytes, size: 400 }
  gauge:
    devices: 4
    version: 3.1.1
    session: clean
    qos: 0
    profile: { type: burst, every: 300ms, messages: 10, spacing: 1ms }
    payload: { type: template, text: '{mark} {p}', fields: { p: { type: gaussian, mean: 4, deviation: 1 } } }
  recorder:
    devices: 2
    profile: { type: replay, file: day.csv, repeat: true }
    payload: { type: replay, file: day.csv }
  day:
    devices: 4
    driver: lean
    profile: { type: diurnal, rate: 40/s, period: 1s, peakAt: 500ms }
    payload: { type: json, fields: { heat: { type: sine, min: 1, max: 3, period: 10s, noise: 0.2 } } }
timeline:
  - { name: slow, for: 500ms, rate: 0.5 }
  - { name: outage, for: 700ms, faults: [{ type: link-cut }] }
  - { name: well, for: 900ms, faults: [{ type: silence, after: 123ms, for: 100ms }] }
`;

function scenarioOf(text: string, directory: string): Scenario {
  const loaded = parseScenario(text, directory);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.scenario;
}

/** "device sequence hash" of every message that arrives. */
async function collectFrom(url: string, arrived: Set<string>): Promise<MqttClient> {
  const note = (payload: Buffer) => {
    const mark = findMark(payload);
    const hash = createHash('sha256').update(payload).digest('hex');
    arrived.add(`${mark?.device} ${mark?.sequence} ${hash}`);
  };
  const client = await connectAsync(url, { protocolVersion: 5 });
  client.on('message', (_topic, message) => {
    if (!message.subarray(0, 3).equals(BATCH_HEAD)) note(message);
    else for (const { payload } of recordsOf(decodeBatch(message))) note(Buffer.from(payload));
  });
  await client.subscribeAsync('#', { qos: 1 });
  return client;
}

async function run(scenario: Scenario): Promise<{ arrived: Set<string>; report: Report }> {
  await using system = await startSluiceSystem({
    settings: scenario.system as Extract<System, { type: 'sluice' }>,
    command: [process.execPath, CLI],
    embedded: startEmbedded,
    seed: scenario.seed,
    powerCutSource: '', // this disk is none that loses power
  });
  const arrived = new Set<string>();
  const collector = await collectFrom(system.upstreamUrl!, arrived);
  try {
    const view = new RecordedView();
    const report = await runScenario({
      scenario,
      file: null,
      system,
      view,
      signal: new AbortController().signal,
    });
    return { arrived, report };
  } finally {
    await collector.endAsync();
  }
}

/** A thread that is busy for a while, again and again: everything is late, and the last of it after the end. */
function beBusy(): Disposable {
  const timer = setInterval(() => {
    const untilMs = performance.now() + 50;
    while (performance.now() < untilMs);
  }, 100);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

test.each([
  ['HARMED', HARMED],
  ['MIXED', MIXED],
])('a scenario (%s) says the same again', async (_, text) => {
  using directory = new TemporaryDirectory();
  const rows = Array.from({ length: 50 }, (_, i) => `${i * 17},${20 + i}`);
  writeFileSync(directory.file('day.csv'), `t,heat\n${rows.join('\n')}\n`);
  const scenario = scenarioOf(text, directory.path);
  const first = await run(scenario);
  using _busy = beBusy();
  const second = await run(scenario);
  for (const { report } of [first, second]) {
    expect(report.checks.filter(({ ok }) => ok !== true)).toEqual([]);
    expect(report.totals).toMatchObject({ skipped: 0, unacked: 0, lost: 0, lostQos0: 0 });
  }
  const only = (here: Set<string>, there: Set<string>) =>
    [...here].filter((message) => !there.has(message)).slice(0, 10);
  expect(only(first.arrived, second.arrived)).toEqual([]);
  expect(only(second.arrived, first.arrived)).toEqual([]);
  expect(second.report.totals.sent).toBe(first.report.totals.sent);
  expect(first.arrived.size).toBe(first.report.totals.sent);
  expect(first.arrived.size).toBeGreaterThan(500);
});
