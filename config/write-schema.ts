// Writes config/schema.json, the JSON Schema that config/*.yaml name in their first line.
// Run it after a change of the settings: `node config/write-schema.ts`.

import { writeFileSync } from 'node:fs';
import { jsonSchemaText } from './json-schema.ts';

writeFileSync(new URL('schema.json', import.meta.url), jsonSchemaText());
