// A scenario against another system than the one it names: a rival, or a gateway that runs already.

import { object } from '../../config/schema/field.ts';
import type { Problem } from '../../config/schema/problem.ts';
import { readSettings } from '../../config/schema/reader.ts';
import { parseYaml } from '../../config/schema/yaml-source.ts';
import type { LoadedScenario } from './load-scenario.ts';
import { scenarioRelations } from './scenario-relations.ts';
import { type Scenario, type System, systemSettings } from './scenario-settings.ts';

/** As it would be written in the file: `{ type: mosquitto-bridge }`. */
export type WrittenSystem = Readonly<Record<string, string>> & { readonly type: System['type'] };

export function against(scenario: Scenario, written: WrittenSystem): LoadedScenario {
  const yaml = parseYaml(JSON.stringify({ system: written })); // JSON is YAML
  const read = readSettings(object('A system.', { system: systemSettings }), yaml.raw);
  const { system } = read.value as { system: System };
  const problems: Problem[] = [...yaml.problems, ...read.problems];
  const other = { ...scenario, system };
  if (problems.length === 0) problems.push(...scenarioRelations(other, new Map()));
  return problems.length > 0 ? { ok: false, problems } : { ok: true, scenario: other };
}
