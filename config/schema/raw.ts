// Settings as they were written, before anything is known about them: from YAML or from environment
// variables, each value with its origin. Maps are real Maps, so that a key such as `__proto__` is a key like
// any other.

import type { Origin } from './problem.ts';

export interface RawScalar {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** As it was written, for messages. */
  readonly text: string;
  /** From an environment variable: text that becomes whatever type the setting has. */
  readonly untyped: boolean;
  readonly origin: Origin;
}

export interface RawList {
  readonly kind: 'list';
  readonly items: Raw[];
  readonly origin: Origin;
}

export interface RawMap {
  readonly kind: 'map';
  readonly entries: Map<string, RawEntry>;
  readonly origin: Origin;
}

export interface RawEntry {
  readonly key: Origin;
  readonly value: Raw;
}

export type Raw = RawScalar | RawList | RawMap;

export function emptyMap(origin: Origin): RawMap {
  return { kind: 'map', entries: new Map(), origin };
}

/** Absent, or a key without a value: both mean "the default" where a list or a map is expected. */
export function isNothing(raw: Raw | undefined): boolean {
  return raw === undefined || (raw.kind === 'scalar' && raw.value === null);
}

/** A default value as if it had been written, so that a part of it can be overridden. */
export function rawFrom(value: unknown, origin: Origin): Raw {
  if (Array.isArray(value)) {
    return { kind: 'list', items: value.map((item) => rawFrom(item, origin)), origin };
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(
      ([key, inner]) => [key, { key: origin, value: rawFrom(inner, origin) }] as const,
    );
    return { kind: 'map', entries: new Map(entries), origin };
  }
  const scalar = value as RawScalar['value'];
  return { kind: 'scalar', value: scalar, text: `${scalar}`, untyped: false, origin };
}

/** The same with another origin throughout. */
export function withOrigin(raw: Raw, origin: Origin): Raw {
  switch (raw.kind) {
    case 'scalar':
      return { ...raw, origin };
    case 'list':
      return { ...raw, items: raw.items.map((item) => withOrigin(item, origin)), origin };
    case 'map': {
      const entries = [...raw.entries].map(
        ([key, entry]) => [key, { key: origin, value: withOrigin(entry.value, origin) }] as const,
      );
      return { kind: 'map', entries: new Map(entries), origin };
    }
  }
}
