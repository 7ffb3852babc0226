// Whole scenarios, in process: our gateway through an outage and a kill, and a system that loses, doubles and swaps
// messages, which must be found out exactly.

import { fileURLToPath } from 'node:url';
import type { IPublishPacket } from 'mqtt-packet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEmbedded } from '../../../gateway/commands/simulate-system.ts';
import { findMark } from '../../../simulator/mark.ts';
import type { Report } from '../../../simulator/report/report.ts';
import { externalSystem } from '../../../simulator/run/external-system.ts';
import { runScenario } from '../../../simulator/run/run-scenario.ts';
import { startSluiceSystem } from '../../../simulator/run/sluice-system.ts';
import type { GatewayControl, SystemUnderTest } from '../../../simulator/run/system-under-test.ts';
import { parseScenario } from '../../../simulator/scenario/load-scenario.ts';
import type { Scenario, System } from '../../../simulator/scenario/scenario-settings.ts';
import { hasMosquitto, type Mosquitto, startMosquitto } from '../../support/mosquitto.ts';
import { PASS, startTamperingProxy, type Tampering } from '../../support/mqtt-tampering-proxy.ts';
import { RecordedView } from '../../support/recorded-view.ts';
import { RunningGateway } from '../../support/running-gateway.ts';
import { TemporaryDirectory } from '../../support/temporary-directory.ts';
import { TestBroker } from '../../support/test-broker.ts';

const CLI = fileURLToPath(new URL('../../../gateway/cli.ts', import.meta.url));
const NEVER = new AbortController().signal;

function scenarioOf(text: string): Scenario {
  const loaded = parseScenario(text);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.scenario;
}

function startSluice({ system, seed }: Scenario): Promise<SystemUnderTest> {
  return startSluiceSystem({
    settings: system as Extract<System, { type: 'sluice' }>,
    command: [process.execPath, CLI],
    embedded: startEmbedded,
    seed,
    powerCutSource: '', // this disk is none that loses power
  });
}

const OUTAGE_AND_KILL = `
name: outage-and-kill
why: The link is cut, and the gateway is killed while it is.
sampleEvery: 100ms
system:
  type: sluice
  upstream: embedded
  sink: 'reconnect: { minMs: 20ms, maxMs: 200ms }'
groups:
  faithful:
    devices: 3
    store: 1000
    startWithin: 100ms
    reconnectMin: 20ms
    reconnectMax: 100ms
    profile: { type: fixed, rate: 50/s, jitter: 0.5 }
    payload: { type: json, fields: { heat: { type: walk, min: 0, max: 9 } } }
  lean:
    devices: 3
    driver: lean
    qos: 2
    store: 1000
    startWithin: 100ms
    reconnectMin: 20ms
    reconnectMax: 100ms
    profile: { type: fixed, rate: 50/s, jitter: 0.5 }
    payload: { type: bytes, size: 100 }
mischief: [{ type: malformed, phases: [well] }]
timeline:
  - { name: well, for: 500ms }
  - name: outage
    for: 1s
    faults:
      - { type: link-cut }
      - { type: gateway-kill, after: 500ms, down: 100ms }
  - { name: after, for: 300ms }
settleWithin: 15s
verdict: { loss: 0, reorder: 0, duplicates: 0, skipped: 0, drain: 10s }
`;

describe('a scenario', () => {
  test('takes our gateway through an outage and a kill, and nothing is lost', async () => {
    const scenario = scenarioOf(OUTAGE_AND_KILL);
    const view = new RecordedView();
    await using system = await startSluice(scenario);
    const report = await runScenario({ scenario, file: null, system, view, signal: NEVER });

    expect(report.checks.filter(({ ok }) => ok !== true)).toEqual([]);
    expect(report.verdict).toBe('pass');
    const { totals } = report;
    expect(totals.acked).toBeGreaterThan(150);
    expect(totals).toMatchObject({ lost: 0, sent: totals.acked, delivered: totals.acked, examples: {} });
    expect(totals.drainMs).toBeGreaterThan(0);
    expect(report.groups.map(({ name, connected, delivered }) => [name, connected, delivered > 0])).toEqual([
      ['faithful', 3, true],
      ['lean', 3, true],
    ]);
    expect(report.groups.every(({ reconnects }) => reconnects >= 3)).toBe(true);

    expect(report.phases.map(({ name }) => name)).toEqual(['well', 'outage', 'after', 'settling']);
    const [cut, kill] = report.faults;
    expect(cut).toMatchObject({ name: 'upstream cut' });
    expect(kill).toMatchObject({ name: 'gateway kill -9' });
    expect(cut!.toMs! - cut!.fromMs).toBeGreaterThan(900);
    expect(kill!.toMs! - kill!.fromMs).toBeGreaterThan(100);

    expect(view.phases).toEqual(['well', 'outage', 'after', 'settling']);
    expect([...view.faults].sort()).toEqual([
      'gateway kill -9 begins',
      'gateway kill -9 ends',
      'upstream cut begins',
      'upstream cut ends',
    ]);
    expect(view.report).toBe(report);
    const lags = report.samples.filter(({ phase }) => phase === 'outage').map(({ lag }) => lag);
    expect(Math.max(...lags)).toBeGreaterThan(30); // a backlog grew
    expect(report.samples.at(-1)).toMatchObject({ lag: 0, delivered: totals.delivered });
  });
});

