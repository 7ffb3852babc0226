// Which filters match a topic (MQTT 5.0 4.7): a trie by topic level. Values are compared by identity; one
// filter may hold many. Walks without recursion, because a filter may have thirty thousand levels.

import { LevelNode } from './level-node.ts';

class Node<T> extends LevelNode<Node<T>> {
  /** The child for a `+` level. */
  plus: Node<T> | null = null;
  /** Filters that end here. */
  here: Set<T> | null = null;
  /** Filters that end in `#` below here; they match this level too (MQTT 5.0 4.7.1.2). */
  below: Set<T> | null = null;

  isEmpty(): boolean {
    return !this.hasChildren && this.plus === null && this.here === null && this.below === null;
  }
}

export class SubscriptionTrie<T> {
  readonly #root = new Node<T>();
  #size = 0;
  #nodes = 0;
  #version = 0;

  /** Values over all filters. */
  get size(): number {
    return this.#size;
  }

  /** Levels of all filters; what some have in common counts once. */
  get nodes(): number {
    return this.#nodes;
  }

  /** Changes whenever an answer of `match` might have: for callers that cache answers. */
  get version(): number {
    return this.#version;
  }

  /** False when the filter had this value already. */
  add(filter: string, value: T): boolean {
    const levels = filter.split('/');
    const endsInHash = levels.at(-1) === '#';
    if (endsInHash) levels.pop();
    let node = this.#root;
    for (const level of levels) node = this.#childFor(node, level);
    let values = endsInHash ? node.below : node.here;
    if (values === null) {
      values = new Set();
      if (endsInHash) node.below = values;
      else node.here = values;
    }
    if (values.has(value)) return false;
    values.add(value);
    this.#changed(1);
    return true;
  }

  /** False when the filter did not have this value. */
  remove(filter: string, value: T): boolean {
    const levels = filter.split('/');
    const endsInHash = levels.at(-1) === '#';
    if (endsInHash) levels.pop();
    const path: Node<T>[] = [this.#root];
    for (const level of levels) {
      const node = path.at(-1)!;
      const child = level === '+' ? node.plus : node.childAt(level);
      if (child == null) return false;
      path.push(child);
    }
    const last = path.at(-1)!;
    const values = endsInHash ? last.below : last.here;
    if (values === null || !values.delete(value)) return false;
    if (values.size === 0) {
      if (endsInHash) last.below = null;
      else last.here = null;
      this.#prune(path, levels);
    }
    this.#changed(-1);
    return true;
  }

  /**
   * The values of every filter that matches the topic name; a value added under several filters comes several
   * times.
   */
  match(topic: string): T[] {
    const found: T[] = [];
    this.#walk(topic, (values) => {
      for (const value of values) found.push(value);
      return false;
    });
    return found;
  }

  hasMatch(topic: string): boolean {
    return this.#walk(topic, () => true);
  }

  /** Calls `visit` with each matching filter's values until it returns true; says whether it did. */
  #walk(topic: string, visit: (values: Set<T>) => boolean): boolean {
    const levels = topic.split('/');
    const isSystem = topic.startsWith('$');
    const nodes: Node<T>[] = [this.#root];
    const depths: number[] = [0];
    while (nodes.length > 0) {
      const node = nodes.pop()!;
      const depth = depths.pop()!;
      // MQTT 5.0 4.7.2: a filter that begins with a wildcard does not match a topic that begins with $.
      const mayWild = depth > 0 || !isSystem;
      if (node.below !== null && mayWild && visit(node.below)) return true;
      if (depth === levels.length) {
        if (node.here !== null && visit(node.here)) return true;
        continue;
      }
      const child = node.childAt(levels[depth]);
      for (const next of mayWild ? [child, node.plus] : [child]) {
        if (next == null) continue;
        nodes.push(next);
        depths.push(depth + 1);
      }
    }
    return false;
  }

  #changed(by: number): void {
    this.#size += by;
    this.#version++;
  }

  #childFor(node: Node<T>, level: string): Node<T> {
    const known = level === '+' ? node.plus : node.childAt(level);
    if (known != null) return known;
    const child = new Node<T>();
    if (level === '+') node.plus = child;
    else node.addChild(level, child);
    this.#nodes++;
    return child;
  }

  #prune(path: Node<T>[], levels: string[]): void {
    for (let i = path.length - 1; i > 0 && path[i].isEmpty(); i--) {
      const [parent, level] = [path[i - 1], levels[i - 1]];
      if (level === '+') parent.plus = null;
      else parent.removeChild(level);
      this.#nodes--;
    }
  }
}

const slash = 0x2f;
const hash = 0x23;
const plus = 0x2b;

/** The same rule for one valid filter and one topic name; makes nothing. */
export function filterMatches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && (filter.startsWith('+') || filter.startsWith('#'))) return false;
  let at = 0;
  for (let i = 0; i < filter.length; i++) {
    const wanted = filter.charCodeAt(i);
    if (wanted === hash) return true;
    if (wanted === plus) {
      while (at < topic.length && topic.charCodeAt(at) !== slash) at++;
    } else if (at < topic.length && topic.charCodeAt(at) === wanted) {
      at++;
    } else {
      // MQTT 5.0 4.7.1.2: a/# matches a too.
      return at === topic.length && wanted === slash && i + 2 === filter.length && filter.endsWith('#');
    }
  }
  return at === topic.length;
}
