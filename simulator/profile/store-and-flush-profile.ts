// Takes a reading at every beat and keeps it; at every slower beat connects, sends what is kept, and disconnects
// again some time later. Readings go on meanwhile and wait for the next transfer. Two sequences of steps, merged by
// time; at the same time the reading comes first, so that it is part of the transfer.

import type { Profile, ProfileStep, StepKind } from './profile.ts';
import type { ProfileSettingsOf } from './profile-settings.ts';

export class StoreAndFlushProfile implements Profile {
  readonly #settings: ProfileSettingsOf<'store-and-flush'>;
  readonly #firstHoldMs: number;
  readonly #firstFlushMs: number;
  /** Of one transfer. */
  readonly #transfer: readonly StepKind[];
  #holds = 0;
  #transfers = 0;
  #transferStep = 0;

  constructor(settings: ProfileSettingsOf<'store-and-flush'>, random: () => number) {
    const { every, flushEvery, phase, stayConnected } = settings;
    this.#settings = settings;
    this.#transfer = stayConnected ? ['flush'] : ['connect', 'flush', 'disconnect'];
    const isSpread = phase === 'spread';
    this.#firstHoldMs = isSpread ? random() * every : 0;
    // Spread over a period, but never before there is something to send.
    this.#firstFlushMs = this.#firstHoldMs + (isSpread ? random() * flushEvery : flushEvery);
  }

  next(): ProfileStep {
    const holdMs = this.#firstHoldMs + this.#holds * this.#settings.every;
    const kind = this.#transfer[this.#transferStep];
    const transferMs = this.#firstFlushMs + this.#transfers * this.#settings.flushEvery;
    const atMs = kind === 'disconnect' ? transferMs + this.#settings.awake : transferMs;
    if (holdMs <= atMs) {
      this.#holds++;
      return { atMs: holdMs, kind: 'hold' };
    }
    this.#transferStep = (this.#transferStep + 1) % this.#transfer.length;
    if (this.#transferStep === 0) this.#transfers++;
    return { atMs, kind };
  }
}
