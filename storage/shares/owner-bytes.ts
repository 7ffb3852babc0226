// A number of bytes for each owner (owner-keys.ts), in two flat columns: open addressing, at most half full, doubled
// as it grows. Bounded: owners for whom there is no place are summed up under `uncountedBytes`, and get a place with
// the first bytes that come when there is one again.
//
// Invariant: `uncountedBytes` and all owners' bytes add up to everything that was ever added; nobody has less than 0.

const SLOTS_MIN = 256;

export class OwnerBytes {
  readonly #ownersMax: number;
  /** 0: free. */
  #keys = new Float64Array(SLOTS_MIN);
  #bytes = new Float64Array(SLOTS_MIN);
  #owners = 0;
  uncountedBytes = 0;

  constructor(ownersMax: number) {
    this.#ownersMax = ownersMax;
  }

  /** How many have any. */
  get owners(): number {
    return this.#owners;
  }

  of(owner: number): number {
    return this.#bytes[this.#slotOf(owner)];
  }

  /** `bytes` may be negative: it has been delivered. */
  add(owner: number, bytes: number): void {
    const slot = this.#slotOf(owner);
    if (this.#keys[slot] === 0) {
      if (bytes <= 0 || this.#owners >= this.#ownersMax) this.uncountedBytes += bytes;
      else this.#insert(owner, bytes, slot);
      return;
    }
    const left = this.#bytes[slot] + bytes;
    if (left > 0) {
      this.#bytes[slot] = left;
    } else {
      this.uncountedBytes += left; // what came while there was no place
      this.#remove(slot);
    }
  }

  #insert(owner: number, bytes: number, slot: number): void {
    this.#keys[slot] = owner;
    this.#bytes[slot] = bytes;
    if (++this.#owners * 2 > this.#keys.length) this.#grow();
  }

  #grow(): void {
    const keys = this.#keys;
    const bytes = this.#bytes;
    this.#keys = new Float64Array(2 * keys.length);
    this.#bytes = new Float64Array(2 * keys.length);
    for (let i = 0; i < keys.length; i++) {
      if (keys[i] === 0) continue;
      const slot = this.#slotOf(keys[i]);
      this.#keys[slot] = keys[i];
      this.#bytes[slot] = bytes[i];
    }
  }

  /** Closes the gap, so that whoever was put further on for want of this place is still found. */
  #remove(slot: number): void {
    const keys = this.#keys;
    const mask = keys.length - 1;
    let gap = slot;
    for (let i = (slot + 1) & mask; keys[i] !== 0; i = (i + 1) & mask) {
      const distance = (i - (keys[i] & mask)) & mask;
      if (distance < ((i - gap) & mask)) continue;
      keys[gap] = keys[i];
      this.#bytes[gap] = this.#bytes[i];
      gap = i;
    }
    keys[gap] = 0;
    this.#bytes[gap] = 0;
    this.#owners--;
  }

  /** The owner's, or the free one where it belongs. Keys are as good as random: their low bits will do. */
  #slotOf(owner: number): number {
    const mask = this.#keys.length - 1;
    let slot = owner & mask;
    while (this.#keys[slot] !== 0 && this.#keys[slot] !== owner) slot = (slot + 1) & mask;
    return slot;
  }
}
