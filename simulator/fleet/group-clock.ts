// The time of a group of devices, which a phase may make pass faster or slower than the run's: device time is the
// integral of the factor. Profiles are sequences in device time, so that a seed gives the same steps at any speed.

export class GroupClock {
  #runMs = 0;
  #deviceMs = 0;
  #factor = 1;
  /** Before the last change. */
  #formerFactor = 1;

  get factor(): number {
    return this.#factor;
  }

  /** From `runMs` on, not before the last change. 0: time stands still. */
  setFactor(factor: number, runMs: number): void {
    this.#deviceMs = this.toDeviceMs(runMs);
    if (runMs > this.#runMs) this.#formerFactor = this.#factor; // of two changes at once only the last counts
    this.#runMs = runMs;
    this.#factor = factor;
  }

  toDeviceMs(runMs: number): number {
    return this.#deviceMs + (runMs - this.#runMs) * this.#factor;
  }

  /** When that was, or will be; exact since the change before the last: what is late was due at the former speed. */
  toRunMs(deviceMs: number): number {
    const factor = deviceMs < this.#deviceMs ? this.#formerFactor : this.#factor;
    return factor === 0 ? this.#runMs : this.#runMs + (deviceMs - this.#deviceMs) / factor;
  }
}
