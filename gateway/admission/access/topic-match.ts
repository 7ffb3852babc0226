// MQTT's rules of matching (MQTT 5.0 4.7, 3.1.1: 4.7), for one filter: which topics it matches, and whether it matches
// all that another one does. Walks characters and allocates nothing. Filters and topic names must be valid
// (frames/topic-filter.ts, frames/topic-name.ts); `$share/name/` is not part of a filter and has been taken off.

const slash = 0x2f;
const hash = 0x23;
const plus = 0x2b;
const dollar = 0x24;

/** Whether `filter` matches the topic name. A topic name is a filter too: the one that matches it alone. */
export function matches(filter: string, topic: string): boolean {
  return covers(filter, topic);
}

/** Whether `wider` matches every topic that `narrower` matches. */
export function covers(wider: string, narrower: string): boolean {
  // MQTT 5.0 4.7.2: no filter that begins with a wildcard matches a topic that begins with $.
  if (isSystem(narrower) && isWildcard(wider.charCodeAt(0))) return false;
  let w = 0;
  let n = 0;
  for (;;) {
    const level = wider.charCodeAt(w); // NaN behind the last slash: an empty level
    if (level === hash) return true;
    // A # matches the level above it too, which only another # does. At the top there is no level above.
    if (narrower.charCodeAt(n) === hash) return n === 0 && wider === '+/#';
    if (level === plus) {
      w++;
      n = levelEnd(narrower, n);
    } else {
      for (const end = levelEnd(wider, w); w < end; w++, n++) {
        if (wider.charCodeAt(w) !== narrower.charCodeAt(n)) return false;
      }
      if (n < narrower.length && narrower.charCodeAt(n) !== slash) return false;
    }
    if (n === narrower.length) return w === wider.length || endsInHash(wider, w);
    if (w === wider.length) return false;
    w++;
    n++;
  }
}

/** Whether the topic or filter begins with `$`. */
export function isSystem(topic: string): boolean {
  return topic.charCodeAt(0) === dollar;
}

/** The offset of the slash that ends the level at `at`, or the length. */
export function levelEnd(text: string, at: number): number {
  const end = text.indexOf('/', at);
  return end < 0 ? text.length : end;
}

function isWildcard(character: number): boolean {
  return character === hash || character === plus;
}

/** Whether all that is left at `at` is `/#`. */
function endsInHash(filter: string, at: number): boolean {
  return filter.charCodeAt(at) === slash && filter.charCodeAt(at + 1) === hash;
}
