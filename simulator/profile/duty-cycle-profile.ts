// Wakes at every beat: connects, takes and sends its readings spread over the time it is awake, disconnects in order.

import type { Profile, ProfileStep } from './profile.ts';
import type { ProfileSettingsOf } from './profile-settings.ts';

export class DutyCycleProfile implements Profile {
  readonly #settings: ProfileSettingsOf<'duty-cycle'>;
  readonly #firstMs: number;
  #cycles = 0;
  /** 0 is to connect, then one per message, then to disconnect. */
  #step = 0;

  constructor(settings: ProfileSettingsOf<'duty-cycle'>, random: () => number) {
    this.#settings = settings;
    this.#firstMs = settings.phase === 'spread' ? random() * settings.every : 0;
  }

  next(): ProfileStep {
    const { every, messages, awake } = this.#settings;
    const step = this.#step++;
    const wakeMs = this.#firstMs + this.#cycles * every;
    if (step === 0) return { atMs: wakeMs, kind: 'connect' };
    if (step <= messages) return { atMs: wakeMs + ((step - 1) * awake) / messages, kind: 'publish' };
    this.#step = 0;
    this.#cycles++;
    return { atMs: wakeMs + awake, kind: 'disconnect' };
  }
}
