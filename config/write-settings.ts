// Writes what is made from the settings: config/schema.json, which config/*.yaml name in their first line,
// docs/configuration.md, and the README's table of keys. Run it after a change of the settings or of the
// texts in config/reference/: `npm run settings`. Tests keep all three true.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { jsonSchemaText } from './json-schema.ts';
import { type HandWritten, keyTable, referenceText } from './reference/reference.ts';

const BEGIN = '<!-- settings:begin (generated: npm run settings) -->';
const END = '<!-- settings:end -->';
const TEXTS = new URL('reference/', import.meta.url);

/** The README with the table in its place. */
export function withKeyTable(readme: string): string {
  const [before, rest] = readme.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error('the README has no place for the table of settings');
  return `${before}${BEGIN}\n${keyTable((key) => `docs/configuration.md#${key}`)}\n${END}${after}`;
}

/** The parts of docs/configuration.md that are written by hand. */
export function handWritten(): HandWritten {
  const files = readdirSync(TEXTS).filter((file) => file.endsWith('.md'));
  return new Map(files.map((file) => [file.slice(0, -3), readFileSync(new URL(file, TEXTS), 'utf8')]));
}

if (import.meta.main) {
  const readme = new URL('../README.md', import.meta.url);
  writeFileSync(new URL('schema.json', import.meta.url), jsonSchemaText());
  writeFileSync(new URL('../docs/configuration.md', import.meta.url), referenceText(handWritten()));
  writeFileSync(readme, withKeyTable(readFileSync(readme, 'utf8')));
}
