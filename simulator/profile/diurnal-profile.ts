// A rate that rises and falls over the day: a Poisson process with rate(t) = mean (1 + swing cos(2 pi (t - peak) /
// period)), made by thinning: arrivals at the highest rate, each kept with probability rate(t) / highest. Exact,
// without inverting the integral (P. A. W. Lewis, G. S. Shedler: Simulation of nonhomogeneous Poisson processes by
// thinning, Naval Research Logistics Quarterly 26, 1979, 403-413). On average 1 + swing candidates are drawn for a
// message.

import type { Profile, ProfileStep } from './profile.ts';
import type { ProfileSettingsOf } from './profile-settings.ts';

export class DiurnalProfile implements Profile {
  readonly #settings: ProfileSettingsOf<'diurnal'>;
  readonly #random: () => number;
  /** Mean pause at the highest rate. */
  readonly #pauseMs: number;
  #atMs = 0;

  constructor(settings: ProfileSettingsOf<'diurnal'>, random: () => number) {
    this.#settings = settings;
    this.#random = random;
    this.#pauseMs = 1000 / (settings.rate * (1 + settings.swing));
  }

  next(): ProfileStep {
    do {
      this.#atMs -= Math.log(1 - this.#random()) * this.#pauseMs;
    } while (this.#random() >= this.#share());
    return { atMs: this.#atMs, kind: 'publish' };
  }

  /** The rate now, as a share of the highest. */
  #share(): number {
    const { swing, period, peakAt } = this.#settings;
    return (1 + swing * Math.cos((2 * Math.PI * (this.#atMs - peakAt)) / period)) / (1 + swing);
  }
}