const KILLED_FOR_A_MINUTE = `
name: killed
why: The gateway is away for a minute, or for ever.
sampleEvery: 100ms
system: { type: sluice }
groups:
  meter: { devices: 3, startWithin: 0s, profile: { type: fixed, rate: 50/s }, payload: { type: bytes } }
timeline:
  - { name: well, for: 400ms }
  - name: away
    for: 60s
    faults:
      - { type: gateway-kill, after: 200ms, down: 60s }
      - { type: silence, after: 150ms }
      - { type: rate, percent: 200 }
  - { name: never, for: 60s }
`;

/** A broker that is gateway and upstream at once, and of which the kill is only noted. */
function unharmed(
  broker: Mosquitto,
  calls: string[],
  gateway: Partial<GatewayControl> = {},
): SystemUnderTest {
  const note = (what: string) => async () => void calls.push(what);
  const url = `mqtt://127.0.0.1:${broker.port}`;
  return {
    gatewayUrl: url,
    upstreamUrl: url,
    upstreamFilter: '#',
    gatewayText: 'mosquitto',
    upstreamText: 'mosquitto',
    link: null,
    gateway: {
      kill: note('kill'),
      start: note('start'),
      stop: note('stop'),
      cutPower: note('cut power'),
      fillDisk: () => {},
      releaseDisk: () => {},
      usage: undefined,
      ...gateway,
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

describe.skipIf(!hasMosquitto())('a run', () => {
  let broker: Mosquitto;

  beforeAll(async () => {
    if (hasMosquitto()) broker = await startMosquitto();
  });
  afterAll(async () => await broker?.[Symbol.asyncDispose]());

  test('ends early and in order when it is told to, and verifies what was sent', async () => {
    const calls: string[] = [];
    const abort = new AbortController();
    const system = unharmed(broker, calls, {
      kill: async () => void setImmediate(() => abort.abort()), // in the midst of everything
    });
    const scenario = scenarioOf(KILLED_FOR_A_MINUTE);
    const view = new RecordedView();
    const report = await runScenario({ scenario, file: null, system, view, signal: abort.signal });
    expect(report.run.durationMs).toBeLessThan(20_000);
    const rate = 'devices at 200 % of their rate'; // no fault, but a change in a phase
    expect(report.phases.map(({ name }) => name)).toEqual(['well', 'away', rate, 'settling']);
    expect(report.phases.map(({ fromMs, toMs }) => toMs > fromMs)).toEqual([true, true, false, true]);
    expect(calls).toEqual(['start']); // it is not left dead
    expect(report.faults.map(({ name, toMs }) => [name, toMs !== null])).toEqual([
      ['silence', true],
      ['gateway kill -9', true],
    ]);
    expect(report).toMatchObject({ verdict: 'inconclusive', totals: { lost: 0, unacked: 0 } });
    expect(report.totals.delivered).toBeGreaterThan(50);
  });

  test('whose gateway does not come back ends with that, after its other faults', async () => {
    const calls: string[] = [];
    const system = unharmed(broker, calls, {
      kill: () => Promise.reject(new Error('it does not come back')),
    });
    const scenario = scenarioOf(KILLED_FOR_A_MINUTE);
    const view = new RecordedView();
    const run = runScenario({ scenario, file: null, system, view, signal: NEVER });
    await expect(run).rejects.toThrow('it does not come back');
    expect(view.report).toBeUndefined();
    expect(view.phases).toEqual(['well', 'away', 'devices at 200 % of their rate']);
    expect(view.faults).toContain('silence ends');
  });
});

test('a run begins when somebody listens at its far end: nothing is late from the start', async () => {
  await using broker = await TestBroker.start();
  let listensAtMs = Number.POSITIVE_INFINITY;
  broker.broker.authorizeSubscribe = (_client, subscription, done) => {
    setTimeout(() => {
      listensAtMs = performance.timeOrigin + performance.now();
      done(null, subscription);
    }, 200);
  };
  const scenario = scenarioOf(
    `${LOSSY}system: { type: external, gateway: "${broker.url}", upstream: "${broker.url}" }`,
  );
  await using system = await externalSystem(scenario.system as Extract<System, { type: 'external' }>);
  const report = await runScenario({
    scenario,
    file: null,
    system,
    view: new RecordedView(),
    signal: NEVER,
  });
  expect(report.totals).toMatchObject({ lost: 0, sent: 64 });
  expect(Date.parse(report.run.startedAt)).toBeGreaterThanOrEqual(Math.floor(listensAtMs));
});

const LOSSY = `
name: lossy
why: What arrives is not what was sent.
sampleEvery: 100ms
groups:
  meter: { devices: 2, profile: { type: fixed, rate: 20/s }, payload: { type: bytes }, startWithin: 0s }
  pump: { devices: 2, profile: { type: fixed, rate: 20/s }, payload: { type: bytes }, startWithin: 0s }
timeline: [{ name: steady, for: 800ms }]
settleWithin: 1s
`;

/** By "device sequence". */
function markOf({ payload }: IPublishPacket): string {
  const mark = findMark(payload as Buffer);
  return mark === undefined ? '' : `${mark.device} ${mark.sequence}`;
}

/** What arrives is tampered with between the upstream and the receiver. */
async function runLossy(chosen: Record<string, Tampering>): Promise<Report> {
  using directory = new TemporaryDirectory();
  await using broker = await startMosquitto();
  const sink = { type: 'mqtt', url: `mqtt://127.0.0.1:${broker.port}`, format: 'each' };
  await using gateway = await RunningGateway.start(directory.path, { sinks: { cloud: sink } });
  await using proxy = await startTamperingProxy(broker.port, (packet) => chosen[markOf(packet)] ?? PASS);
  const scenario = scenarioOf(
    `${LOSSY}system: { type: external, gateway: "${gateway.urls[0]}", upstream: "mqtt://127.0.0.1:${proxy.port}" }`,
  );
  const settings = scenario.system as Extract<System, { type: 'external' }>;
  await using system = await externalSystem(settings);
  return await runScenario({ scenario, file: null, system, view: new RecordedView(), signal: NEVER });
}

const drop: Tampering = { kind: 'drop' };
const double: Tampering = { kind: 'double' };

describe.skipIf(!hasMosquitto())('a system that runs already', () => {
  test('that is sound is found to be', async () => {
    const report = await runLossy({});
    expect(report.verdict).toBe('pass');
    expect(report.totals).toMatchObject({ lost: 0, reordered: 0, duplicatesSameName: 0, examples: {} });
    expect(report.totals.delivered).toBeGreaterThan(40);
    expect(report.system.gateway).toMatch(/^at mqtt:\/\/127\.0\.0\.1:\d+, not started by this run$/);
  });

  test('that loses, doubles and swaps messages is found out, exactly', async () => {
    const report = await runLossy({
      '0 3': drop,
      '0 4': drop,
      '0 9': drop,
      '3 0': drop,
      '1 5': double,
      '2 7': { kind: 'hold', until: (packet) => markOf(packet) === '2 8' },
    });
    expect(report.totals.examples).toEqual({
      lost: ['meter/0 3-4, 9', 'pump/1 0'],
      duplicatesSameName: ['meter/1 5'],
      reordered: ['pump/0 7'],
    });
    expect(report.totals).toMatchObject({ lost: 4, duplicatesSameName: 1, reordered: 1 });
    expect(report.groups.map(({ name, lost }) => [name, lost])).toEqual([
      ['meter', 3],
      ['pump', 1],
    ]);
    expect(report.verdict).toBe('fail');
    expect(report.checks.filter(({ ok }) => ok === false).map(({ name }) => name)).toEqual([
      'loss',
      'reorder',
    ]);
  });
});
