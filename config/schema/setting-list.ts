// Every setting of a schema as a flat list, in the order of declaration: for help, for suggestions and for
// tests. Paths hold placeholders where the file has a number or a name: `listeners[].port`,
// `sinks.<name>.url`.

import type { Field } from './field.ts';

export interface Setting {
  readonly path: string;
  /** Last part of the path, without placeholders. */
  readonly key: string;
  readonly field: Field;
  /** The `type` this setting belongs to, where several types have different settings. */
  readonly variant?: string | undefined;
}

/** All settings, containers before what they hold; the root itself is not one. */
export function settingList(field: Field, path = '', key = '', variant?: string): Setting[] {
  const self: Setting[] = path === '' ? [] : [{ path, key, field, variant }];
  switch (field.kind) {
    case 'object':
      return [...self, ...fieldsOf(field.fields, path, variant)];
    case 'list':
      return [...self, ...settingList(field.item, `${path}[]`, key, variant).slice(1)];
    case 'map':
      return [...self, ...settingList(field.item, `${path}.<${field.entry}>`, key, variant).slice(1)];
    case 'union': {
      const types = Object.keys(field.variants);
      const type: Field = { kind: 'enum', help: field.help, values: types };
      const inner = Object.entries(field.variants).flatMap(([name, object]) =>
        fieldsOf(object.fields, path, types.length > 1 ? name : variant),
      );
      return [...self, { path: `${path}.type`, key: 'type', field: type }, ...inner];
    }
    default:
      return self;
  }
}

function fieldsOf(fields: Readonly<Record<string, Field>>, path: string, variant?: string): Setting[] {
  return Object.entries(fields).flatMap(([key, field]) =>
    settingList(field, path === '' ? key : `${path}.${key}`, key, variant),
  );
}
