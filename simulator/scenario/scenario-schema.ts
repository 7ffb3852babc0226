// The scenario as JSON Schema, for editors: `sluice simulate --schema`. It accepts what loadScenario accepts, except
// the rules between settings (scenario-relations.ts).

import { type JsonSchema, schemaOf } from '../../config/json-schema.ts';
import { scenarioSettings } from './scenario-settings.ts';

export function scenarioSchema(): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Scenario of the Sluice simulator',
    ...schemaOf(scenarioSettings),
    type: 'object', // an empty file lacks all that is required
  };
}

export function scenarioSchemaText(): string {
  return `${JSON.stringify(scenarioSchema(), null, 2)}\n`;
}
