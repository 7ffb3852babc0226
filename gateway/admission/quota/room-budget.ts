// Room in the open batch, as what connections share: nobody knows how much there is until the batch has none
// for a record, and then none until the commit. When an append found no room: `full`, and `notTaken` of the
// gate; when there is again: `opened`, and `serve` of the gate. A message costs its bytes, or its place among
// the records of a commit if that is more.

import type { SharedBudget } from './fair-gate.ts';

export class RoomBudget implements SharedBudget {
  readonly #bytesPerRecord: number;
  #isFull = false;

  constructor(commit: { readonly recordsMax: number; readonly bytesMax: number }) {
    this.#bytesPerRecord = commit.bytesMax / commit.recordsMax;
  }

  full(): void {
    this.#isFull = true;
  }

  opened(): void {
    this.#isFull = false;
  }

  tryTake(): boolean {
    return !this.#isFull;
  }

  waitMs(): number {
    return this.#isFull ? Infinity : 0;
  }

  cost(bytes: number): number {
    return Math.max(1, bytes, this.#bytesPerRecord);
  }
}
