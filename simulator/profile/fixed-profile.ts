// A steady rate. A regular beat keeps to its grid, so that jitter moves single messages and the rate stays exact;
// Poisson arrivals have independent exponential pauses.

import type { Profile, ProfileStep } from './profile.ts';
import type { ProfileSettingsOf } from './profile-settings.ts';

export class FixedProfile implements Profile {
  readonly #periodMs: number;
  readonly #jitter: number;
  readonly #isPoisson: boolean;
  readonly #random: () => number;
  readonly #firstMs: number;
  #beats = 0;
  #atMs = 0;

  constructor({ rate, jitter, arrivals, phase }: ProfileSettingsOf<'fixed'>, random: () => number) {
    this.#periodMs = 1000 / rate;
    this.#jitter = jitter;
    this.#isPoisson = arrivals === 'poisson';
    this.#random = random;
    this.#firstMs = phase === 'spread' ? random() * this.#periodMs : 0;
  }

  next(): ProfileStep {
    return { atMs: this.#isPoisson ? this.#nextArrival() : this.#nextBeat(), kind: 'publish' };
  }

  #nextArrival(): number {
    // 1 - random() is never 0, of which there is no logarithm.
    this.#atMs -= Math.log(1 - this.#random()) * this.#periodMs;
    return this.#atMs;
  }

  /** Half the jitter to either side at most: two neighbours never change places. */
  #nextBeat(): number {
    const beatMs = this.#firstMs + this.#beats++ * this.#periodMs;
    if (this.#jitter === 0) return beatMs;
    return Math.max(0, beatMs + this.#jitter * (this.#random() - 0.5) * this.#periodMs);
  }
}
