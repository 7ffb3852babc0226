// Raw settings become a value of the schema's type, or a list of everything that is wrong with them.
// Reading goes on after a problem with the default in place of the bad value, and remembers where (`broken`),
// so that later rules can still look at the rest and do not complain about consequences.

import { fileLimits } from '../limits.ts';
import type { Field, ListField, MapField, ObjectField, UnionField } from './field.ts';
import { nearestKey } from './nearest-key.ts';
import { type Fault, type Origin, type Place, type Problem, pathText, problemAt, quoted } from './problem.ts';
import { emptyMap, isNothing, type Raw, type RawMap } from './raw.ts';
import { alternatives, readScalar, type ScalarField, wanted } from './scalar-reader.ts';
import { type Setting, settingList } from './setting-list.ts';

export interface ReadSettings {
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** Where each setting was written, by path; those left to their default are absent. */
  readonly origins: ReadonlyMap<string, Origin>;
  /** Paths whose value is a stand-in. */
  readonly broken: ReadonlySet<string>;
}

export function readSettings(schema: ObjectField, raw: Raw | undefined): ReadSettings {
  const reader = new Reader(settingList(schema));
  const value = reader.read(schema, raw, { path: [], origin: {} });
  return { value, problems: reader.problems, origins: reader.origins, broken: reader.broken };
}

class Reader {
  readonly problems: Problem[] = [];
  readonly origins = new Map<string, Origin>();
  readonly broken = new Set<string>();
  readonly #settings: readonly Setting[];
  #suggestions = 0;

  constructor(settings: readonly Setting[]) {
    this.#settings = settings;
  }

  /** `around` has the setting's path and the origin of what it stands in, for when it is missing. */
  read(field: Field, raw: Raw | undefined, around: Place): unknown {
    const place = { path: around.path, origin: raw?.origin ?? around.origin };
    if (raw) this.origins.set(pathText(place.path), raw.origin);
    switch (field.kind) {
      case 'object':
        return this.#object(field, this.#mapOf(field, raw, place), place);
      case 'union':
        return this.#union(field, this.#mapOf(field, raw, place), place);
      case 'list':
        return this.#list(field, raw, place);
      case 'map':
        return this.#map(field, raw, place);
      default:
        return this.#scalar(field, raw, place);
    }
  }

