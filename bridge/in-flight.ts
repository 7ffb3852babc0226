// What one sink has sent and the upstream has not answered for, over all lanes, and the bounds of it.

import type { WindowSize } from './send-window.ts';

export class InFlight {
  #batches = 0;
  #bytes = 0;
  #waiters: (() => void)[] = [];

  get batches(): number {
    return this.#batches;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether one more batch of up to `window.batchBytes` may be sent. One may always be. */
  hasRoom(window: WindowSize, bytesMax: number): boolean {
    if (this.#batches === 0) return true;
    return this.#batches < window.batches && this.#bytes + window.batchBytes <= bytesMax;
  }

  add(bytes: number): void {
    this.#batches++;
    this.#bytes += bytes;
  }

  remove(bytes: number): void {
    this.#batches--;
    this.#bytes -= bytes;
    if (this.#batches > 0) return;
    for (const wake of this.#waiters.splice(0)) wake();
  }

  /** Resolves when nothing is in flight. */
  async landed(): Promise<void> {
    if (this.#batches > 0) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }
}
