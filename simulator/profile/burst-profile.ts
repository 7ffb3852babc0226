// Bursts: at every beat a number of messages, one spacing after the other.

import type { Profile, ProfileStep } from './profile.ts';
import type { ProfileSettingsOf } from './profile-settings.ts';

export class BurstProfile implements Profile {
  readonly #settings: ProfileSettingsOf<'burst'>;
  readonly #firstMs: number;
  #bursts = 0;
  #messages = 0;

  constructor(settings: ProfileSettingsOf<'burst'>, random: () => number) {
    this.#settings = settings;
    this.#firstMs = settings.phase === 'spread' ? random() * settings.every : 0;
  }

  next(): ProfileStep {
    const { every, messages, spacing } = this.#settings;
    if (this.#messages === messages) {
      this.#messages = 0;
      this.#bursts++;
    }
    const atMs = this.#firstMs + this.#bursts * every + this.#messages++ * spacing;
    return { atMs, kind: 'publish' };
  }
}
