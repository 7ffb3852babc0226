// From YAML text to raw settings with line numbers. The text may be hostile: size, depth and number of values
// are bounded (aliases count as what they stand for), nothing becomes a plain object, and messages are our
// own, because those of the parser can quote the text, and the text can be a password.
// Not here: what the settings mean.

import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import { fileLimits } from '../limits.ts';
import { type Fault, type Origin, type Path, type Place, type Problem, problemAt } from './problem.ts';
import { emptyMap, type Raw, type RawScalar } from './raw.ts';

export interface YamlSource {
  /** `undefined` when the text could not be understood; what was, otherwise. */
  readonly raw: Raw | undefined;
  readonly problems: readonly Problem[];
}

const lookAround = 'Look at this line and the one before.';

/** One sentence per error code of the `yaml` package; the rest is "not valid YAML". */
const syntaxFaults: Readonly<Record<string, Fault>> = {
  TAB_AS_INDENT: { message: 'a tab is used as indentation', hint: 'Indent with spaces.' },
  BAD_INDENT: {
    message: 'the indentation is wrong',
    hint: 'Indent the keys of one map by the same number of spaces, and close every bracket.',
  },
  MULTIPLE_DOCS: {
    message: 'there is more than one document',
    hint: "Remove the line '---' and what follows it.",
  },
  BAD_ALIAS: {
    message: 'an alias or anchor (* or &) is wrong',
    hint: 'Put the text in quotes if it begins with * or &.',
  },
  TAG_RESOLVE_FAILED: {
    message: 'the tag (!) is unknown',
    hint: 'Remove it, or put the text in quotes if it begins with !.',
  },
  BAD_SCALAR_START: {
    message: 'the text begins with a reserved character',
    hint: 'Put the text in quotes.',
  },
  BAD_DQ_ESCAPE: {
    message: 'a backslash in "..." begins no known escape',
    hint: "Double it, or use '...' quotes.",
  },
  MISSING_CHAR: { message: 'a colon, comma, quote, bracket or space is missing', hint: lookAround },
};
const otherFault: Fault = { message: 'not valid YAML', hint: lookAround };
const tooDeep: Fault = {
  message: 'is nested too deeply',
  hint: 'Write settings as sluice check prints them.',
};
const tooMany: Fault = {
  message: `has more than ${fileLimits.nodesMax} values`,
  hint: 'Look for aliases (*) that stand for one another.',
};

export function parseYaml(text: string): YamlSource {
  const lines = new LineCounter();
  let document: Document.Parsed;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  } catch {
    // Whatever the parser throws (it is recursive) is a property of the text, not a fault of ours.
    return { raw: undefined, problems: [problemAt({ path: [], origin: {} }, tooDeep)] };
  }
  const syntax = syntaxProblems([...document.errors, ...document.warnings], lines);
  if (syntax.length > 0) return { raw: undefined, problems: syntax };
  const conversion = new Conversion(lines);
  const raw = conversion.convert(document.contents, []);
  return { raw: conversion.exhausted ? undefined : raw, problems: conversion.problems };
}

/** One problem per line, because one slip makes the parser complain several times. */
function syntaxProblems(errors: readonly YAMLError[], lines: LineCounter): Problem[] {
  const byLine = new Map<number, Problem>();
  for (const error of errors) {
    const { line, col } = lines.linePos(error.pos[0]);
    if (byLine.has(line)) continue;
    const fault = error.code === 'RESOURCE_EXHAUSTION' ? tooDeep : (syntaxFaults[error.code] ?? otherFault);
    byLine.set(line, problemAt({ path: [], origin: { line, column: col } }, fault));
  }
  return [...byLine.values()];
}

type Contents = Node | null | undefined;

class Conversion {
  readonly problems: Problem[] = [];
  /** A bound was reached: what was converted is not what was written. */
  exhausted = false;
  readonly #lines: LineCounter;
  readonly #anchors = new Map<string, Node>();
  #nodes = 0;

  constructor(lines: LineCounter) {
    this.#lines = lines;
  }

  convert(node: Contents, path: Path): Raw {
    const origin = this.#origin(node);
    this.#nodes++;
    if (this.exhausted) return nothing(origin);
    if (path.length > fileLimits.depthMax) return this.#exhaust({ path: [], origin }, tooDeep);
    if (this.#nodes > fileLimits.nodesMax) return this.#exhaust({ path: [], origin }, tooMany);
    if (isAlias(node)) return this.#alias(node.source, { path, origin });
    if (node && 'anchor' in node && node.anchor) this.#anchors.set(node.anchor, node);
    if (isMap(node)) return this.#map(node, { path, origin });
    if (isSeq(node)) {
      const items = node.items.map((item, index) => this.convert(item as Contents, [...path, index]));
      return { kind: 'list', items, origin };
    }
    return isScalar(node) ? this.#scalar(node, { path, origin }) : nothing(origin);
  }

  #alias(name: string, place: Place): Raw {
    const target = this.#anchors.get(name);
    if (target) return this.convert(target, place.path);
    return this.#refuse(place, {
      message: 'the alias (*) names no anchor',
      hint: 'Define the anchor (&) above it, or put the text in quotes if it only begins with *.',
    });
  }

  #scalar({ value, source }: Scalar, place: Place): Raw {
    if (value === null) return nothing(place.origin);
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      const text = source ?? `${value}`;
      return { kind: 'scalar', value, text, untyped: false, origin: place.origin };
    }
    // A tag such as !!binary, or a date of YAML 1.1.
    const hint = 'Write it without a tag (!), in quotes if it is meant as text.';
    return this.#refuse(place, { message: 'is not text, a number, true or false', hint });
  }

  #map(node: YAMLMap, { path, origin }: Place): Raw {
    const map = emptyMap(origin);
    for (const pair of node.items as Pair<Contents, Contents>[]) {
      const keyOrigin = this.#origin(pair.key);
      if (!isScalar(pair.key) || pair.key.value === null) {
        const fault = { message: 'a key is not a plain word', hint: 'Write keys as name: value.' };
        this.#refuse({ path, origin: keyOrigin }, fault);
        continue;
      }
      const key = typeof pair.key.value === 'string' ? pair.key.value : `${pair.key.source}`;
      const keyPath = [...path, key];
      const first = map.entries.get(key);
      if (first) {
        const message = `is given twice, on lines ${first.key.line} and ${keyOrigin.line}`;
        this.#refuse({ path: keyPath, origin: keyOrigin }, { message, hint: 'Keep one of them.' });
        continue;
      }
      const value = this.convert(pair.value, keyPath);
      map.entries.set(key, { key: keyOrigin, value: pair.value ? value : nothing(keyOrigin) });
    }
    return map;
  }

  #exhaust(place: Place, fault: Fault): Raw {
    this.exhausted = true;
    return this.#refuse(place, fault);
  }

  #refuse(place: Place, fault: Fault): Raw {
    this.problems.push(problemAt(place, fault));
    return nothing(place.origin);
  }

  #origin(node: Contents): Origin {
    const offset = node?.range?.[0];
    if (offset === undefined) return {};
    const { line, col } = this.#lines.linePos(offset);
    return { line, column: col };
  }
}

function nothing(origin: Origin): RawScalar {
  return { kind: 'scalar', value: null, text: '', untyped: false, origin };
}
