// What is wrong with a configuration, said so that a person can mend it: what, where, and what to do.
// Nothing here ever holds the value of a secret. Texts that come from the file are shortened and quoted, so
// that a problem stays one line whatever the file holds.

/** Where a value was written. */
export interface Origin {
  /** Line in the file, from 1. */
  readonly line?: number | undefined;
  /** Column in the file, from 1. */
  readonly column?: number | undefined;
  /** Name of the environment variable. */
  readonly variable?: string | undefined;
}

export interface Problem extends Origin {
  /** The setting, `commit.lingerMs`, `listeners.0.port`; empty when it concerns the file as a whole. */
  readonly path: string;
  /** What is wrong, without a full stop. */
  readonly message: string;
  /** What to do, a sentence; empty where the message says it. */
  readonly hint: string;
}

export type Path = readonly (string | number)[];

/** A setting and where it, or else what should hold it, was written. */
export interface Place {
  readonly path: Path;
  readonly origin: Origin;
}

/** What is wrong and what to do, without the where. */
export interface Fault {
  readonly message: string;
  readonly hint: string;
}

export function problemAt(place: Place, fault: Fault): Problem {
  return { path: pathText(place.path), message: fault.message, hint: fault.hint, ...place.origin };
}

const shownMax = 60;

/** `commit.lingerMs`, `sinks."odd name".url`. */
export function pathText(path: Path): string {
  return path.map((part) => (/^[A-Za-z0-9_-]{1,64}$/.test(`${part}`) ? part : quoted(`${part}`))).join('.');
}

/** The text in double quotes on one line, shortened, control characters escaped. */
export function quoted(text: string): string {
  const short = text.length > shownMax ? `${text.slice(0, shownMax)}...` : text;
  return JSON.stringify(short.toWellFormed()).replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
