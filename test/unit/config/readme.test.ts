import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { settings } from '../../../config/settings.ts';
import { withKeyTable } from '../../../config/write-settings.ts';

const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
const reference = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');

test("the README's table of keys is the one made from the schema (npm run settings)", () => {
  expect(readme).toBe(withKeyTable(readme));
});

test('it has a row for each key of the file, which leads to a section of docs/configuration.md', () => {
  for (const [key, { help }] of Object.entries(settings.fields)) {
    expect(readme.split('\n')).toContain(`| [\`${key}\`](docs/configuration.md#${key}) | ${help} |`);
    expect(reference.split('\n')).toContain(`## ${key}`);
  }
});

test('a README without a place for the table is an error, not a README without a table', () => {
  expect(() => withKeyTable('# Sluice')).toThrow('no place');
});
