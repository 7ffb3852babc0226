import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { DeviceFleet } from '../../../../simulator/fleet/device-fleet.ts';
import { Recordings } from '../../../../simulator/payload/recordings.ts';
import { createFleet } from '../../../../simulator/run/create-fleet.ts';
import { parseScenario } from '../../../../simulator/scenario/load-scenario.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { TemporaryDirectory } from '../../../support/temporary-directory.ts';

/** Of which nobody connects: it is not started. */
function fleetOf(groups: string, directory = '.'): DeviceFleet {
  const loaded = parseScenario(
    `name: x\nwhy: y\nsystem: { type: sluice }\ngroups:\n${groups}\ntimeline: [{ name: p, for: 1s }]`,
    directory,
  );
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  using recordings = new Recordings();
  return createFleet({
    scenario: loaded.scenario,
    gatewayUrl: 'mqtt://127.0.0.1:1883',
    run: 'test',
    clock: new FakeClock(),
    runClock: { startEpochMs: 0, nowMs: () => 0 },
    recordings,
  });
}

const REST = 'profile: { type: fixed }, payload: { type: bytes }';

describe('the fleet of a scenario', () => {
  test('has its groups in order, with so many devices each, connected by nobody', () => {
    const fleet = fleetOf(`  b: { devices: 3, ${REST} }\n  a: { devices: 2, driver: lean, qos: 0, ${REST} }`);
    expect(fleet.groups.map(({ name, devices }) => [name, devices.length])).toEqual([
      ['b', 3],
      ['a', 2],
    ]);
    expect(fleet.outcomes().map(({ qos0 }) => qos0)).toEqual([false, false, false, true, true]);
    expect(fleet.totals()).toMatchObject({ devices: 5, connected: 0, sent: 0 });
  });

  test('says which certificate cannot be read', () => {
    const tls = 'tls: { ca: missing/ca.pem }';
    expect(() => fleetOf(`  a: { devices: 1, ${tls}, ${REST} }`, '/plant')).toThrow(
      expect.objectContaining({
        code: 'CANNOT_READ',
        message: expect.stringContaining('cannot read /plant/missing/ca.pem'),
      }),
    );
  });

  test('replays files beside the scenario, and says where one is wrong', () => {
    using directory = new TemporaryDirectory();
    const group = '  a: { devices: 2, profile: { type: replay, file: day.csv }, payload: { type: bytes } }';
    writeFileSync(directory.file('day.csv'), 't,heat\n1000,20\n2000,21\n');
    expect(fleetOf(group, directory.path).totals().devices).toBe(2);
    writeFileSync(directory.file('day.csv'), 't,heat\n2000,20\n1000,21\n');
    expect(() => fleetOf(group, directory.path)).toThrow(/day\.csv.*3/);
  });
});