  #scalar(field: Field & ScalarField, raw: Raw | undefined, place: Place): unknown {
    if (raw === undefined) {
      if (field.default === undefined) this.#report(place, { message: 'is missing', hint: wanted(field) });
      return standIn(field);
    }
    const reading =
      raw.kind === 'scalar'
        ? readScalar(field, raw)
        : { kind: 'fault' as const, message: `is a ${raw.kind}, not a single value`, hint: wanted(field) };
    if (reading.kind === 'value') return reading.value;
    this.#report(place, reading);
    return standIn(field);
  }

  /** The map to read an object from; an empty one when there is none. Anything else is a problem. */
  #mapOf(field: ObjectField | UnionField, raw: Raw | undefined, place: Place): RawMap {
    if (raw?.kind === 'map') return raw;
    if (raw !== undefined && !isNothing(raw)) {
      const first = field.kind === 'object' ? Object.keys(field.fields)[0] : 'type';
      const message =
        place.path.length === 0 ? 'the file is not a map of settings' : 'is not a map of settings';
      this.#report(place, { message, hint: `Write keys with values, such as ${first}: ...` });
    }
    return emptyMap(place.origin);
  }

  #object(field: ObjectField, raw: RawMap, { path }: Place): Record<string, unknown> {
    const keys = Object.keys(field.fields);
    for (const [key, entry] of raw.entries) {
      if (!keys.includes(key)) this.#unknownKey(key, keys, { path: [...path, key], origin: entry.key });
    }
    const read = (key: string) => {
      const place = { path: [...path, key], origin: raw.origin };
      return this.read(field.fields[key]!, raw.entries.get(key)?.value, place);
    };
    return Object.fromEntries(keys.map((key) => [key, read(key)]));
  }

  #union(field: UnionField, raw: RawMap, place: Place): unknown {
    if (this.broken.has(pathText(place.path))) return standIn(field);
    const types = Object.keys(field.variants);
    const given = raw.entries.get('type')?.value;
    const typePlace = { path: [...place.path, 'type'], origin: given?.origin ?? place.origin };
    const type = given?.kind === 'scalar' ? `${given.value}` : '';
    if (types.includes(type)) {
      this.origins.set(pathText(typePlace.path), typePlace.origin);
      const rest = new Map([...raw.entries].filter(([key]) => key !== 'type'));
      return { type, ...this.#object(field.variants[type]!, { ...raw, entries: rest }, place) };
    }
    const shown = given?.kind === 'scalar' ? quoted(given.text) : `a ${given?.kind}`;
    const message = given === undefined ? 'is missing' : `${shown} is not a known type`;
    this.#report(typePlace, { message, hint: `Write type: ${alternatives(types)}.` });
    this.broken.add(pathText(place.path));
    return standIn(field);
  }

  #list(field: ListField, raw: Raw | undefined, place: Place): unknown {
    if (raw === undefined || isNothing(raw)) {
      if (field.default === undefined) {
        this.#report(place, { message: 'is missing', hint: 'Write a list in [ ].' });
      }
      return standIn(field);
    }
    if (raw.kind !== 'list') {
      const hint = 'Write it in [ ], or each item on a line of its own after a dash.';
      this.#report(place, { message: 'is not a list', hint });
      return standIn(field);
    }
    const { lengthMin, lengthMax } = field;
    if (raw.items.length < lengthMin || raw.items.length > lengthMax) {
      const hint = `Give it ${lengthMin} to ${lengthMax} entries.`;
      this.#report(place, { message: `has ${raw.items.length} entries`, hint });
    }
    return raw.items
      .slice(0, lengthMax)
      .map((item, index) =>
        this.read(field.item, item, { path: [...place.path, index], origin: place.origin }),
      );
  }

  #map(field: MapField, raw: Raw | undefined, place: Place): unknown {
    if (raw === undefined || isNothing(raw)) return {};
    if (raw.kind !== 'map') {
      this.#report(place, { message: 'is not a map', hint: `Write each entry as <${field.entry}>: ...` });
      return {};
    }
    if (raw.entries.size > field.entriesMax) {
      const hint = `Keep at most ${field.entriesMax}.`;
      this.#report(place, { message: `has ${raw.entries.size} entries`, hint });
    }
    const pattern = new RegExp(`^(?:${field.pattern})$`, 'u');
    const read: [string, unknown][] = [];
    for (const [name, entry] of [...raw.entries].slice(0, field.entriesMax)) {
      const entryPlace = { path: [...place.path, name], origin: entry.key };
      const value = this.read(field.item, entry.value, entryPlace);
      if (pattern.test(name)) read.push([name, value]);
      else {
        const message = `${quoted(name)} cannot be a ${field.entry}`;
        this.#report(entryPlace, { message, hint: `Use ${field.form}.` });
      }
    }
    return Object.fromEntries(read);
  }

  #unknownKey(key: string, known: readonly string[], place: Place): void {
    const near = this.#suggestions++ < fileLimits.suggestionsMax ? nearestKey(key, known) : undefined;
    const elsewhere = this.#settings.filter((setting) => setting.key.toLowerCase() === key.toLowerCase());
    const paths = [...new Set(elsewhere.map(({ path }) => path))].slice(0, 3);
    const places = paths.map((path) => whereabouts(path, elsewhere));
    const hints = [
      ...(near === undefined ? [] : [`Did you mean ${near}?`]),
      ...(places.length === 0 ? [] : [`There is ${alternatives(places)}.`]),
    ];
    const hint = hints.length > 0 ? hints.join(' ') : `Known here: ${known.join(', ')}.`;
    // Not broken: what is known around it was read all the same.
    this.problems.push(problemAt(place, { message: 'is not a known setting', hint }));
  }

  #report(place: Place, fault: Fault): void {
    this.broken.add(pathText(place.path));
    this.problems.push(problemAt(place, fault));
  }
}

/** `listeners[].path with type ws or wss`. */
function whereabouts(path: string, settings: readonly Setting[]): string {
  const types = settings.flatMap((setting) =>
    setting.path === path && setting.variant !== undefined ? [setting.variant] : [],
  );
  return types.length === 0 ? path : `${path} with type ${alternatives(types)}`;
}

/** The default, or for what has none something harmless of the right type. */
function standIn(field: Field): unknown {
  switch (field.kind) {
    case 'object':
      return Object.fromEntries(Object.entries(field.fields).map(([key, inner]) => [key, standIn(inner)]));
    case 'union': {
      const [type, variant] = Object.entries(field.variants)[0]!;
      return { type, ...(standIn(variant) as object) };
    }
    case 'list':
      return structuredClone(field.default ?? []);
    case 'map':
      return {};
    case 'bool':
      return field.default ?? false;
    case 'enum':
      return field.default ?? field.values[0];
    case 'string':
    case 'url':
      return field.default ?? '';
    default:
      return field.default ?? field.min;
  }
}
