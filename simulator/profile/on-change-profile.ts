// Speaks when a reading differs from what was said last. What differs, the payload source decides (its deadbands);
// this asks it at every reading, in the device's time. Looks no further ahead than to the step it returns, so the
// source's readings are those of that step until it is asked for the next one.

import type { Profile, ProfileStep } from './profile.ts';
import type { ProfileSettingsOf } from './profile-settings.ts';

/** Takes readings at the device's time; true when they differ from the last payload. */
export type HasChanged = (atMs: number) => boolean;

export class OnChangeProfile implements Profile {
  readonly #everyMs: number;
  readonly #unchangedMax: number;
  readonly #firstMs: number;
  readonly #hasChanged: HasChanged;
  #readings = 0;

  constructor(
    { every, unchangedMax, phase }: ProfileSettingsOf<'on-change'>,
    random: () => number,
    hasChanged: HasChanged,
  ) {
    this.#everyMs = every;
    this.#unchangedMax = unchangedMax;
    this.#firstMs = phase === 'spread' ? random() * every : 0;
    this.#hasChanged = hasChanged;
  }

  next(): ProfileStep {
    for (let unchanged = 0; ; ) {
      const atMs = this.#firstMs + this.#readings++ * this.#everyMs;
      if (this.#hasChanged(atMs) || ++unchanged >= this.#unchangedMax) return { atMs, kind: 'publish' };
    }
  }
}
