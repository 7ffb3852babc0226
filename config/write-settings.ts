// Writes what is made from the settings: config/schema.json, which config/*.yaml name in their first line, and the
// README's table of settings. Run it after a change of the settings: `npm run settings`. A test keeps both true.

import { readFileSync, writeFileSync } from 'node:fs';
import { helpTable } from './check.ts';
import { jsonSchemaText } from './json-schema.ts';

const BEGIN = '<!-- settings:begin (generated: npm run settings) -->';
const END = '<!-- settings:end -->';

/** The README with the table in its place. */
export function withSettingsTable(readme: string): string {
  const [before, rest] = readme.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error('the README has no place for the table of settings');
  return `${before}${BEGIN}\n${helpTable().trim()}\n${END}${after}`;
}

if (import.meta.main) {
  const readme = new URL('../README.md', import.meta.url);
  writeFileSync(new URL('schema.json', import.meta.url), jsonSchemaText());
  writeFileSync(readme, withSettingsTable(readFileSync(readme, 'utf8')));
}
