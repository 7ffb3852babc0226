import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { renderProblems } from '../../../../config/check.ts';
import { type LoadedScenario, parseScenario } from '../../../../simulator/scenario/load-scenario.ts';
import type { Scenario } from '../../../../simulator/scenario/scenario-settings.ts';
import { scenarioText } from '../../../../simulator/scenario/scenario-text.ts';

const SCENARIOS = new URL('../../../../simulator/scenarios/', import.meta.url);
const files = readdirSync(SCENARIOS).filter((file) => file.endsWith('.yaml'));
const run = { id: 'k3x9', startedAt: '2026-03-14T09:26:53.123Z' };

function scenarioOf(loaded: LoadedScenario): Scenario {
  if (!loaded.ok) throw new Error(renderProblems(loaded.problems));
  return loaded.scenario;
}

test.each(files)('%s is written as a file that means the same, with its run and start time', (file) => {
  const scenario = scenarioOf(parseScenario(readFileSync(new URL(file, SCENARIOS), 'utf8')));
  const again = scenarioOf(parseScenario(scenarioText(scenario, run)));
  expect(again).toEqual({ ...scenario, run: run.id, startTime: scenario.startTime || run.startedAt });
});

test('keeps the start time of the scenario, and shows no password', () => {
  const text = `
name: secret
why: It has passwords.
startTime: 2026-01-01T00:00:00Z
system: { type: external, gateway: mqtt://g, upstream: mqtt://u, upstreamPassword: hunter2 }
groups:
  device:
    { devices: 1, password: hunter2, profile: { type: fixed, rate: 1/s }, payload: { type: bytes, size: 100 } }
timeline: [{ name: a, for: 1s }]`;
  const written = scenarioText(scenarioOf(parseScenario(text)), run);
  expect(written).toContain('startTime: 2026-01-01T00:00:00Z');
  expect(written).not.toContain('hunter2');
  expect(written).toContain('# Passwords are masked');
  expect(scenarioText(scenarioOf(parseScenario(text.replaceAll('hunter2', '""'))), run)).not.toContain(
    'masked',
  );
});
