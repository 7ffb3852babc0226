// The time of a group of devices, which a phase may make pass faster or slower than the run's: device time is the
// integral of the factor. Profiles are sequences in device time, so that a seed gives the same steps at any speed.

export class GroupClock {
  #runMs = 0;
  #deviceMs = 0;
  #factor = 1;

  get factor(): number {
    return this.#factor;
  }

  /** From `runMs` on, not before the last change. 0: time stands still. */
  setFactor(factor: number, runMs: number): void {
    this.#deviceMs = this.toDeviceMs(runMs);
    this.#runMs = runMs;
    this.#factor = factor;
  }

  toDeviceMs(runMs: number): number {
    return this.#deviceMs + (runMs - this.#runMs) * this.#factor;
  }

  /** When that was, or will be; exact since the last change of the factor. */
  toRunMs(deviceMs: number): number {
    return this.#factor === 0 ? this.#runMs : this.#runMs + (deviceMs - this.#deviceMs) / this.#factor;
  }
}
