import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type JsonSchema, jsonSchema, jsonSchemaText } from '../../../config/json-schema.ts';
import { settingList } from '../../../config/schema/setting-list.ts';
import { settings } from '../../../config/settings.ts';

function file(name: string): string {
  return readFileSync(new URL(`../../../config/${name}`, import.meta.url), 'utf8');
}

test('config/schema.json is what `npm run settings` writes', () => {
  expect(file('schema.json')).toBe(jsonSchemaText());
  expect(JSON.parse(jsonSchemaText())).toEqual(jsonSchema());
});

test.each(['default.yaml', 'example.yaml'])('%s names the schema in its first line', (name) => {
  expect(file(name).split('\n')[0]).toBe('# yaml-language-server: $schema=./schema.json');
});

test('it declares the draft it is written in', () => {
  expect(jsonSchema().$schema).toBe('https://json-schema.org/draft/2020-12/schema');
});

type Schemas = Readonly<Record<string, JsonSchema>>;

/** The schemas that a path such as `listeners[].port` leads to: one, or one per type. */
function schemasAt(path: string): JsonSchema[] {
  let found: JsonSchema[] = [jsonSchema()];
  for (const part of path.replaceAll('[]', '.[]').split('.')) {
    found = found.flatMap((schema): JsonSchema[] => {
      if (part === '[]') return variants(schema.items as JsonSchema);
      if (part.startsWith('<')) return variants(schema.additionalProperties as JsonSchema);
      const inner = (schema.properties as Schemas | undefined)?.[part];
      return inner === undefined ? [] : [inner];
    });
  }
  return found;
}

function variants(schema: JsonSchema): JsonSchema[] {
  return (schema.oneOf as JsonSchema[] | undefined) ?? [schema];
}

describe('every setting', () => {
  test.each(settingList(settings).map(({ path }) => path))('%s is in it with a description', (path) => {
    const schemas = schemasAt(path);
    expect(schemas.length).toBeGreaterThan(0);
    for (const schema of schemas) expect(schema.description).toMatch(/\.$/);
  });
});

describe('what it accepts', () => {
  test('no unknown key, in no object', () => {
    const objects = JSON.stringify(jsonSchema()).match(/"properties":/g)!.length;
    const closed = JSON.stringify(jsonSchema()).match(/"additionalProperties":false/g)!.length;
    expect(closed).toBe(objects);
  });

  test('quantities as numbers within bounds, and as text with units', () => {
    const [schema] = schemasAt('commit.lingerMs');
    expect(schema).toMatchObject({
      default: '20ms',
      anyOf: [{ type: 'integer', minimum: 0, maximum: 1000 }, { type: 'string' }],
    });
    const [, text] = schema!.anyOf as { pattern: string }[];
    const pattern = new RegExp(text!.pattern, 'u');
    for (const good of ['2ms', '0.5s', '10', '1 m']) expect(good).toMatch(pattern);
    for (const bad of ['2 parsecs', '-1s', '1KiB', 's']) expect(bad).not.toMatch(pattern);
  });

  test('text by the pattern of the setting, and empty text where that is the default', () => {
    const [schema] = schemasAt('gateway.id');
    const pattern = new RegExp(schema!.pattern as string, 'u');
    for (const good of ['', 'plant-7', 'A.b_c']) expect(good).toMatch(pattern);
    for (const bad of ['a b', 'x'.repeat(65)]) expect(bad).not.toMatch(pattern);
  });

  test('an empty URL where that is the default', () => {
    const patternAt = (path: string) => new RegExp(schemasAt(path)[0]!.pattern as string, 'u');
    const hook = patternAt('access.hook.url');
    for (const good of ['', 'http://h', 'https://h:1/p?key=x']) expect(good).toMatch(hook);
    for (const bad of ['mqtt://h', 'http://u:p@h', 'h']) expect(bad).not.toMatch(hook);
    expect('').not.toMatch(patternAt('sinks.<name>.url'));
  });

  test('only the values of an enumeration', () => {
    expect(schemasAt('sinks.<name>.qos')).toMatchObject([{ enum: [1, 2], default: 1 }]);
  });

  test('entries of a list by their type', () => {
    expect(schemasAt('listeners[].type').map((schema) => schema.const)).toEqual(['tcp', 'ws', 'tls', 'wss']);
  });

  test('what has no default only when it is there', () => {
    const lanes = schemasAt('lanes')[0]?.items as JsonSchema;
    expect(lanes.required).toEqual(['name', 'match']);
    expect(jsonSchema().required).toBeUndefined();
  });
});
