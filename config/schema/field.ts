// The language in which settings are declared. A declaration is plain data: the TypeScript type (`Infer`),
// the reader, the JSON Schema, the help table and the printed configuration are all derived from it, so they
// cannot disagree. Every field carries one sentence of help. Numbers are kept in the unit that the key's name
// ends with. A field without a default is required; objects have no default of their own, their fields have.

export interface StringField {
  readonly kind: 'string';
  readonly help: string;
  readonly default?: string | undefined;
  /** Source of a regular expression for the whole text. An empty default is accepted beside it. */
  readonly pattern?: string | undefined;
  /** Says in words what `pattern` or `check` wants; the hint of a problem. */
  readonly form?: string | undefined;
  /** In UTF-16 code units. */
  readonly lengthMax?: number | undefined;
  /** May have line breaks and tabs. */
  readonly multiline?: boolean | undefined;
  /** Never printed, neither in problems nor in the effective configuration. */
  readonly secret?: boolean | undefined;
  /** What is wrong with the text, as the end of a sentence that begins with the setting's name. */
  readonly check?: ((text: string) => string | undefined) | undefined;
}

export interface UrlField {
  readonly kind: 'url';
  /** What comes after a ? is never printed. A user name or password before the host is refused. */
  readonly help: string;
  readonly default?: string | undefined;
  /** Accepted schemes without the colon. */
  readonly schemes: readonly string[];
  /** Where a user name and password belong; the hint of that problem. */
  readonly instead?: string | undefined;
}

export interface BoolField {
  readonly kind: 'bool';
  readonly help: string;
  readonly default?: boolean | undefined;
}

export interface NumberField {
  /** `decimal` need not be whole; a `rate` is kept as a number per second. */
  readonly kind: 'int' | 'decimal' | 'duration' | 'bytes' | 'rate';
  /** A bare number other than 0 is refused: the name of the setting does not tell its unit. */
  readonly needsUnit?: boolean | undefined;
  readonly help: string;
  readonly default?: number | undefined;
  readonly min: number;
  readonly max: number;
}

export interface EnumField<V extends string | number = string | number> {
  readonly kind: 'enum';
  readonly help: string;
  readonly default?: V | undefined;
  readonly values: readonly V[];
}

export type Shape = { readonly [key: string]: Field };

export interface ObjectField<S extends Shape = Shape> {
  readonly kind: 'object';
  readonly help: string;
  readonly fields: S;
}

export interface ListField<I extends Field = Field> {
  readonly kind: 'list';
  readonly help: string;
  readonly item: I;
  readonly default?: readonly unknown[] | undefined;
  readonly lengthMin: number;
  readonly lengthMax: number;
}

export interface MapField<I extends Field = Field> {
  readonly kind: 'map';
  readonly help: string;
  readonly item: I;
  /** What an entry's name stands for, for paths in documentation: `sinks.<name>`. */
  readonly entry: string;
  readonly pattern: string;
  readonly form: string;
  readonly entriesMax: number;
}

export type Variants = { readonly [type: string]: ObjectField };

/** Objects told apart by their `type`. */
export interface UnionField<V extends Variants = Variants> {
  readonly kind: 'union';
  readonly help: string;
  readonly variants: V;
}

export type Field =
  | StringField
  | UrlField
  | BoolField
  | NumberField
  | EnumField
  | ObjectField
  | ListField
  | MapField
  | UnionField;

type Flat<T> = { readonly [K in keyof T]: T[K] };

/** The type of a field's parsed value. */
export type Infer<F> = F extends { readonly kind: 'string' | 'url' }
  ? string
  : F extends { readonly kind: 'bool' }
    ? boolean
    : F extends { readonly kind: NumberField['kind'] }
      ? number
      : F extends EnumField<infer V>
        ? V
        : F extends ObjectField<infer S>
          ? { readonly [K in keyof S]: Infer<S[K]> }
          : F extends ListField<infer I>
            ? readonly Infer<I>[]
            : F extends MapField<infer I>
              ? { readonly [name: string]: Infer<I> }
              : F extends UnionField<infer V>
                ? { [K in keyof V]: Flat<{ readonly type: K } & Infer<V[K]>> }[keyof V]
                : never;

export function string(help: string, options: Omit<StringField, 'kind' | 'help'> = {}): StringField {
  return { kind: 'string', help, ...options };
}

export function url(help: string, options: Omit<UrlField, 'kind' | 'help'>): UrlField {
  return { kind: 'url', help, ...options };
}

export function bool(help: string, options: { default?: boolean } = {}): BoolField {
  return { kind: 'bool', help, ...options };
}

type NumberOptions = Omit<NumberField, 'kind' | 'help'>;

export function int(help: string, options: NumberOptions): NumberField {
  return { kind: 'int', help, ...options };
}

export function decimal(help: string, options: NumberOptions): NumberField {
  return { kind: 'decimal', help, ...options };
}

export function rate(help: string, options: NumberOptions): NumberField {
  return { kind: 'rate', help, ...options };
}

export function duration(help: string, options: NumberOptions): NumberField {
  return { kind: 'duration', help, ...options };
}

export function bytes(help: string, options: NumberOptions): NumberField {
  return { kind: 'bytes', help, ...options };
}

export function oneOf<const V extends string | number>(
  help: string,
  options: { values: readonly V[]; default?: NoInfer<V> },
): EnumField<V> {
  return { kind: 'enum', help, ...options };
}

export function object<S extends Shape>(help: string, fields: S): ObjectField<S> {
  return { kind: 'object', help, fields };
}

export function list<I extends Field>(
  help: string,
  options: { item: I; default?: readonly Infer<I>[]; lengthMin?: number; lengthMax: number },
): ListField<I> {
  return { kind: 'list', help, lengthMin: 0, ...options };
}

export function map<I extends Field>(help: string, options: Omit<MapField<I>, 'kind' | 'help'>): MapField<I> {
  return { kind: 'map', help, ...options };
}

export function union<V extends Variants>(help: string, variants: V): UnionField<V> {
  return { kind: 'union', help, variants };
}
