// From a scenario file to a Scenario, or to every problem with it at once.

import { readFileSync } from 'node:fs';
import { messageOf } from '../../config/errors.ts';
import type { Problem } from '../../config/schema/problem.ts';
import { readSettings } from '../../config/schema/reader.ts';
import { parseYaml } from '../../config/schema/yaml-source.ts';
import { scenarioRelations } from './scenario-relations.ts';
import { type Scenario, scenarioSettings } from './scenario-settings.ts';

export type LoadedScenario =
  | { readonly ok: true; readonly scenario: Scenario }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export function loadScenario(file: string): LoadedScenario {
  try {
    return parseScenario(readFileSync(file, 'utf8'));
  } catch (error) {
    const message = `cannot be read: ${messageOf(error)}`;
    const hint = 'Name a scenario file, or one of the list that `sluice simulate` prints.';
    return { ok: false, problems: [{ path: '', message, hint }] };
  }
}

export function parseScenario(text: string): LoadedScenario {
  const yaml = parseYaml(text);
  if (yaml.raw === undefined) return { ok: false, problems: yaml.problems };
  const read = readSettings(scenarioSettings, yaml.raw);
  const problems = [...yaml.problems, ...read.problems];
  const scenario = read.value as Scenario;
  if (problems.length === 0) problems.push(...scenarioRelations(scenario, read.origins));
  return problems.length > 0 ? { ok: false, problems } : { ok: true, scenario };
}
