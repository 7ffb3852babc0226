// A set of whole numbers from 0 to 2^53 - 2, kept as merged intervals: what comes in order is one interval however
// long it gets, and every gap costs one more (16 bytes). One typed array for each set, no object for each interval,
// so that ten million sequence numbers fit where a Set of them would not, and the bounds can be handed to another
// thread.
//
//   #bounds: from0 to0 from1 to1 ...    `to` excluded; from0 < to0 < from1 < to1 < ...

const CAPACITY_MIN = 4;

export class IntervalSet {
  #bounds: Float64Array<ArrayBuffer> = new Float64Array(CAPACITY_MIN);
  /** Cells of `#bounds` that are in use. */
  #used = 0;
  #size = 0;

  /** [0, end) */
  static below(end: number): IntervalSet {
    const set = new IntervalSet();
    if (end > 0) set.append(0, end);
    return set;
  }

  /** Of what `toBounds` has given; takes the array over. */
  static fromBounds(bounds: Float64Array<ArrayBuffer>): IntervalSet {
    const set = new IntervalSet();
    set.#bounds = bounds;
    set.#used = bounds.length;
    for (let i = 0; i < bounds.length; i += 2) set.#size += bounds[i + 1] - bounds[i];
    return set;
  }

  /** How many numbers it holds. */
  get size(): number {
    return this.#size;
  }

  /** How many intervals they make, which is what the set costs. */
  get intervals(): number {
    return this.#used / 2;
  }

  /** One more than the highest number; 0 when empty. */
  get end(): number {
    return this.#used === 0 ? 0 : this.#bounds[this.#used - 1];
  }

  /** Whether it was not there before. */
  add(number: number): boolean {
    const end = this.end;
    if (number < end) return this.#addBelowEnd(number);
    if (number === end && this.#used > 0) this.#bounds[this.#used - 1] = number + 1;
    else this.#insert(this.#used, number);
    this.#size++;
    return true;
  }

  /** Adds [from, to), which lies at or above `end`: for sets that are made in order. */
  append(from: number, to: number): void {
    if (this.#used > 0 && from === this.end) {
      this.#size += to - from;
      this.#bounds[this.#used - 1] = to;
      return;
    }
    this.#insert(this.#used, from);
    this.#bounds[this.#used - 1] = to;
    this.#size += to - from;
  }

  has(number: number): boolean {
    const at = this.#firstEndingAtOrAfter(number + 1);
    return at < this.#used && this.#bounds[at] <= number;
  }

  /** Whether adding it would make another interval. */
  wouldGrow(number: number): boolean {
    return !this.has(number) && !this.has(number + 1) && !(number > 0 && this.has(number - 1));
  }

  /** What is in this set and not in `other`. */
  difference(other: IntervalSet): IntervalSet {
    const rest = new IntervalSet();
    let skipped = 0;
    for (let i = 0; i < this.#used; i += 2) {
      let from = this.#bounds[i];
      const to = this.#bounds[i + 1];
      while (skipped < other.#used && other.#bounds[skipped + 1] <= from) skipped += 2;
      for (let k = skipped; k < other.#used && other.#bounds[k] < to; k += 2) {
        if (other.#bounds[k] > from) rest.append(from, other.#bounds[k]);
        from = other.#bounds[k + 1];
      }
      if (from < to) rest.append(from, to);
    }
    return rest;
  }

  /** What is in both. */
  intersection(other: IntervalSet): IntervalSet {
    return this.difference(this.difference(other));
  }

  /** What is missing in [0, end). */
  gapsBelow(end: number): IntervalSet {
    return IntervalSet.below(end).difference(this);
  }

  /** Calls `visit` with each interval [from, to), in order. */
  forEach(visit: (from: number, to: number) => void): void {
    for (let i = 0; i < this.#used; i += 2) visit(this.#bounds[i], this.#bounds[i + 1]);
  }

  /** A copy of the bounds, from0 to0 from1 to1 ..., that can be transferred. */
  toBounds(): Float64Array<ArrayBuffer> {
    return this.#bounds.slice(0, this.#used);
  }

  #addBelowEnd(number: number): boolean {
    const bounds = this.#bounds;
    const at = this.#firstEndingAtOrAfter(number);
    if (bounds[at] <= number && number < bounds[at + 1]) return false;
    this.#size++;
    if (bounds[at + 1] === number) {
      // Not the last interval, for the number is below its end.
      if (bounds[at + 2] === number + 1) this.#joinWithNext(at);
      else bounds[at + 1] = number + 1;
    } else if (bounds[at] === number + 1) bounds[at] = number;
    else this.#insert(at, number);
    return true;
  }

  /** Cell of the first interval whose `to` is `number` or more; `#used` when there is none. */
  #firstEndingAtOrAfter(number: number): number {
    let low = 0;
    let high = this.#used / 2;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#bounds[2 * middle + 1] < number) low = middle + 1;
      else high = middle;
    }
    return 2 * low;
  }

  #joinWithNext(at: number): void {
    this.#bounds.copyWithin(at + 1, at + 3, this.#used);
    this.#used -= 2;
  }

  #insert(at: number, number: number): void {
    if (this.#used + 2 > this.#bounds.length) {
      const larger = new Float64Array(Math.max(CAPACITY_MIN, 2 * this.#bounds.length));
      larger.set(this.#bounds);
      this.#bounds = larger;
    }
    if (at < this.#used) this.#bounds.copyWithin(at + 2, at, this.#used);
    this.#bounds[at] = number;
    this.#bounds[at + 1] = number + 1;
    this.#used += 2;
  }
}
