// A number for each owner (owner-keys.ts), in two flat columns: open addressing, at most half full, doubled as it
// grows. Nothing is made per owner.

export class OwnerTable {
  readonly #slotsMin: number;
  /** 0: free. */
  #keys: Float64Array;
  #values: Float64Array;
  #owners = 0;

  /** `slotsMin`: a power of two. */
  constructor(slotsMin: number) {
    this.#slotsMin = slotsMin;
    this.#keys = new Float64Array(slotsMin);
    this.#values = new Float64Array(slotsMin);
  }

  get owners(): number {
    return this.#owners;
  }

  get slots(): number {
    return this.#keys.length;
  }

  /** The owner's, or the free one where it belongs. Keys are as good as random: their low bits will do. */
  slotOf(owner: number): number {
    const mask = this.#keys.length - 1;
    let slot = owner & mask;
    while (this.#keys[slot] !== 0 && this.#keys[slot] !== owner) slot = (slot + 1) & mask;
    return slot;
  }

  /** 0: nobody's. */
  ownerAt(slot: number): number {
    return this.#keys[slot];
  }

  valueAt(slot: number): number {
    return this.#values[slot];
  }

  setAt(slot: number, value: number): void {
    this.#values[slot] = value;
  }

  /** `slot` is free, and where the owner belongs; no slot that was told before holds any more. */
  insert(owner: number, value: number, slot: number): void {
    this.#keys[slot] = owner;
    this.#values[slot] = value;
    if (++this.#owners * 2 > this.#keys.length) this.#grow();
  }

  /** Closes the gap, so that whoever was put further on for want of this place is still found. */
  remove(slot: number): void {
    const keys = this.#keys;
    const mask = keys.length - 1;
    let gap = slot;
    for (let i = (slot + 1) & mask; keys[i] !== 0; i = (i + 1) & mask) {
      const distance = (i - (keys[i] & mask)) & mask;
      if (distance < ((i - gap) & mask)) continue;
      keys[gap] = keys[i];
      this.#values[gap] = this.#values[i];
      gap = i;
    }
    keys[gap] = 0;
    this.#values[gap] = 0;
    this.#owners--;
  }

  /** Of everybody. A table that has become larger than `slotsKept` begins anew in its first size. */
  clear(slotsKept: number): void {
    if (this.#keys.length > slotsKept) this.#resize(this.#slotsMin);
    else {
      this.#keys.fill(0);
      this.#values.fill(0);
    }
    this.#owners = 0;
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    this.#resize(2 * keys.length);
    for (let i = 0; i < keys.length; i++) {
      if (keys[i] === 0) continue;
      const slot = this.slotOf(keys[i]);
      this.#keys[slot] = keys[i];
      this.#values[slot] = values[i];
    }
  }

  #resize(slots: number): void {
    this.#keys = new Float64Array(slots);
    this.#values = new Float64Array(slots);
  }
}
