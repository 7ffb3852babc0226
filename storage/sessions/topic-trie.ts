// Which topics match a filter: the other direction from subscription-trie.ts. One value per topic name; a
// filter is answered by walking only the levels it names, so `a/b/+` does not look at a hundred thousand
// other topics.

class Node<T> {
  children: Map<string, Node<T>> | null = null;
  value: T | undefined = undefined;
}

export class TopicTrie<T> {
  readonly #root = new Node<T>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(topic: string): T | undefined {
    let node: Node<T> | undefined = this.#root;
    for (const level of topic.split('/')) {
      node = node.children?.get(level);
      if (node === undefined) return undefined;
    }
    return node.value;
  }

  set(topic: string, value: T): void {
    let node = this.#root;
    for (const level of topic.split('/')) {
      node.children ??= new Map();
      let child = node.children.get(level);
      if (child === undefined) {
        child = new Node();
        node.children.set(level, child);
      }
      node = child;
    }
    if (node.value === undefined) this.#size++;
    node.value = value;
  }

  delete(topic: string): boolean {
    const levels = topic.split('/');
    const path: Node<T>[] = [this.#root];
    for (const level of levels) {
      const child = path.at(-1)!.children?.get(level);
      if (child === undefined) return false;
      path.push(child);
    }
    if (path.at(-1)!.value === undefined) return false;
    path.at(-1)!.value = undefined;
    this.#size--;
    for (let i = path.length - 1; i > 0 && path[i].children === null && path[i].value === undefined; i--) {
      const parent = path[i - 1];
      parent.children!.delete(levels[i - 1]);
      if (parent.children!.size === 0) parent.children = null;
    }
    return true;
  }

  /** Lazily; values set or deleted meanwhile may or may not come. */
  *matching(filter: string): Generator<T> {
    const levels = filter.split('/');
    const nodes: Node<T>[] = [this.#root];
    const depths: number[] = [0];
    while (nodes.length > 0) {
      const node = nodes.pop()!;
      const depth = depths.pop()!;
      if (depth === levels.length) {
        if (node.value !== undefined) yield node.value;
      } else if (levels[depth] === '#') {
        yield* subtree(node, depth === 0);
      } else if (levels[depth] === '+') {
        for (const [level, child] of node.children ?? []) {
          if (depth === 0 && level.startsWith('$')) continue; // MQTT 5.0 4.7.2
          depths.push(depth + 1);
          nodes.push(child);
        }
      } else {
        const child = node.children?.get(levels[depth]);
        if (child === undefined) continue;
        depths.push(depth + 1);
        nodes.push(child);
      }
    }
  }

  values(): Generator<T> {
    return subtree(this.#root, false);
  }
}

function* subtree<T>(top: Node<T>, skipSystem: boolean): Generator<T> {
  const nodes = [top];
  while (nodes.length > 0) {
    const node = nodes.pop()!;
    if (node.value !== undefined) yield node.value;
    for (const [level, child] of node.children ?? []) {
      if (skipSystem && node === top && level.startsWith('$')) continue; // MQTT 5.0 4.7.2
      nodes.push(child);
    }
  }
}
