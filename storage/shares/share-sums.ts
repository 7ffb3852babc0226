// Sums of shares by owner, to be handed on together: what is added and taken off between two messages comes to little.

import type { OwnerShares } from './owner-shares.ts';
import { OwnerTable } from './owner-table.ts';

const SLOTS_MIN = 1024;
/** A table that has become larger than this is not kept when it has been emptied. */
const SLOTS_KEPT = 65_536;

export class ShareSums {
  readonly #table = new OwnerTable(SLOTS_MIN);

  add(shares: OwnerShares): void {
    for (let i = 0; i < shares.length; i += 2) this.#add(shares[i], shares[i + 1]);
  }

  subtract(shares: OwnerShares): void {
    for (let i = 0; i < shares.length; i += 2) this.#add(shares[i], -shares[i + 1]);
  }

  get isEmpty(): boolean {
    return this.#table.owners === 0;
  }

  /** All of them, and begins anew. What has come to nothing is left out. */
  take(): OwnerShares {
    const table = this.#table;
    const shares = new Float64Array(2 * table.owners);
    let length = 0;
    for (let slot = 0; slot < table.slots; slot++) {
      if (table.ownerAt(slot) === 0 || table.valueAt(slot) === 0) continue;
      shares[length++] = table.ownerAt(slot);
      shares[length++] = table.valueAt(slot);
    }
    table.clear(SLOTS_KEPT);
    return shares.slice(0, length);
  }

  #add(owner: number, bytes: number): void {
    const table = this.#table;
    const slot = table.slotOf(owner);
    if (table.ownerAt(slot) === 0) table.insert(owner, bytes, slot);
    else table.setAt(slot, table.valueAt(slot) + bytes);
  }
}
