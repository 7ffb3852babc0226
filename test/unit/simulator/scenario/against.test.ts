import { describe, expect, test } from 'vitest';
import { against, type WrittenSystem } from '../../../../simulator/scenario/against.ts';
import { parseScenario } from '../../../../simulator/scenario/load-scenario.ts';
import type { Scenario } from '../../../../simulator/scenario/scenario-settings.ts';

function scenarioWith(fault: string): Scenario {
  const loaded = parseScenario(
    'name: x\nwhy: y\nsystem: { type: sluice, disk: tmpfs }\n' +
      'groups: { a: { devices: 1, profile: { type: flood }, payload: { type: bytes } } }\n' +
      `timeline: [{ name: p, for: 1s, faults: [{ type: ${fault} }] }]`,
  );
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.scenario;
}

const PLANT: WrittenSystem = { type: 'external', gateway: 'mqtt://plant', upstream: 'mqtt://cloud' };

describe('a scenario against another system', () => {
  test('is the same but for the system, which has its defaults', () => {
    const scenario = scenarioWith('link-cut');
    const other = against(scenario, { type: 'mosquitto-bridge' });
    expect(other).toMatchObject({
      scenario: { ...scenario, system: { type: 'mosquitto-bridge', upstreamFilter: '#' } },
    });
  });

  test('can be one that runs already, when its faults are those of devices', () => {
    expect(against(scenarioWith('silence'), PLANT)).toMatchObject({
      ok: true,
      scenario: { system: { gateway: 'mqtt://plant', upstream: 'mqtt://cloud' } },
    });
  });

  test.each<[string, WrittenSystem]>([
    ['link-cut', PLANT],
    ['disk-full', { type: 'mosquitto-bridge' }],
  ])('is refused when %s cannot be done to that', (fault, system) => {
    expect(against(scenarioWith(fault), system)).toMatchObject({
      ok: false,
      problems: [{ path: 'timeline.0.faults.0.type' }],
    });
  });

  test('is refused when the system is no good', () => {
    expect(against(scenarioWith('silence'), { type: 'external', gateway: 'plant' })).toMatchObject({
      ok: false,
      problems: [{ path: 'system.gateway' }],
    });
  });
});
