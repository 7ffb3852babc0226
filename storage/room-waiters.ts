// Who waits for room: told once, each in a turn of its own, in the order in which they asked. Who goes away is
// forgotten: while a disk is full, for hours perhaps, clients come and go, and those that went must not pile up.

export class RoomWaiters {
  #waiters = new Set<() => void>();

  get count(): number {
    return this.#waiters.size;
  }

  /** Once, however often it is added before it is told. */
  add(callback: () => void): void {
    this.#waiters.add(callback);
  }

  /** It may already be on its way. */
  remove(callback: () => void): void {
    this.#waiters.delete(callback);
  }

  /** Tells all that wait now. */
  tell(): void {
    if (this.#waiters.size === 0) return;
    const waiters = this.#waiters;
    this.#waiters = new Set();
    for (const waiter of waiters) setImmediate(waiter);
  }
}
