// Topic templates of sinks: `sluice/{gateway}/{lane}`. Says what is wrong with one, and whether a
// subscription could receive what is published under one, which would send a gateway's own messages back to
// its devices. Placeholders are filled by the bridge; here they only stand for what they could become.

import { characterFault } from './topic-filter.ts';

/** Per message; these need the `each` format, because a batch holds many topics and devices. */
export const recordPlaceholders: readonly string[] = ['topic', 'device'];
export const batchPlaceholders: readonly string[] = ['gateway', 'lane', 'sink'];

/** A template cut into literal text (even indexes) and names of placeholders (odd indexes). */
function parts(template: string): string[] {
  return template.split(/\{([^{}/]*)\}/);
}

export function placeholdersOf(template: string): string[] {
  return parts(template).filter((_, index) => index % 2 === 1);
}

/** What is wrong with `template`, as the end of a sentence; `undefined` when nothing is. */
export function topicTemplateFault(template: string): string | undefined {
  const fault = characterFault(template);
  if (fault) return fault;
  const wildcard = /[+#]/.exec(template);
  if (wildcard)
    return `has the wildcard '${wildcard[0]}', but one can only publish to a topic without wildcards`;
  for (const [index, part] of parts(template).entries()) {
    if (index % 2 === 0) {
      if (/[{}]/.test(part)) return 'has a brace that belongs to no placeholder';
    } else if (![...batchPlaceholders, ...recordPlaceholders].includes(part)) {
      return `has the unknown placeholder {${part}}`;
    }
  }
  return undefined;
}

/** What the placeholders can become; one that is absent can be anything without a slash. */
export type PlaceholderValues = Readonly<Record<string, readonly string[]>>;

interface Level {
  readonly pattern: RegExp;
  /** Holds a device's topic or id, which can have slashes itself: stands for one level or more. */
  readonly many: boolean;
}

/** Whether a message published under `template` could match `filter`; errs towards yes. */
export function couldReceive(filter: string, template: string, values: PlaceholderValues): boolean {
  if (template.startsWith('$') && /^[+#]/.test(filter)) return false; // MQTT 5.0 4.7.2
  const levels = template.split('/').map((level) => levelOf(level, values));
  return overlaps(filter.split('/'), levels);
}

function levelOf(level: string, values: PlaceholderValues): Level {
  const pieces = parts(level);
  const many = pieces.some((piece, index) => index % 2 === 1 && recordPlaceholders.includes(piece));
  const source = pieces.map((piece, index) => {
    if (index % 2 === 0) return escaped(piece);
    const known = values[piece];
    return known ? `(?:${known.map(escaped).join('|')})` : '.*';
  });
  return { pattern: new RegExp(`^${source.join('')}$`, 'u'), many };
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

/** Walks the filter level by level, with the set of places in the template that could be reached so far. */
function overlaps(filter: readonly string[], levels: readonly Level[]): boolean {
  let places = new Set([0]);
  for (const wanted of filter) {
    if (wanted === '#') return places.size > 0;
    const next = new Set<number>();
    for (const place of places) {
      const level = levels[place];
      if (level === undefined || !(level.many || wanted === '+' || level.pattern.test(wanted))) continue;
      next.add(place + 1);
      if (level.many) next.add(place);
    }
    places = next;
  }
  return places.has(levels.length);
}
