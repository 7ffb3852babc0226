// Which topics match a filter: the other direction from subscription-trie.ts. One value per topic name; a
// filter is answered by walking only the levels it names, so `a/b/+` does not look at a hundred thousand
// other topics.

import { LevelNode } from './level-node.ts';

class Node<T> extends LevelNode<Node<T>> {
  value: T | undefined = undefined;
}

/** Nodes whose turn is still to come, and how many levels are above them. */
interface Walk<T> {
  readonly nodes: Iterator<Node<T>>;
  readonly depth: number;
}

export class TopicTrie<T> {
  readonly #root = new Node<T>();
  #size = 0;
  #nodes = 0;

  get size(): number {
    return this.#size;
  }

  /** Levels of all topics; what some have in common counts once. */
  get nodes(): number {
    return this.#nodes;
  }

  get(topic: string): T | undefined {
    let node: Node<T> | undefined = this.#root;
    for (const level of topic.split('/')) {
      node = node.childAt(level);
      if (node === undefined) return undefined;
    }
    return node.value;
  }

  set(topic: string, value: T): void {
    let node = this.#root;
    for (const level of topic.split('/')) {
      let child = node.childAt(level);
      if (child === undefined) {
        child = new Node();
        node.addChild(level, child);
        this.#nodes++;
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
      const child = path.at(-1)!.childAt(level);
      if (child === undefined) return false;
      path.push(child);
    }
    if (path.at(-1)!.value === undefined) return false;
    path.at(-1)!.value = undefined;
    this.#size--;
    for (let i = path.length - 1; i > 0 && !path[i].hasChildren && path[i].value === undefined; i--) {
      path[i - 1].removeChild(levels[i - 1]);
      this.#nodes--;
    }
    return true;
  }

  /** Lazily; values set or deleted meanwhile may or may not come. Keeps no more than a place in each level. */
  *matching(filter: string): Generator<T> {
    const levels = filter.split('/');
    const hashAt = levels.at(-1) === '#' ? levels.length - 1 : Number.POSITIVE_INFINITY;
    const walks: Walk<T>[] = [{ nodes: [this.#root].values(), depth: 0 }];
    while (walks.length > 0) {
      const { nodes, depth } = walks.at(-1)!;
      const { done, value: node } = nodes.next();
      if (done === true) {
        walks.pop();
        continue;
      }
      if ((depth === levels.length || depth >= hashAt) && node.value !== undefined) yield node.value;
      if (depth >= hashAt || levels[depth] === '+') {
        // MQTT 5.0 4.7.2: a filter that begins with a wildcard does not match a topic that begins with $.
        const below = depth === 0 ? node.children(isNoSystem) : node.children();
        walks.push({ nodes: below, depth: depth + 1 });
      } else if (depth < levels.length) {
        const child = node.childAt(levels[depth]);
        if (child !== undefined) walks.push({ nodes: [child].values(), depth: depth + 1 });
      }
    }
  }

  *values(): Generator<T> {
    const walks = [this.#root.children()];
    while (walks.length > 0) {
      const { done, value: node } = walks.at(-1)!.next();
      if (done === true) {
        walks.pop();
        continue;
      }
      if (node.value !== undefined) yield node.value;
      walks.push(node.children());
    }
  }
}

function isNoSystem(level: string): boolean {
  return !level.startsWith('$');
}
