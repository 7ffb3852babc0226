// Reads one scalar setting: is it of its type, within its bounds, of its form? Says so in words otherwise.
// The value of a secret is in no message, and neither is a URL that may hold one.

import type { BoolField, EnumField, NumberField, StringField, UrlField } from './field.ts';
import { nearestKey } from './nearest-key.ts';
import { type Fault, quoted } from './problem.ts';
import type { RawScalar } from './raw.ts';
import { formatQuantity, parseQuantity, quantityUnits } from './units.ts';

export type Reading =
  | { readonly kind: 'value'; readonly value: string | number | boolean }
  | ({ readonly kind: 'fault' } & Fault);

export type ScalarField = StringField | UrlField | NumberField | EnumField | BoolField;

export function readScalar(field: ScalarField, raw: RawScalar): Reading {
  if (raw.value === null) return fault('has no value', `Give it one, or remove the key. ${wanted(field)}`);
  switch (field.kind) {
    case 'string':
      return readString(field, raw);
    case 'url':
      return readUrl(field, raw);
    case 'bool':
      return readBool(raw);
    case 'enum':
      return readEnum(field, raw);
    default:
      return readNumber(field, raw);
  }
}

/** What the setting wants, one sentence: the hint of most problems. */
export function wanted(field: ScalarField): string {
  switch (field.kind) {
    case 'string':
      if (field.form !== undefined) return `Write ${field.form}.`;
      return `Write text${field.lengthMax ? ` of at most ${field.lengthMax} characters` : ''}.`;
    case 'url':
      return `Write a URL that begins with ${alternatives(field.schemes.map((scheme) => `${scheme}://`))}.`;
    case 'bool':
      return 'Write true or false.';
    case 'enum':
      return `Write ${alternatives(field.values.map(String))}.`;
    case 'int':
      return `Write a whole number from ${field.min} to ${field.max}.`;
    case 'decimal':
      return `Write a number from ${field.min} to ${field.max}.`;
    default: {
      const [min, max] = [formatQuantity(field.kind, field.min), formatQuantity(field.kind, field.max)];
      const noun = { duration: 'time', bytes: 'size', rate: 'rate' }[field.kind];
      return `Write a ${noun} from ${min} to ${max}, in ${quantityUnits(field.kind)}.`;
    }
  }
}

export function alternatives(words: readonly string[]): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

function value(parsed: string | number | boolean): Reading {
  return { kind: 'value', value: parsed };
}

function fault(message: string, hint: string): Reading {
  return { kind: 'fault', message, hint };
}

/** The value as it was written: text in quotes, everything else bare. */
function shown(raw: RawScalar): string {
  if (raw.untyped || typeof raw.value === 'string') return quoted(String(raw.value));
  return /^[\w.+-]{1,40}$/.test(raw.text) ? raw.text : quoted(raw.text);
}

function readString(field: StringField, raw: RawScalar): Reading {
  const name = field.secret ? 'its value' : shown(raw);
  if (typeof raw.value !== 'string') {
    return fault(`${name} is not text`, 'Put it in quotes if it is meant as text.');
  }
  const text = raw.value;
  if (text === '' && field.default === '') return value(text);
  const reason =
    controlFault(text, field.multiline === true) ??
    (field.lengthMax !== undefined && text.length > field.lengthMax
      ? `has ${text.length} characters, more than ${field.lengthMax}`
      : undefined) ??
    (field.pattern !== undefined && !new RegExp(`^(?:${field.pattern})$`, 'u').test(text)
      ? 'does not have the right form'
      : undefined) ??
    field.check?.(text);
  return reason === undefined ? value(text) : fault(`${name} ${reason}`, wanted(field));
}

function controlFault(text: string, isMultiline: boolean): string | undefined {
  const line = isMultiline ? text.replaceAll(/[\t\r\n]/g, ' ') : text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(line)) return 'has a control character or a line break';
  return text.isWellFormed() ? undefined : 'is not valid Unicode';
}

