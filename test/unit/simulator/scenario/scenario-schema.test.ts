import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { settingList } from '../../../../config/schema/setting-list.ts';
import { parseScenario } from '../../../../simulator/scenario/load-scenario.ts';
import { scenarioSchema, scenarioSchemaText } from '../../../../simulator/scenario/scenario-schema.ts';
import { scenarioSettings } from '../../../../simulator/scenario/scenario-settings.ts';
import { faultsOf } from '../../../support/schema-judge.ts';

const FOLDER = new URL('../../../../simulator/scenarios/', import.meta.url);
const SMOKE = readFileSync(new URL('smoke.yaml', FOLDER), 'utf8');
const scenarios = readdirSync(FOLDER).filter((file) => file.endsWith('.yaml'));

describe('the JSON Schema of a scenario', () => {
  test('is what is printed, and declares the draft it is written in', () => {
    expect(JSON.parse(scenarioSchemaText())).toEqual(scenarioSchema());
    expect(scenarioSchema()).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      required: ['name', 'why', 'system', 'timeline'],
    });
  });

  test('describes every setting', () => {
    const text = scenarioSchemaText();
    for (const { field } of settingList(scenarioSettings))
      expect(text).toContain(JSON.stringify(field.help).slice(1, -1));
  });

  test.each(scenarios)('accepts %s', (file) => {
    expect(faultsOf(parse(readFileSync(new URL(file, FOLDER), 'utf8')), scenarioSchema())).toEqual([]);
  });

  test.each([
    ['an unknown key', 'name: smoke', 'name: smoke\ncolour: red'],
    ['an unknown key of a group', 'devices: 20', 'devices: 20\n    colour: red'],
    ['a bad name', 'name: smoke', 'name: Smoke Test'],
    ['a bad number of devices', 'devices: 20', 'devices: 0'],
    ['an unknown fault', 'link-cut', 'earthquake'],
    ['an unknown profile', 'type: fixed', 'type: broken'],
    ['an empty timeline', /timeline:[\s\S]*settleWithin/, 'timeline: []\nsettleWithin'],
    ['a bad duration', 'for: 2s', 'for: 2 parsecs'],
  ])('refuses %s, and so does the simulator', (_, piece, other) => {
    const text = SMOKE.replace(piece, other);
    expect(text).not.toBe(SMOKE);
    expect(parseScenario(text).ok).toBe(false);
    expect(faultsOf(parse(text), scenarioSchema())).not.toEqual([]);
  });
});
