// Environment variables over the file: SLUICE_COMMIT__LINGERMS=5ms sets commit.lingerMs. A double underscore
// is a dot, case does not matter, a number is a place in a list, and a single underscore in a name of a map's
// entry may stand for a dash. A list or map is written as YAML in one line:
// SLUICE_LANES='[{name: main, match: ["#"]}]'. Unknown names are problems.
// Works on raw settings, before they are read, so that the same rules and messages apply.

import type { Field, ObjectField } from './field.ts';
import { nearestKey } from './nearest-key.ts';
import { type Fault, type Origin, type Problem, problemAt } from './problem.ts';
import { emptyMap, isNothing, type Raw, type RawMap, rawFrom, withOrigin } from './raw.ts';
import { settingList } from './setting-list.ts';
import { parseYaml } from './yaml-source.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const prefix = 'SLUICE_';
/** Names the configuration file; read by the command line. */
const fileVariable = 'SLUICE_CONFIG';

export interface Overlay {
  readonly raw: Raw | undefined;
  readonly problems: readonly Problem[];
  /** Names of the variables that were applied. */
  readonly variables: readonly string[];
}

/** Sets what the environment says in `raw`, which is changed in place. */
export function applyEnvironment(
  schema: ObjectField,
  raw: Raw | undefined,
  environment: Environment,
): Overlay {
  const names = Object.keys(environment).filter((name) => name.startsWith(prefix) && name !== fileVariable);
  if (names.length === 0) return { raw, problems: [], variables: [] };
  const root = raw?.kind === 'map' ? raw : emptyMap(raw?.origin ?? {});
  if (raw && raw.kind !== 'map' && !isNothing(raw)) return { raw, problems: [], variables: [] };
  const problems: Problem[] = [];
  const settled = new Map<string, string>();
  // A whole list before one of its items, and always in the same order.
  const flat = settingList(schema).map(({ path }) => path.replaceAll('.', '__').toUpperCase());
  const ordered = names.map((name) => ({ name, parts: name.slice(prefix.length).split('__') }));
  ordered.sort((a, b) => a.parts.length - b.parts.length || (a.name < b.name ? -1 : 1));
  for (const { name, parts } of ordered) {
    const target = new Target({ name, parts, text: environment[name] ?? '', flat });
    const fault = target.set(schema, root);
    const path = target.path.join('.');
    const twin = settled.get(path);
    if (!fault) settled.set(path, name);
    const twice = twin && { message: `is also set by ${twin}`, hint: 'Keep one of them.' };
    const wrong = fault ?? twice;
    if (wrong) problems.push(problemAt({ path: target.path, origin: target.origin }, wrong));
  }
  return { raw: root, problems, variables: names.sort() };
}

interface Variable {
  readonly name: string;
  /** What stands between the double underscores. */
  readonly parts: readonly string[];
  readonly text: string;
  /** All settings spelled as variables without the prefix, for suggestions. */
  readonly flat: readonly string[];
}

/** One variable on its way down the tree. */
class Target {
  readonly origin: Origin;
  /** The setting as it is spelled in the schema, as far as it was found. */
  readonly path: (string | number)[] = [];
  readonly #parts: readonly string[];
  readonly #text: string;
  readonly #flat: readonly string[];

  constructor({ name, parts, text, flat }: Variable) {
    this.#parts = parts;
    this.#text = text;
    this.#flat = flat;
    this.origin = { variable: name };
  }

  /** Goes one part further below `field`, whose value is `raw`; the result is what is wrong. */
  set(field: Field, raw: Raw): Fault | undefined {
    const part = this.#parts[this.path.length]!;
    switch (field.kind) {
      case 'object':
        return this.#setKey(field.fields, raw as RawMap, part);
      case 'union': {
        const variants = Object.values(field.variants).map((variant) => variant.fields);
        const type: Field = { kind: 'string', help: field.help };
        return this.#setKey(Object.assign({ type }, ...variants), raw as RawMap, part);
      }
      case 'map': {
        const { entries } = raw as RawMap;
        const wanted = part.toLowerCase();
        const existing = [...entries.keys()].find((key) => key.toLowerCase().replaceAll('-', '_') === wanted);
        const name = existing ?? wanted.replaceAll('_', '-');
        return this.#setEntry(entries, name, field.item);
      }
      case 'list':
        return this.#setItem(field.item, raw, part);
      default:
        return this.#unknown(part, []);
    }
  }

  #setKey(fields: Readonly<Record<string, Field>>, raw: RawMap, part: string): Fault | undefined {
    const key = Object.keys(fields).find((known) => known.toLowerCase() === part.toLowerCase());
    if (key === undefined) return this.#unknown(part, Object.keys(fields));
    return this.#setEntry(raw.entries, key, fields[key]!);
  }

  #setEntry(entries: RawMap['entries'], key: string, field: Field): Fault | undefined {
    this.path.push(key);
    const entry = entries.get(key);
    const outcome = this.#below(field, entry?.value);
    if ('message' in outcome) return outcome;
    entries.set(key, { key: entry?.key ?? this.origin, value: outcome });
    return undefined;
  }

  #setItem(field: Field, raw: Raw, part: string): Fault | undefined {
    if (raw.kind !== 'list') return this.#unknown(part, []);
    const index = /^\d{1,4}$/.test(part) ? Number(part) : Number.NaN;
    if (!(index <= raw.items.length)) {
      return {
        message: `${part.slice(0, 20)} is not a place in a list of ${raw.items.length}`,
        hint: `Use a number from 0 to ${raw.items.length}, the last of which adds an entry.`,
      };
    }
    this.path.push(index);
    const outcome = this.#below(field, raw.items[index]);
    if ('message' in outcome) return outcome;
    raw.items[index] = outcome;
    return undefined;
  }

  /** What takes the place of `present`: the text, at the end of the path; else `present` changed. */
  #below(field: Field, present: Raw | undefined): Raw | Fault {
    const container = ['object', 'union', 'list', 'map'].includes(field.kind);
    if (this.path.length === this.#parts.length) {
      if (container) return this.#parsed();
      const origin = this.origin;
      return { kind: 'scalar', value: this.#text, text: this.#text, untyped: true, origin };
    }
    const below = container && isNothing(present) ? this.#fresh(field) : present;
    const expected = field.kind === 'list' ? 'list' : container ? 'map' : 'scalar';
    // Something of the wrong kind in the file: its own problem is reported when it is read.
    if (below !== undefined && below.kind !== expected) return below;
    return this.set(field, below ?? emptyMap(this.origin)) ?? below ?? emptyMap(this.origin);
  }

  #fresh(field: Field): Raw {
    if (field.kind === 'list') return rawFrom(field.default ?? [], this.origin);
    return emptyMap(this.origin);
  }

  #parsed(): Raw | Fault {
    const { raw, problems } = parseYaml(this.#text);
    const first = problems[0];
    if (first) return { message: first.message, hint: 'Write the value as YAML in one line, [ ] or { }.' };
    return withOrigin(raw!, this.origin);
  }

  #unknown(part: string, known: readonly string[]): Fault {
    const before = this.#parts.slice(0, this.path.length);
    const near = nearestKey(part, known);
    const after = this.#parts.slice(this.path.length + 1);
    const suggestion = near
      ? [...before, near.toUpperCase(), ...after].join('__')
      : nearestKey(this.#parts.join('__'), this.#flat);
    return {
      message: 'names no setting',
      hint: suggestion
        ? `Did you mean ${prefix}${suggestion}?`
        : 'Parts are separated by two underscores, as in SLUICE_COMMIT__LINGERMS for commit.lingerMs.',
    };
  }
}
