import { describe, expect, test } from 'vitest';
import { DeviceFleet } from '../../../../simulator/fleet/device-fleet.ts';
import { chartsOf } from '../../../../simulator/report/report-charts.ts';
import { buildReport, type ReportParts } from '../../../../simulator/run/build-report.ts';
import { parseScenario } from '../../../../simulator/scenario/load-scenario.ts';
import { sampleReport } from '../../../support/sample-report.ts';
import { every, groupUnderTest } from '../../../support/simulated-devices.ts';
import { faultRig } from './fault-rig.ts';
import { findingOf, latency, snapshotOf, verificationOf } from './receiver-parts.ts';

function scenarioOf(verdict: string) {
  const loaded = parseScenario(
    'name: made-up\nwhy: to be reported\nsystem: {type: sluice}\nsampleEvery: 500ms\n' +
      'groups: {a: {devices: 1, profile: {type: flood}, payload: {type: bytes}}}\n' +
      `timeline: [{name: p, for: 1s}]\nverdict: {${verdict}}`,
  );
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.scenario;
}

/** Two devices of QoS 1, and one of QoS 0: ten messages each. */
function fleetOf() {
  let nowMs = 0;
  const plan = { nowMs: () => nowMs, steps: () => every(100) };
  const made = [
    groupUnderTest({ ...plan, name: 'meter', devices: 2 }),
    groupUnderTest({ ...plan, name: 'gauge', first: 2, change: { qos: 0 } }),
  ];
  const groups = made.map(({ group }) => group);
  for (nowMs = 0; nowMs <= 1000; nowMs += 100) for (const group of groups) group.runDue(nowMs + 1, () => {});
  const fleet = new DeviceFleet({ groups, nowMs: () => nowMs, after: () => ({ clear: () => {} }) });
  return { fleet, clients: made.flatMap(({ clients }) => clients) };
}

function partsOf(change: Partial<ReportParts> = {}): ReportParts {
  return {
    scenario: scenarioOf(''),
    file: 'made-up.yaml',
    run: { id: 'r1', seed: 7, startedAt: '2026-01-01T00:00:00.000Z', durationMs: 1234 },
    system: faultRig({ nowMs: () => 0 }).stage.system,
    fleet: fleetOf().fleet,
    phases: [{ name: 'p', fromMs: 0, toMs: 1000 }],
    faults: [{ name: 'upstream cut', fromMs: 100, toMs: 200 }],
    samples: [],
    phasesOf: () => [],
    verification: verificationOf(),
    drainMs: null,
    generatorBusy: 0.2,
    isReceiverBusy: false,
    isInterrupted: false,
    ...change,
  };
}

