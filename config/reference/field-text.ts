// One setting in words, for docs/configuration.md: which values it takes and what its default is.

import { stringify } from 'yaml';
import { written } from '../check.ts';
import type { Field, ListField } from '../schema/field.ts';
import { formatQuantity } from '../schema/units.ts';

/** Whether it is written as one value, or as a list of such. */
export function isSingle(field: Field): boolean {
  if (field.kind === 'list') return isSingle(field.item);
  return !['object', 'map', 'union'].includes(field.kind);
}

/** What may be written: `time, 50ms to 30s`. */
export function valuesText(field: Field): string {
  switch (field.kind) {
    case 'string':
      if (field.form !== undefined) return field.form;
      return field.lengthMax === undefined ? 'text' : `text of at most ${field.lengthMax} characters`;
    case 'url':
      return `URL with ${alternatives(field.schemes.map((scheme) => `${scheme}://`))}`;
    case 'bool':
      return '`true` or `false`';
    case 'enum':
      return alternatives(field.values.map((value) => `\`${value}\``));
    case 'int':
      return `whole number, ${field.min} to ${field.max}`;
    case 'decimal':
      return `number, ${field.min} to ${field.max}`;
    case 'duration':
    case 'bytes':
    case 'rate': {
      const noun = { duration: 'time', bytes: 'size', rate: 'rate' }[field.kind];
      return `${noun}, ${formatQuantity(field.kind, field.min)} to ${formatQuantity(field.kind, field.max)}`;
    }
    case 'list':
      return `${countText(field)}: ${valuesText(field.item)}`;
    case 'map':
      return `up to ${field.entriesMax} entries by ${field.entry}: ${field.form}`;
    case 'object':
    case 'union':
      return 'settings';
  }
}

/** `list of 1 to 16`. */
export function countText({ lengthMin, lengthMax }: ListField): string {
  return lengthMin === 0 ? `list of up to ${lengthMax}` : `list of ${lengthMin} to ${lengthMax}`;
}

/** As it would be written in the file; "required" where there is none. */
export function defaultText(field: Field): string {
  if (!('default' in field) || field.default === undefined) return 'required';
  const value = written(field, field.default);
  if (typeof value !== 'object') return `\`${value === '' ? '""' : value}\``;
  const flow = stringify(value, { collectionStyle: 'flow', lineWidth: 0, flowCollectionPadding: false });
  return `\`${flow.trim()}\``;
}

function alternatives(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
