// How long a device waits before it connects again: twice as long after each failure, up to a limit, and jittered, so
// that a gateway that comes back is not met by all of its devices in the same moment.

export interface ReconnectLimits {
  minMs: number;
  maxMs: number;
}

export class ReconnectDelay {
  readonly #limits: ReconnectLimits;
  readonly #random: () => number;
  #failures = 0;

  /** `random`: 0 to 1. */
  constructor(limits: ReconnectLimits, random: () => number) {
    this.#limits = limits;
    this.#random = random;
  }

  /** Between half of the delay that is due and all of it. */
  nextMs(): number {
    const { minMs, maxMs } = this.#limits;
    const dueMs = Math.min(maxMs, minMs * 2 ** Math.min(30, this.#failures++));
    return dueMs * (0.5 + 0.5 * this.#random());
  }

  succeeded(): void {
    this.#failures = 0;
  }
}