describe('a report', () => {
  test('says what was run, against what, and when what happened', () => {
    const report = buildReport(partsOf());
    expect(report).toMatchObject({
      version: 1,
      scenario: { name: 'made-up', why: 'to be reported', file: 'made-up.yaml' },
      run: { id: 'r1', seed: 7, durationMs: 1234 },
      system: { gateway: 'a gateway', upstream: 'none', node: process.version },
      phases: [{ name: 'p' }],
      faults: [{ name: 'upstream cut' }],
      sampleEveryMs: 500,
      remarks: [],
    });
    expect(report.system.machine).toMatch(/^\d+ x .+, \d+ GiB, /);
  });

  test('adds up the fleet: what was sent is acknowledged, refused, unanswered or of QoS 0', () => {
    const { fleet, clients } = fleetOf();
    clients[0]!.ack(6, 4);
    clients[1]!.refuse();
    const { totals, groups } = buildReport(partsOf({ fleet }));
    expect(totals).toMatchObject({ sent: 30, sentQos0: 10, acked: 6, refused: 1, unacked: 13 });
    expect(totals.sent - totals.sentQos0).toBe(totals.acked + totals.refused + totals.unacked);
    expect(totals.ack).toMatchObject({ count: 6, p50: 4 });
    expect(groups).toMatchObject([
      { name: 'meter', devices: 2, connected: 2, sent: 20, acked: 6, refused: 1 },
      { name: 'gauge', devices: 1, connected: 1, sent: 10, acked: 0, refused: 0 },
    ]);
  });

  test('counts what was still on the devices at the end, and fails by it', async () => {
    const { fleet, clients } = fleetOf();
    for (const client of clients) client.ack(10);
    clients[0]!.window = 0;
    for (const { devices } of fleet.groups) devices[0]!.run({ kind: 'publish', atMs: 0 }, 1100);
    await fleet.stop(0);
    const report = buildReport(partsOf({ fleet, scenario: scenarioOf('delivered: -1') }));
    expect(report.totals).toMatchObject({ unsent: 1, skipped: 1 });
    expect(report.checks.filter(({ ok }) => ok !== true).map(({ name }) => name)).toEqual(['unsent']);
  });

  test('leaves a loss open when the receiver may have missed messages', () => {
    const { losses, ...rest } = verificationOf();
    const lost = findingOf({ 0: [0, 1] }, [1, 0]);
    const totals = snapshotOf({ deliveredByGroup: [0, 0], sessionsLost: 1 });
    const verification = { ...rest, losses: { ...losses, lost }, totals };
    const report = buildReport(
      partsOf({ verification, scenario: scenarioOf('loss: 0, unacked: -1, delivered: -1') }),
    );
    expect(report.verdict).toBe('inconclusive');
  });

  test('has how many were connected before they said goodbye', async () => {
    const { fleet } = fleetOf();
    await fleet.stop(0);
    expect(buildReport(partsOf({ fleet })).groups.map(({ connected }) => connected)).toEqual([2, 1]);
  });

  test('takes from the far end what arrived, by group, and names what is wrong by group and member', () => {
    const verification = verificationOf({
      losses: {
        ...verificationOf().losses,
        lost: findingOf({ 1: [2, 4, 8, 9] }, [3, 0]),
        lostQos0: findingOf({ 2: [5, 6] }, [0, 1]),
        deliveredUnacked: findingOf({ 0: [9, 10] }, [1, 0]),
      },
      totals: snapshotOf({
        delivered: 26,
        deliveredByGroup: [17, 9],
        duplicatesNewName: 1,
        reordered: 2,
        foreign: 3,
        upstreamMessages: 11,
        upstreamBytes: 900,
      }),
      examples: {
        ...verificationOf().examples,
        duplicatesNewName: [{ device: 0, sequence: 7 }],
        reordered: [
          { device: 1, sequence: 3 },
          { device: 2, sequence: 0 },
        ],
      },
    });
    const { totals, groups } = buildReport(partsOf({ verification, drainMs: 321 }));
    expect(totals).toMatchObject({
      delivered: 26,
      lost: 3,
      lostQos0: 1,
      deliveredUnacked: 1,
      duplicatesNewName: 1,
      reordered: 2,
      foreign: 3,
      upstreamMessages: 11,
      upstreamBytes: 900,
      drainMs: 321,
      endToEnd: latency(20),
    });
    expect(totals.examples).toEqual({
      lost: ['meter/1 2-3, 8'],
      lostQos0: ['gauge/0 5'],
      duplicatesNewName: ['meter/0 7'],
      reordered: ['meter/1 3', 'gauge/0 0'],
    });
    expect(groups.map(({ delivered, lost, endToEnd }) => [delivered, lost, endToEnd.p50])).toEqual([
      [17, 3, 10],
      [9, 1, 30],
    ]);
  });

  test('fails by what the scenario wants', () => {
    const lost = findingOf({ 0: [0, 1] }, [1, 0]);
    const verification = verificationOf({ losses: { ...verificationOf().losses, lost } });
    const judged = (verdict: string) =>
      buildReport(partsOf({ verification, scenario: scenarioOf(`unacked: -1, delivered: -1, ${verdict}`) }));
    expect(judged('loss: 0').verdict).toBe('fail');
    expect(judged('loss: 1').verdict).toBe('pass');
  });

  test('is verified when somebody listened, also when nothing had arrived and nothing was lost', () => {
    const { fleet, clients } = fleetOf();
    clients[0]!.ack(6, 4);
    const report = buildReport(partsOf({ fleet }));
    expect(report.totals).toMatchObject({ acked: 6, delivered: 0, lost: 0, lostQos0: 0 });
    expect(report.verified).toBe(true);
  });

  test('leaves open what was not verified, and says so', () => {
    const scenario = scenarioOf('unacked: -1');
    const report = buildReport(partsOf({ verification: null, scenario }));
    expect(report.verdict).toBe('inconclusive');
    expect(report).toMatchObject({ verified: false, remarks: [] });
    expect(report.totals).toMatchObject({ delivered: 0, lost: 0, examples: {}, liveWhileDraining: null });
  });
});

