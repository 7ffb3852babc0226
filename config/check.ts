// What `sluice check` and a refused start print: problems, one line each; the effective configuration, as
// YAML that can be used as a file. Secrets are masked, here and nowhere else.

import { stringify } from 'yaml';
import type { Field } from './schema/field.ts';
import type { Problem } from './schema/problem.ts';
import { formatQuantity } from './schema/units.ts';
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
  const text = `${where === '' ? '' : `${where}: `}${message}.${hint === '' ? '' : ` ${hint}`}`;
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
