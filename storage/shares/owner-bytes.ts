// A number of bytes for each owner. Bounded: owners for whom there is no place are summed up under `uncountedBytes`,
// and get a place with the first bytes that come when there is one again.
//
// Invariant: `uncountedBytes` and all owners' bytes add up to everything that was ever added; nobody has less than 0.

import { OwnerTable } from './owner-table.ts';

const SLOTS_MIN = 256;

export class OwnerBytes {
  readonly #ownersMax: number;
  readonly #table = new OwnerTable(SLOTS_MIN);
  uncountedBytes = 0;

  constructor(ownersMax: number) {
    this.#ownersMax = ownersMax;
  }

  /** How many have any. */
  get owners(): number {
    return this.#table.owners;
  }

  of(owner: number): number {
    return this.#table.valueAt(this.#table.slotOf(owner));
  }

  /** `bytes` may be negative: it has been delivered. */
  add(owner: number, bytes: number): void {
    const table = this.#table;
    const slot = table.slotOf(owner);
    if (table.ownerAt(slot) === 0) {
      if (bytes <= 0 || table.owners >= this.#ownersMax) this.uncountedBytes += bytes;
      else table.insert(owner, bytes, slot);
      return;
    }
    const left = table.valueAt(slot) + bytes;
    if (left > 0) {
      table.setAt(slot, left);
    } else {
      this.uncountedBytes += left; // what came while there was no place
      table.remove(slot);
    }
  }
}
