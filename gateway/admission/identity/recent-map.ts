// A map that holds a bounded number of entries and forgets what was not used for longest, in two generations: when
// the young one is full it becomes the old one, and what is used of that comes back into the young. So an entry
// stays at least until half as many others as there is room for have been used after it. One Map in order of use
// would be exact, but finding its oldest entry means to step over all that were deleted before: 100 us with 50,000
// of them.

export class RecentMap<V> {
  readonly #youngMax: number;
  #young = new Map<string, V>();
  #old = new Map<string, V>();

  /** At most `entriesMax` are held. */
  constructor(entriesMax: number) {
    this.#youngMax = Math.max(1, Math.floor(entriesMax / 2));
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: string): V | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: string, value: V): void {
    if (!this.#young.has(key) && this.#young.size >= this.#youngMax) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
    this.#old.delete(key);
  }

  delete(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }
}
