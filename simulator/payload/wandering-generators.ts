// Numbers that move: a random walk, a sine wave with noise, steps between levels, a normal distribution, a counter.

import type { SettingsOf } from './generator-settings.ts';
import { type Generator, Quantity, rounded } from './quantity.ts';

type Random = () => number;

export class Walk implements Generator {
  readonly quantities: readonly Quantity[];
  readonly #settings: SettingsOf<'walk'>;
  readonly #random: Random;
  readonly #scale: number;
  #position: number;

  constructor(settings: SettingsOf<'walk'>, random: Random) {
    this.#settings = settings;
    this.#random = random;
    this.#scale = 10 ** settings.decimals;
    // Begins in the middle half, so that devices differ and none begins at a limit.
    this.#position = settings.min + (settings.max - settings.min) * (0.25 + 0.5 * random());
    this.quantities = [new Quantity(settings)];
  }

  advance(): void {
    const { min, max, step } = this.#settings;
    const moved = this.#position + step * (2 * this.#random() - 1);
    this.#position = Math.min(max, Math.max(min, moved));
    this.quantities[0].value = rounded(this.#position, this.#scale);
  }
}

export class Sine implements Generator {
  readonly quantities: readonly Quantity[];
  readonly #settings: SettingsOf<'sine'>;
  readonly #random: Random;
  readonly #scale: number;
  /** Where on the wave it begins, as a share of it. */
  readonly #phase: number;

  constructor(settings: SettingsOf<'sine'>, random: Random) {
    this.#settings = settings;
    this.#random = random;
    this.#scale = 10 ** settings.decimals;
    this.#phase = random();
    this.quantities = [new Quantity(settings)];
  }

  advance(elapsedMs: number): void {
    const { min, max, period, noise } = this.#settings;
    const wave = Math.sin(2 * Math.PI * (this.#phase + (elapsedMs % period) / period));
    const deviation = noise * (2 * this.#random() - 1);
    const value = min + ((max - min) * (1 + wave)) / 2 + deviation;
    this.quantities[0].value = rounded(value, this.#scale);
  }
}

export class Step implements Generator {
  readonly quantities: readonly Quantity[];
  readonly #settings: SettingsOf<'step'>;
  readonly #random: Random;
  readonly #scale: number;
  #step = -1;

  constructor(settings: SettingsOf<'step'>, random: Random) {
    this.#settings = settings;
    this.#random = random;
    this.#scale = 10 ** settings.decimals;
    this.quantities = [new Quantity(settings)];
  }

  advance(elapsedMs: number): void {
    const { values, min, max, every } = this.#settings;
    const step = Math.floor(elapsedMs / every);
    if (step === this.#step) return;
    this.#step = step;
    const level = values.length > 0 ? values[step % values.length] : min + (max - min) * this.#random();
    this.quantities[0].value = rounded(level, this.#scale);
  }
}

export class Gaussian implements Generator {
  readonly quantities: readonly Quantity[];
  readonly #settings: SettingsOf<'gaussian'>;
  readonly #random: Random;
  readonly #scale: number;

  constructor(settings: SettingsOf<'gaussian'>, random: Random) {
    this.#settings = settings;
    this.#random = random;
    this.#scale = 10 ** settings.decimals;
    this.quantities = [new Quantity(settings)];
  }

  advance(): void {
    const { mean, deviation } = this.#settings;
    this.quantities[0].value = rounded(mean + deviation * normal(this.#random), this.#scale);
  }
}

export class Counter implements Generator {
  readonly quantities: readonly Quantity[];
  readonly #step: number;
  #next: number;

  constructor(settings: SettingsOf<'counter'>) {
    this.#step = settings.step;
    this.#next = settings.start;
    this.quantities = [new Quantity(settings)];
  }

  advance(): void {
    this.quantities[0].value = this.#next;
    this.#next += this.#step;
  }
}

/** Standard normal, by the method of G. E. P. Box and M. E. Muller (1958). */
export function normal(random: Random): number {
  // 1 - random() is never 0, of which there is no logarithm.
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
