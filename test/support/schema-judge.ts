// What a JSON Schema says of a value, as far as our schemas go: enough to compare them with what our readers accept.
// Throws for a keyword that it does not know, so that nothing is passed over.

import type { JsonSchema } from '../../config/json-schema.ts';

type Schemas = Readonly<Record<string, JsonSchema>>;
type Judge = (value: unknown, wanted: never, schema: JsonSchema) => string[];

const SAYS_NOTHING = ['$schema', 'title', 'description', 'default'];

const judges: Readonly<Record<string, Judge>> = {
  type: (value, wanted: string | string[]) =>
    [wanted].flat().some((type) => isOfType(value, type)) ? [] : [`is no ${wanted}`],
  const: (value, wanted: unknown) => (value === wanted ? [] : [`is not ${wanted}`]),
  enum: (value, wanted: unknown[]) => (wanted.includes(value) ? [] : [`is none of ${wanted}`]),
  pattern: (value, wanted: string) =>
    typeof value !== 'string' || new RegExp(wanted, 'u').test(value) ? [] : [`does not match ${wanted}`],
  maxLength: (value, wanted: number) =>
    typeof value !== 'string' || value.length <= wanted ? [] : ['is too long'],
  minimum: (value, wanted: number) => (typeof value !== 'number' || value >= wanted ? [] : ['is too small']),
  maximum: (value, wanted: number) => (typeof value !== 'number' || value <= wanted ? [] : ['is too large']),
  minItems: (value, wanted: number) => (!Array.isArray(value) || value.length >= wanted ? [] : ['is short']),
  maxItems: (value, wanted: number) => (!Array.isArray(value) || value.length <= wanted ? [] : ['is long']),
  maxProperties: (value, wanted: number) => (keysOf(value).length <= wanted ? [] : ['has too many']),
  required: (value, wanted: string[]) =>
    isMap(value) ? wanted.filter((key) => !(key in value)).map((key) => `lacks ${key}`) : [],
  properties: (value, wanted: Schemas) =>
    keysOf(value).flatMap((key) => (key in wanted ? below(key, (value as never)[key], wanted[key]!) : [])),
  additionalProperties: (value, wanted: JsonSchema | false, { properties = {} }) =>
    keysOf(value)
      .filter((key) => !(key in (properties as object)))
      .flatMap((key) => (wanted === false ? [`has ${key}`] : below(key, (value as never)[key], wanted))),
  propertyNames: (value, wanted: JsonSchema) => keysOf(value).flatMap((key) => faultsOf(key, wanted)),
  items: (value, wanted: JsonSchema) =>
    Array.isArray(value) ? value.flatMap((item, i) => below(String(i), item, wanted)) : [],
  anyOf: (value, wanted: JsonSchema[]) =>
    wanted.some((schema) => faultsOf(value, schema).length === 0) ? [] : ['is nothing of anyOf'],
  oneOf: (value, wanted: JsonSchema[]) =>
    wanted.filter((schema) => faultsOf(value, schema).length === 0).length === 1
      ? []
      : ['is not one of oneOf'],
};

/** What is wrong with the value; nothing when the schema accepts it. */
export function faultsOf(value: unknown, schema: JsonSchema): string[] {
  return Object.entries(schema).flatMap(([keyword, wanted]) => {
    if (SAYS_NOTHING.includes(keyword)) return [];
    const judge = judges[keyword];
    if (judge === undefined) throw new Error(`this judge does not know the keyword ${keyword}`);
    return judge(value, wanted as never, schema);
  });
}

function below(key: string, value: unknown, schema: JsonSchema): string[] {
  return faultsOf(value, schema).map((fault) => `${key} ${fault}`);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function keysOf(value: unknown): string[] {
  return isMap(value) ? Object.keys(value) : [];
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case 'object':
      return isMap(value);
    case 'array':
      return Array.isArray(value);
    case 'null':
      return value === null;
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}
