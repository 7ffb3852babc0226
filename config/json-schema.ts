// The settings as JSON Schema (draft 2020-12), for editors: completion, help, and most mistakes while typing.
// It accepts what loadConfig accepts, except rules between settings and the finer rules of topics.
// config/schema.json is written from it by write-settings.ts and compared with it in the tests.

import type {
  Field,
  ListField,
  MapField,
  ObjectField,
  StringField,
  UnionField,
  UrlField,
} from './schema/field.ts';
import { formatQuantity, quantityPattern, quantityUnits } from './schema/units.ts';
import { settings } from './settings.ts';

const lineWidth = 110;

export type JsonSchema = { readonly [keyword: string]: unknown };

export function jsonSchema(): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Sluice configuration',
    ...objectSchema(settings),
    type: ['object', 'null'],
  };
}

/** The text of config/schema.json: two spaces, short lists on one line. */
export function jsonSchemaText(): string {
  const text = JSON.stringify(jsonSchema(), null, 2);
  const short = text.replace(/^(.*)\[\n([^[\]{}]*?)\n\s*\](,?)$/gm, (whole, before, items, comma) => {
    const line = `${before}[${items.trim().replace(/,\n\s*/g, ', ')}]${comma}`;
    return line.length <= lineWidth ? line : whole;
  });
  return `${short}\n`;
}

/** The schema of one setting and of all that it holds. */
export function schemaOf(field: Field): JsonSchema {
  switch (field.kind) {
    case 'object':
      return { ...objectSchema(field), type: ['object', 'null'] };
    case 'union':
      return unionSchema(field);
    case 'list':
      return listSchema(field);
    case 'map':
      return mapSchema(field);
    case 'string':
      return described(field, stringKeywords(field));
    case 'url':
      return described(field, urlKeywords(field));
    case 'bool':
      return described(field, { type: 'boolean' });
    case 'enum':
      return described(field, { enum: [...field.values] });
    case 'int':
      return described(field, { type: 'integer', minimum: field.min, maximum: field.max });
    case 'decimal':
      return described(field, { type: 'number', minimum: field.min, maximum: field.max });
    default: {
      const { kind, min, max } = field;
      const range = `${formatQuantity(kind, min)} to ${formatQuantity(kind, max)}`;
      const defaults = field.default === undefined ? {} : { default: formatQuantity(kind, field.default) };
      return {
        description: `${field.help} ${range}, in ${quantityUnits(kind)}.`,
        anyOf: [
          { type: kind === 'rate' ? 'number' : 'integer', minimum: min, maximum: max },
          { type: 'string', pattern: quantityPattern(kind) },
        ],
        ...defaults,
      };
    }
  }
}

function described(field: Field & { readonly default?: unknown }, keywords: JsonSchema): JsonSchema {
  const defaults = field.default === undefined ? {} : { default: field.default };
  return { description: field.help, ...keywords, ...defaults };
}

function stringKeywords(field: StringField): JsonSchema {
  const length = field.lengthMax === undefined ? {} : { maxLength: field.lengthMax };
  if (field.pattern === undefined) return { type: 'string', ...length };
  const optional = field.default === '' ? '?' : '';
  return { type: 'string', pattern: `^(?:${field.pattern})${optional}$`, ...length };
}

function urlKeywords({ schemes, default: preset }: UrlField): JsonSchema {
  const written = `(${schemes.join('|')})://[^\\s@#]+`;
  return { type: 'string', pattern: preset === '' ? `^(?:${written})?$` : `^${written}$` };
}

function objectSchema(field: ObjectField): JsonSchema {
  const entries = Object.entries(field.fields);
  const required = entries.filter(([, inner]) => isRequired(inner)).map(([key]) => key);
  return {
    type: 'object',
    description: field.help,
    properties: Object.fromEntries(entries.map(([key, inner]) => [key, schemaOf(inner)])),
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
  };
}

/** Objects and maps are never required: what they hold has defaults, or is optional by being a map. */
function isRequired(field: Field): boolean {
  if (field.kind === 'object' || field.kind === 'map') return false;
  return field.kind === 'union' || field.default === undefined;
}

function unionSchema(field: UnionField): JsonSchema {
  const variants = Object.entries(field.variants).map(([type, variant]) => {
    const object = objectSchema(variant);
    return {
      ...object,
      properties: { type: { const: type, description: variant.help }, ...(object.properties as object) },
      required: ['type', ...((object.required as string[] | undefined) ?? [])],
    };
  });
  return { description: field.help, oneOf: variants };
}

function listSchema(field: ListField): JsonSchema {
  return described(field, {
    type: field.default === undefined ? 'array' : ['array', 'null'],
    items: schemaOf(field.item),
    minItems: field.lengthMin,
    maxItems: field.lengthMax,
  });
}

function mapSchema(field: MapField): JsonSchema {
  return described(field, {
    type: ['object', 'null'],
    propertyNames: { pattern: `^(?:${field.pattern})$` },
    additionalProperties: schemaOf(field.item),
    maxProperties: field.entriesMax,
  });
}
