// Readings that a device keeps while it cannot send: when each was taken, in order. Bounded; what does not fit is the
// caller's to count.

export class HeldReadings {
  readonly #max: number;
  #times: number[] = [];
  #first = 0;

  constructor(readingsMax: number) {
    this.#max = readingsMax;
  }

  get count(): number {
    return this.#times.length - this.#first;
  }

  /** False: there is no room. */
  add(dueMs: number): boolean {
    if (this.count >= this.#max) return false;
    this.#times.push(dueMs);
    return true;
  }

  /** The oldest; there must be one. */
  take(): number {
    const dueMs = this.#times[this.#first++] as number;
    if (this.#first > 1024 && this.#first * 2 > this.#times.length) {
      this.#times = this.#times.slice(this.#first);
      this.#first = 0;
    }
    return dueMs;
  }

  clear(): void {
    this.#times = [];
    this.#first = 0;
  }
}
