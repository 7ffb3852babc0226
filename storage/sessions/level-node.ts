// A node of a trie of topic levels, and what is below it. Most nodes have one child: that one is kept without a Map,
// which would be larger than all the rest. Somebody who makes up topics of many levels makes as many nodes.

export class LevelNode<N> {
  #level = '';
  #child: N | null = null;
  /** Instead of the two above, from the second child on. */
  #children: Map<string, N> | null = null;

  get hasChildren(): boolean {
    return this.#child !== null || this.#children !== null;
  }

  childAt(level: string): N | undefined {
    if (this.#children !== null) return this.#children.get(level);
    return this.#child !== null && this.#level === level ? this.#child : undefined;
  }

  /** There must be none at that level. */
  addChild(level: string, child: N): void {
    if (this.#children !== null) {
      this.#children.set(level, child);
    } else if (this.#child === null) {
      this.#level = level;
      this.#child = child;
    } else {
      this.#children = new Map([
        [this.#level, this.#child],
        [level, child],
      ]);
      this.#child = null;
    }
  }

  removeChild(level: string): void {
    if (this.#children === null) {
      if (this.#level === level) this.#child = null;
      return;
    }
    this.#children.delete(level);
    if (this.#children.size === 0) this.#children = null;
  }

  /** Lazily: of those added or removed meanwhile some may come. */
  *children(isWanted: (level: string) => boolean = () => true): Generator<N> {
    if (this.#children === null) {
      if (this.#child !== null && isWanted(this.#level)) yield this.#child;
      return;
    }
    for (const [level, child] of this.#children) if (isWanted(level)) yield child;
  }
}
