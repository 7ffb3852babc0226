// Which device is due next: a binary heap of times and device numbers, one entry a device at most, nothing allocated
// after it has grown.

const FIRST_CAPACITY = 64;

export class DueQueue {
  #times = new Float64Array(FIRST_CAPACITY);
  #devices = new Int32Array(FIRST_CAPACITY);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Of the device that is due first; infinity when there is none. */
  get nextMs(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : (this.#times[0] as number);
  }

  push(timeMs: number, device: number): void {
    if (this.#size === this.#times.length) this.#grow();
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((this.#times[parent] as number) <= timeMs) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#times[at] = timeMs;
    this.#devices[at] = device;
  }

  /** Takes the device that is due first; -1 when there is none. */
  pop(): number {
    if (this.#size === 0) return -1;
    const device = this.#devices[0] as number;
    const last = --this.#size;
    const timeMs = this.#times[last] as number;
    const lastDevice = this.#devices[last] as number;
    let at = 0;
    for (let child = 1; child < last; child = 2 * at + 1) {
      if (child + 1 < last && (this.#times[child + 1] as number) < (this.#times[child] as number)) child++;
      if ((this.#times[child] as number) >= timeMs) break;
      this.#move(child, at);
      at = child;
    }
    this.#times[at] = timeMs;
    this.#devices[at] = lastDevice;
    return device;
  }

  #move(from: number, to: number): void {
    this.#times[to] = this.#times[from] as number;
    this.#devices[to] = this.#devices[from] as number;
  }

  #grow(): void {
    const times = new Float64Array(2 * this.#times.length);
    const devices = new Int32Array(2 * this.#devices.length);
    times.set(this.#times);
    devices.set(this.#devices);
    this.#times = times;
    this.#devices = devices;
  }
}
