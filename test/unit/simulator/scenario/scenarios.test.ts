import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadScenario } from '../../../../simulator/scenario/load-scenario.ts';

const FOLDER = fileURLToPath(new URL('../../../../simulator/scenarios/', import.meta.url));
const files = readdirSync(FOLDER);

test('there are the scenarios that the simulator promises, in the order of their names', () => {
  expect(files.filter((file) => file.endsWith('.yaml'))).toEqual(
    expect.arrayContaining([
      'crying-baby.yaml',
      'flapping-link.yaml',
      'mixed-fleet.yaml',
      'power-cut-loop.yaml',
      'reconnect-storm.yaml',
      'slow-cloud.yaml',
      'smoke.yaml',
      'steady-1k.yaml',
      'twelve-day-outage.yaml',
    ]),
  );
});

describe.each(files.filter((file) => file.endsWith('.yaml')))('%s', (file) => {
  const loaded = loadScenario(FOLDER + file);

  test('can be run', () => {
    expect(loaded).toMatchObject({ ok: true });
  });

  test('is named after its file, and says in a line what it is for', () => {
    if (!loaded.ok) throw new Error('it cannot be read');
    expect(`${loaded.scenario.name}.yaml`).toBe(file);
    expect(loaded.scenario.why).toMatch(/^[A-Z].{20,}\.$/);
  });

  test('wants that nothing acknowledged is lost', () => {
    expect(loaded).toMatchObject({ scenario: { verdict: { loss: 0 } } });
  });
});