function readUrl(field: UrlField, raw: RawScalar): Reading {
  const text = typeof raw.value === 'string' ? raw.value : raw.text;
  if (raw.value === '' && field.default === '') return value('');
  // What comes before an @ or after a ? can be a secret.
  const name = /[@?]/.test(text) ? 'the URL' : quoted(text);
  const url = /^[\x21-\x7e]{1,2048}$/.test(text) ? URL.parse(text) : null;
  if (!url || !text.includes('://') || url.hostname === '')
    return fault(`${name} is not a URL`, wanted(field));
  if (!field.schemes.includes(url.protocol.slice(0, -1))) {
    return fault(`${name} has a scheme that cannot be used here`, wanted(field));
  }
  if (url.username !== '' || url.password !== '' || text.includes('@')) {
    return fault('the URL holds a user name or password', field.instead ?? 'Remove them.');
  }
  if (url.hash !== '') return fault(`${name} has a fragment (#)`, 'Remove the # and what follows it.');
  return value(text);
}

function readBool(raw: RawScalar): Reading {
  if (typeof raw.value === 'boolean') return value(raw.value);
  if (raw.untyped && /^(true|false)$/i.test(`${raw.value}`)) return value(/^true$/i.test(`${raw.value}`));
  return fault(`${shown(raw)} is neither true nor false`, 'Write true or false.');
}

function readEnum(field: EnumField, raw: RawScalar): Reading {
  // `version: 5` means '5' where that is a word of the list: nobody can tell a number from a word by looking at it.
  const found = field.values.find((known) =>
    raw.untyped || (typeof known === 'string' && typeof raw.value === 'number')
      ? String(known) === String(raw.value)
      : known === raw.value,
  );
  if (found !== undefined) return value(found);
  const near = nearestKey(
    String(raw.value),
    field.values.filter((known) => typeof known === 'string'),
  );
  const hint = near === undefined ? wanted(field) : `Did you mean ${near}? ${wanted(field)}`;
  return fault(`${shown(raw)} is not one of its values`, hint);
}

function readNumber(field: NumberField, raw: RawScalar): Reading {
  const number = numberOf(field, raw);
  if (field.needsUnit === true && typeof raw.value === 'number' && raw.value !== 0)
    return fault(`${shown(raw)} has no unit`, wanted(field));
  if (number === undefined) {
    const kind = {
      int: 'a whole number',
      decimal: 'a number',
      duration: 'a time in whole milliseconds',
      bytes: 'a size in whole bytes',
      rate: 'a rate',
    };
    return fault(`${shown(raw)} is not ${kind[field.kind]}`, wanted(field));
  }
  if (number < field.min)
    return fault(`${shown(raw)} is less than ${bound(field, field.min)}`, wanted(field));
  if (number > field.max)
    return fault(`${shown(raw)} is more than ${bound(field, field.max)}`, wanted(field));
  return value(number);
}

function bound(field: NumberField, limit: number): string {
  return field.kind === 'int' || field.kind === 'decimal' ? `${limit}` : formatQuantity(field.kind, limit);
}

/** As text from the environment. */
const wholeNumber = /^-?\d{1,15}$/;
const decimalNumber = /^-?\d{1,15}(?:\.\d{1,15})?$/;

function numberOf(field: NumberField, raw: RawScalar): number | undefined {
  // Adding zero turns -0 into 0.
  if (typeof raw.value === 'number') {
    const mayHaveFraction = field.kind === 'decimal' || field.kind === 'rate';
    const isGood = mayHaveFraction ? Number.isFinite(raw.value) : Number.isInteger(raw.value);
    return isGood ? raw.value + 0 : undefined;
  }
  if (typeof raw.value !== 'string') return undefined;
  if (field.kind !== 'int' && field.kind !== 'decimal') return parseQuantity(field.kind, raw.value.trim());
  const form = field.kind === 'int' ? wholeNumber : decimalNumber;
  return raw.untyped && form.test(raw.value.trim()) ? Number(raw.value) + 0 : undefined;
}
