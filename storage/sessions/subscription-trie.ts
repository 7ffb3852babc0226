// Which filters match a topic (MQTT 5.0 4.7): a trie by topic level. Values are compared by identity; one
// filter may hold many. Walks without recursion, because a filter may have thirty thousand levels.

class Node<T> {
  children: Map<string, Node<T>> | null = null;
  /** The child for a `+` level. */
  plus: Node<T> | null = null;
  /** Filters that end here. */
  here: Set<T> | null = null;
  /** Filters that end in `#` below here; they match this level too (MQTT 5.0 4.7.1.2). */
  below: Set<T> | null = null;

  isEmpty(): boolean {
    return this.children === null && this.plus === null && this.here === null && this.below === null;
  }
}

export class SubscriptionTrie<T> {
  readonly #root = new Node<T>();
  #size = 0;
  #version = 0;

  /** Values over all filters. */
  get size(): number {
    return this.#size;
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
    for (const level of levels) node = childFor(node, level);
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
      const child = level === '+' ? node.plus : node.children?.get(level);
      if (child == null) return false;
      path.push(child);
    }
    const last = path.at(-1)!;
    const values = endsInHash ? last.below : last.here;
    if (values === null || !values.delete(value)) return false;
    if (values.size === 0) {
      if (endsInHash) last.below = null;
      else last.here = null;
      prune(path, levels);
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
      const child = node.children?.get(levels[depth]);
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
}

/** The same rule for one filter and one topic name. */
export function filterMatches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && (filter.startsWith('+') || filter.startsWith('#'))) return false;
  const wanted = filter.split('/');
  const levels = topic.split('/');
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] === '#') return true;
    if (i >= levels.length || (wanted[i] !== '+' && wanted[i] !== levels[i])) return false;
    if (i === levels.length - 1) return wanted.length === levels.length || wanted[i + 1] === '#';
  }
  return false;
}

function childFor<T>(node: Node<T>, level: string): Node<T> {
  if (level === '+') {
    node.plus ??= new Node();
    return node.plus;
  }
  node.children ??= new Map();
  let child = node.children.get(level);
  if (child === undefined) {
    child = new Node();
    node.children.set(level, child);
  }
  return child;
}

function prune<T>(path: Node<T>[], levels: string[]): void {
  for (let i = path.length - 1; i > 0 && path[i].isEmpty(); i--) {
    const parent = path[i - 1];
    const level = levels[i - 1];
    if (level === '+') {
      parent.plus = null;
    } else {
      parent.children!.delete(level);
      if (parent.children!.size === 0) parent.children = null;
    }
  }
}
