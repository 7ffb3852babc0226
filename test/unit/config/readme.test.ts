import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { withSettingsTable } from '../../../config/write-settings.ts';

test("the README's table of settings is the one made from the schema (npm run settings)", () => {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  expect(readme).toBe(withSettingsTable(readme));
});
