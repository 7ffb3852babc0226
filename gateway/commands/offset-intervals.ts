// A set of offsets as merged intervals [from, to): what arrives in order is one interval however long it gets, and
// every gap costs one more. Two sorted arrays of numbers, so that the common case (the next offset) touches one cell.

/** Offsets from `from` up to but not including `to`. */
export interface OffsetRange {
  from: number;
  to: number;
}

export class OffsetIntervals {
  readonly #from: number[] = [];
  readonly #to: number[] = [];

  /** Number of intervals, which is what the set costs. */
  get size(): number {
    return this.#from.length;
  }

  /** Adds [from, to) and returns the parts of it that were not there, in order; `from` is less than `to`. */
  add(from: number, to: number): OffsetRange[] {
    const last = this.size - 1;
    if (last >= 0 && this.#to[last] === from) {
      this.#to[last] = to;
      return [{ from, to }];
    }
    // Intervals first..end-1 overlap or touch [from, to).
    const first = this.#firstReaching(from);
    let end = first;
    let at = from;
    const added: OffsetRange[] = [];
    for (; end < this.size && this.#from[end] <= to; end++) {
      if (this.#from[end] > at) added.push({ from: at, to: this.#from[end] });
      at = Math.max(at, this.#to[end]);
    }
    if (at < to) added.push({ from: at, to });
    const mergedFrom = end > first ? Math.min(from, this.#from[first]) : from;
    this.#from.splice(first, end - first, mergedFrom);
    this.#to.splice(first, end - first, Math.max(at, to));
    return added;
  }

  /** The parts of [from, to) that are not in the set, lowest first. */
  *outside(from: number, to: number): Generator<OffsetRange> {
    let at = from;
    for (let i = this.#firstReaching(from); i < this.size && this.#from[i] < to; i++) {
      if (this.#from[i] > at) yield { from: at, to: this.#from[i] };
      at = Math.max(at, this.#to[i]);
    }
    if (at < to) yield { from: at, to };
  }

  *ranges(): Generator<OffsetRange> {
    for (let i = 0; i < this.size; i++) yield { from: this.#from[i], to: this.#to[i] };
  }

  /** Forgets the lowest interval. */
  dropLowest(): void {
    this.#from.shift();
    this.#to.shift();
  }

  /** Index of the first interval that ends at or after `offset`, or `size`. */
  #firstReaching(offset: number): number {
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#to[middle] < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
