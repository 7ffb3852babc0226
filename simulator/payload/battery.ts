// A charge that drains evenly, is filled again when it is low, and so on: a saw with two slopes, computed from the
// time alone. Each device begins at its own place in the cycle.

import type { SettingsOf } from './generator-settings.ts';
import { type Generator, Quantity, rounded } from './quantity.ts';

export class Battery implements Generator {
  readonly quantities: readonly Quantity[];
  readonly #settings: SettingsOf<'battery'>;
  readonly #scale: number;
  /** Time from full to the level at which charging begins, and back. */
  readonly #drainMs: number;
  readonly #chargeMs: number;
  readonly #startMs: number;

  constructor(settings: SettingsOf<'battery'>, random: () => number) {
    const { lasts, charges, rechargeAt, decimals } = settings;
    this.#settings = settings;
    this.#scale = 10 ** decimals;
    this.#drainMs = lasts * (1 - rechargeAt);
    this.#chargeMs = charges * (1 - rechargeAt);
    this.#startMs = random() * (this.#drainMs + this.#chargeMs);
    this.quantities = [new Quantity(settings)];
  }

  advance(elapsedMs: number): void {
    const { capacity, lasts, charges, rechargeAt } = this.#settings;
    const inCycleMs = (this.#startMs + elapsedMs) % (this.#drainMs + this.#chargeMs);
    const isDraining = inCycleMs < this.#drainMs;
    const share = isDraining ? 1 - inCycleMs / lasts : rechargeAt + (inCycleMs - this.#drainMs) / charges;
    this.quantities[0].value = rounded(capacity * share, this.#scale);
  }
}
