// Readings that a device keeps while it cannot send, in order: of each when it was taken, which is enough to make its
// message later, or the message itself. Bounded; what does not fit is the caller's to count.

export class HeldReadings<Reading> {
  readonly #max: number;
  #readings: Reading[] = [];
  #first = 0;

  constructor(readingsMax: number) {
    this.#max = readingsMax;
  }

  get count(): number {
    return this.#readings.length - this.#first;
  }

  get isFull(): boolean {
    return this.count >= this.#max;
  }

  /** There must be room. */
  add(reading: Reading): void {
    this.#readings.push(reading);
  }

  /** The oldest; there must be one. */
  take(): Reading {
    const reading = this.#readings[this.#first++] as Reading;
    if (this.#first > 1024 && this.#first * 2 > this.#readings.length) {
      this.#readings = this.#readings.slice(this.#first);
      this.#first = 0;
    }
    return reading;
  }

  clear(): void {
    this.#readings = [];
    this.#first = 0;
  }
}
