// From a scenario file to a Scenario, or to every problem with it at once. Files that the scenario names are looked
// for beside it, wherever the simulator runs.

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { messageOf } from '../../config/errors.ts';
import type { Problem } from '../../config/schema/problem.ts';
import { readSettings } from '../../config/schema/reader.ts';
import { parseYaml } from '../../config/schema/yaml-source.ts';
import { scenarioRelations } from './scenario-relations.ts';
import { type Group, type Scenario, scenarioSettings } from './scenario-settings.ts';

export type LoadedScenario =
  | { readonly ok: true; readonly scenario: Scenario }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export function loadScenario(file: string): LoadedScenario {
  try {
    return parseScenario(readFileSync(file, 'utf8'), dirname(file));
  } catch (error) {
    const message = `cannot be read: ${messageOf(error)}`;
    const hint = 'Name a scenario file, or one of the list that `sluice simulate` prints.';
    return { ok: false, problems: [{ path: '', message, hint }] };
  }
}

/** `directory` is what relative names of files in it are relative to. */
export function parseScenario(text: string, directory = '.'): LoadedScenario {
  const yaml = parseYaml(text);
  if (yaml.raw === undefined) return { ok: false, problems: yaml.problems };
  const read = readSettings(scenarioSettings, yaml.raw);
  const problems = [...yaml.problems, ...read.problems];
  const scenario = read.value as Scenario;
  if (problems.length === 0) problems.push(...scenarioRelations(scenario, read.origins));
  return problems.length > 0 ? { ok: false, problems } : { ok: true, scenario: settled(scenario, directory) };
}

/** With absolute names of files. */
function settled(scenario: Scenario, directory: string): Scenario {
  const groups = Object.entries(scenario.groups).map(([name, group]) => [name, withFiles(group, directory)]);
  return { ...scenario, groups: Object.fromEntries(groups) as Scenario['groups'] };
}

function withFiles(group: Group, directory: string): Group {
  const { tls, profile, payload } = group;
  const absolute = (file: string) => (file === '' ? '' : resolve(directory, file));
  return {
    ...group,
    tls: { ...tls, ca: absolute(tls.ca), cert: absolute(tls.cert), key: absolute(tls.key) },
    profile: profile.type === 'replay' ? { ...profile, file: absolute(profile.file) } : profile,
    payload: payload.type === 'replay' ? { ...payload, file: absolute(payload.file) } : payload,
  };
}