describe('a remark', () => {
  const remarksOf = (change: Partial<ReportParts>) => buildReport(partsOf(change)).remarks;

  test('owns up to a generator that was late, and then latencies do not fail the run', () => {
    const { fleet, clients } = fleetOf();
    clients[0]!.ack(1, 500);
    for (let i = 0; i < 100; i++) fleet.lateness.record(150);
    const scenario = scenarioOf('p99Ack: 100ms, unacked: -1, delivered: -1');
    const report = buildReport(partsOf({ fleet, scenario }));
    expect(report.remarks).toEqual([
      expect.stringMatching(/generator was a bottleneck itself: 15\d ms late/),
    ]);
    expect(report.verdict).toBe('inconclusive');
    const punctual = fleetOf();
    punctual.clients[0]!.ack(1, 500);
    expect(buildReport(partsOf({ fleet: punctual.fleet, scenario })).verdict).toBe('fail');
  });

  test.each([20, 60, 95, 105, 150])(
    'calls a generator %i ms late in its remarks exactly when the page draws it so',
    (lateMs) => {
      const { fleet } = fleetOf();
      for (let i = 0; i < 100; i++) fleet.lateness.record(lateMs);
      const samples = [{ ...sampleReport().samples[0]!, generatorLateMs: fleet.lateness.percentileMs(0.99) }];
      const report = buildReport(partsOf({ fleet, samples }));
      const drawn = chartsOf(report).some(({ title }) => title === 'Generator lateness');
      expect(report.remarks.some((remark) => /generator was a bottleneck/.test(remark))).toBe(drawn);
    },
  );

  test('owns up to a generator whose thread was never idle', () => {
    expect(remarksOf({ generatorBusy: 0.98 })).toEqual([expect.stringMatching(/busy 98 %/)]);
  });

  test.each<[string, Parameters<typeof snapshotOf>[0], RegExp]>([
    ['an account that ran out of room', { isComplete: false }, /ran out of room/],
    ['a session that the broker forgot', { sessionsLost: 2 }, /forgot the receiver's session 2 times/],
    ['a receiver that was cut off at the end', { isConnected: false }, /no connection at the end/],
    ['what the broker sent again', { redelivered: 5 }, /sent 5 messages again/],
  ])('tells of %s', (_, change, text) => {
    const totals = snapshotOf({ deliveredByGroup: [0, 0], ...change });
    expect(remarksOf({ verification: verificationOf({ totals }) })).toEqual([expect.stringMatching(text)]);
  });

  test('tells of connections that were refused, also when nothing was verified', () => {
    const { fleet } = fleetOf();
    fleet.groups[0]!.counters.connectRefusals = 60;
    expect(remarksOf({ fleet, verification: null })).toEqual([
      expect.stringMatching(/^meter: 60 connections were refused, 2 are connected/),
    ]);
  });

  test('tells of a receiver that was never idle', () => {
    expect(remarksOf({ isReceiverBusy: true })).toEqual([expect.stringMatching(/receiver was a bottleneck/)]);
  });

  test('tells of what was refused and arrived all the same', () => {
    const { losses, ...rest } = verificationOf();
    const refusedDelivered = { ...losses.refusedDelivered, count: 3 };
    const verification = { ...rest, losses: { ...losses, refusedDelivered } };
    expect(remarksOf({ verification })).toEqual([expect.stringMatching(/3 messages that were refused/)]);
  });

  test('that was interrupted is inconclusive, and says so', () => {
    const report = buildReport(partsOf({ isInterrupted: true }));
    expect(report.verdict).toBe('inconclusive');
    expect(report.remarks[0]).toMatch(/^Interrupted/);
  });

  test('tells of the first damage', () => {
    const verification = verificationOf({ firstDamage: 'a batch of 3 bytes' });
    expect(remarksOf({ verification })).toEqual([expect.stringMatching(/a batch of 3 bytes/)]);
  });
});
