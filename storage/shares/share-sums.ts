// Sums of shares by owner, to be handed on together: what is added and taken off between two messages comes to little.
// Two flat columns, open addressing, at most half full; nothing is made per share.

import type { OwnerShares } from './owner-shares.ts';

const SLOTS_MIN = 1024;
/** A table that has become larger than this is not kept when it has been emptied. */
const SLOTS_KEPT = 65_536;

export class ShareSums {
  /** 0: free. */
  #keys = new Float64Array(SLOTS_MIN);
  #bytes = new Float64Array(SLOTS_MIN);
  #owners = 0;

  add(shares: OwnerShares): void {
    for (let i = 0; i < shares.length; i += 2) this.#add(shares[i], shares[i + 1]);
  }

  subtract(shares: OwnerShares): void {
    for (let i = 0; i < shares.length; i += 2) this.#add(shares[i], -shares[i + 1]);
  }

  get isEmpty(): boolean {
    return this.#owners === 0;
  }

  /** All of them, and begins anew. What has come to nothing is left out. */
  take(): OwnerShares {
    const keys = this.#keys;
    const bytes = this.#bytes;
    const shares = new Float64Array(2 * this.#owners);
    let length = 0;
    for (let slot = 0; slot < keys.length; slot++) {
      if (keys[slot] === 0 || bytes[slot] === 0) continue;
      shares[length++] = keys[slot];
      shares[length++] = bytes[slot];
    }
    if (keys.length > SLOTS_KEPT) this.#resize(SLOTS_MIN);
    else keys.fill(0);
    this.#owners = 0;
    return shares.slice(0, length);
  }

  #add(owner: number, bytes: number): void {
    const slot = this.#slotOf(owner);
    if (this.#keys[slot] !== 0) {
      this.#bytes[slot] += bytes;
      return;
    }
    this.#keys[slot] = owner;
    this.#bytes[slot] = bytes;
    if (++this.#owners * 2 > this.#keys.length) this.#grow();
  }

  #grow(): void {
    const keys = this.#keys;
    const bytes = this.#bytes;
    this.#resize(2 * keys.length);
    for (let i = 0; i < keys.length; i++) {
      if (keys[i] === 0) continue;
      const slot = this.#slotOf(keys[i]);
      this.#keys[slot] = keys[i];
      this.#bytes[slot] = bytes[i];
    }
  }

  #resize(slots: number): void {
    this.#keys = new Float64Array(slots);
    this.#bytes = new Float64Array(slots);
  }

  /** Keys are as good as random: their low bits will do. */
  #slotOf(owner: number): number {
    const mask = this.#keys.length - 1;
    let slot = owner & mask;
    while (this.#keys[slot] !== 0 && this.#keys[slot] !== owner) slot = (slot + 1) & mask;
    return slot;
  }
}
