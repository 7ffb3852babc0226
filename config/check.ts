// What `sluice check` and a refused start print: problems, one line each; the effective configuration, as
// YAML that can be used as a file; and the table of all settings for the README. Secrets are masked, here and
// nowhere else.

import { stringify } from 'yaml';
import type { Field, ListField, NumberField } from './schema/field.ts';
import type { Problem } from './schema/problem.ts';
import { type Setting, settingList } from './schema/setting-list.ts';
import { formatQuantity, type QuantityKind } from './schema/units.ts';
import { type Config, settings } from './settings.ts';

const mask = '********';

/** One line per problem: where, what is wrong, what to do. No trailing newline; empty without problems. */
export function renderProblems(problems: readonly Problem[], file?: string): string {
  return problems.map((problem) => renderProblem(problem, file)).join('\n');
}

function renderProblem({ path, message, hint, line, column, variable }: Problem, file?: string): string {
  const position = line === undefined ? '' : `:${line}${column === undefined ? '' : `:${column}`}`;
  const place = variable ?? (file === undefined ? '' : `${file}${position}`);
  const where = [place, path].filter((part) => part !== '').join(' ');
  const text = `${where === '' ? '' : `${where}: `}${message}. ${hint}`;
  // Names of files and variables can hold anything.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is replaced
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '?');
}

/** The effective settings as YAML, every value present, quantities with their units, secrets masked. */
export function describeConfig(config: Config): string {
  return stringify(written(settings, config), { lineWidth: 0 });
}

/** `value` as a person would write it, quantities with their units, secrets masked. */
export function written(field: Field, value: unknown): unknown {
  switch (field.kind) {
    case 'object': {
      const held = value as Readonly<Record<string, unknown>>;
      return Object.fromEntries(
        Object.entries(field.fields).map(([key, inner]) => [key, written(inner, held[key])]),
      );
    }
    case 'union': {
      const { type } = value as { type: string };
      return { type, ...(written(field.variants[type]!, value) as object) };
    }
    case 'list':
      return (value as readonly unknown[]).map((item) => written(field.item, item));
    case 'map':
      return Object.fromEntries(
        Object.entries(value as object).map(([name, item]) => [name, written(field.item, item)]),
      );
    case 'duration':
    case 'bytes':
    case 'rate':
      return formatQuantity(field.kind, value as number);
    case 'string':
      return field.secret && value !== '' ? mask : value;
    case 'url':
      // The query of a WebSocket URL can be a token.
      return (value as string).replace(/\?.*$/, `?${mask}`);
    default:
      return value;
  }
}

/** Every setting as a Markdown table: setting, default, meaning. */
export function helpTable(): string {
  const rows = settingList(settings)
    .filter(({ field }) => !['object', 'map', 'union'].includes(field.kind))
    .filter((setting, index, all) => !repeats(setting, all.slice(0, index)))
    .map((setting) => {
      const { path, variant, field } = setting;
      const type = variant !== undefined && !isShared(setting) ? ` (${variant})` : '';
      return `| \`${path}\`${type} | ${defaultText(field)} | ${cell(meaning(field))} |`;
    });
  return ['| setting | default | meaning |', '|---|---|---|', ...rows].join('\n');
}

/** The same setting of another type, with the same default and meaning. */
function repeats(setting: Setting, earlier: readonly Setting[]): boolean {
  return earlier.some((other) => sameRow(setting, other));
}

function isShared(setting: Setting): boolean {
  return settingList(settings).some((other) => other.variant !== setting.variant && sameRow(setting, other));
}

function sameRow(a: Setting, b: Setting): boolean {
  return (
    a.path === b.path &&
    meaning(a.field) === meaning(b.field) &&
    defaultText(a.field) === defaultText(b.field)
  );
}

function isQuantity(field: Field): field is NumberField & { readonly kind: QuantityKind } {
  return field.kind === 'duration' || field.kind === 'bytes' || field.kind === 'rate';
}

function meaning(field: Field): string {
  if (field.kind === 'enum') return `${field.help} (${field.values.join(', ')})`;
  if (field.kind === 'int' || field.kind === 'decimal') return `${field.help} (${field.min} to ${field.max})`;
  if (isQuantity(field)) {
    const { kind, min, max } = field;
    return `${field.help} (${formatQuantity(kind, min)} to ${formatQuantity(kind, max)})`;
  }
  return field.help;
}

function defaultText(field: Field): string {
  if (field.kind === 'list') return listDefault(field);
  if (!('default' in field) || field.default === undefined) return 'required';
  if (field.default === '') return '';
  const text = isQuantity(field) ? formatQuantity(field.kind, field.default!) : `${field.default}`;
  return `\`${text}\``;
}

function listDefault(field: ListField): string {
  if (field.default === undefined) return 'required';
  const items = field.default.map((item) => written(field.item, item));
  const flow = stringify(items, { collectionStyle: 'flow', lineWidth: 0, flowCollectionPadding: false });
  return `\`${cell(flow.trim())}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
