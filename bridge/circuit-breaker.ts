// Stops calling on an upstream that keeps failing. Closed: everything may pass. Open: nothing may for openMs.
// Half-open: one batch at a time is tried; its acknowledgement closes the circuit, its failure opens it
// again. It only judges; what to hold back, and waking up when the time is over, is the sender's work. Keeps
// no timer.

import type { Clock } from '../config/clock.ts';

export interface BreakerSettings {
  /** Failures in a row that open the circuit. */
  failures: number;
  openMs: number;
}

export type CircuitState = 'closed' | 'open' | 'half-open';

export class CircuitBreaker {
  readonly #settings: BreakerSettings;
  readonly #clock: Clock;
  #failures = 0;
  #openUntilMs: number | null = null;
  #trips = 0;

  constructor(settings: BreakerSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  get state(): CircuitState {
    if (this.#openUntilMs === null) return 'closed';
    return this.waitMs() > 0 ? 'open' : 'half-open';
  }

  /** How often it opened. */
  get trips(): number {
    return this.#trips;
  }

  /** Milliseconds until an attempt may be made, 0 when one may be made now. */
  waitMs(): number {
    if (this.#openUntilMs === null) return 0;
    return Math.max(0, this.#openUntilMs - this.#clock.monotonicMs());
  }

  /** The upstream acknowledged something. */
  succeeded(): void {
    this.#failures = 0;
    this.#openUntilMs = null;
  }

  /** An attempt failed. Failures of what was sent before it opened do not keep it open any longer. */
  failed(): void {
    if (this.state === 'open') return;
    this.#failures++;
    if (this.#openUntilMs === null && this.#failures < this.#settings.failures) return;
    this.#openUntilMs = this.#clock.monotonicMs() + this.#settings.openMs;
    this.#trips++;
  }
}
