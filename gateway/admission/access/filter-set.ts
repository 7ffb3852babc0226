// Topic filters of which one has to cover what is asked for: a topic name to publish to, or a filter to subscribe to.
// A few are tried one after the other, more are kept as a tree by topic level, so that the work goes by the levels that
// are asked for and not by how many filters there are. Asking allocates nothing.
//
// What only several filters cover together is not covered.

import { covers, isSystem, levelEnd } from './topic-match.ts';

/** Up to here trying each is quicker. */
const LISTED_MAX = 8;

export class FilterSet {
  readonly #listed: readonly string[];
  readonly #root: Node | null = null;

  /** The filters must be valid, without `$share/`. */
  constructor(filters: Iterable<string>) {
    const different = [...new Set(filters)];
    this.#listed = different.length > LISTED_MAX ? [] : different;
    if (different.length <= LISTED_MAX) return;
    this.#root = new Node('');
    for (const filter of different) add(this.#root, filter);
  }

  /** Whether one of them matches everything that `filter`, which may be a topic name, matches. */
  covers(filter: string): boolean {
    if (this.#root !== null) return coversBelow(this.#root, filter, 0);
    for (const listed of this.#listed) if (covers(listed, filter)) return true;
    return false;
  }
}

export const noFilters = new FilterSet([]);

class Node {
  readonly level: string;
  /** By a hash of the level: looking one up makes no string. */
  readonly children = new Map<number, Node[]>();
  plus: Node | null = null;
  /** A filter ends here. */
  here = false;
  /** A filter ends here in `#`; it matches this level too (MQTT 5.0 4.7.1.2). */
  below = false;

  constructor(level: string) {
    this.level = level;
  }
}

function add(root: Node, filter: string): void {
  const levels = filter.split('/');
  const endsInHash = levels.at(-1) === '#';
  if (endsInHash) levels.pop();
  let node = root;
  for (const level of levels) node = childFor(node, level);
  if (endsInHash) node.below = true;
  else node.here = true;
}

function childFor(node: Node, level: string): Node {
  if (level === '+') {
    node.plus ??= new Node('+');
    return node.plus;
  }
  const known = childOf(node, level, 0, level.length);
  if (known !== undefined) return known;
  const child = new Node(level);
  const key = hashOf(level, 0, level.length);
  node.children.set(key, [...(node.children.get(key) ?? []), child]);
  return child;
}

/** As `covers`, for all filters below `node` and the levels of `filter` from `at` on. */
function coversBelow(node: Node, filter: string, at: number): boolean {
  const mayWild = at > 0 || !isSystem(filter);
  if (node.below && mayWild) return true;
  if (at > filter.length) return node.here;
  const end = levelEnd(filter, at);
  if (end === at + 1) {
    // Nothing but # covers a #, except at the top, where there is no level above it.
    if (filter[at] === '#') return at === 0 && node.plus?.below === true;
    if (filter[at] === '+') return node.plus !== null && coversBelow(node.plus, filter, end + 1);
  }
  const child = childOf(node, filter, at, end);
  if (child !== undefined && coversBelow(child, filter, end + 1)) return true;
  return mayWild && node.plus !== null && coversBelow(node.plus, filter, end + 1);
}

function childOf(node: Node, filter: string, start: number, end: number): Node | undefined {
  const candidates = node.children.get(hashOf(filter, start, end));
  if (candidates === undefined) return undefined;
  for (const candidate of candidates) {
    if (candidate.level.length === end - start && filter.startsWith(candidate.level, start)) return candidate;
  }
  return undefined;
}

/** FNV-1a over UTF-16 units, 32 bits. */
function hashOf(text: string, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}
