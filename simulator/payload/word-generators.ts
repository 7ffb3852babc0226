// Words: one of several that is kept for a while, as the state of a machine is; and what never changes, number or
// text.

import type { SettingsOf } from './generator-settings.ts';
import { type Generator, Quantity } from './quantity.ts';

export class Word implements Generator {
  readonly quantities: readonly Quantity[];
  readonly #values: readonly string[];
  /** Sums of the weights up to each value. */
  readonly #sums: readonly number[];
  readonly #stay: number;
  readonly #random: () => number;
  #isFirst = true;

  constructor({ values, weights, stay, unit }: SettingsOf<'enum'>, random: () => number) {
    this.#values = values;
    this.#stay = stay;
    this.#random = random;
    let sum = 0;
    this.#sums = values.map((_, i) => {
      sum += weights.length > 0 ? weights[i] : 1;
      return sum;
    });
    this.quantities = [new Quantity({ unit, isText: true })];
  }

  advance(): void {
    const isKept = this.#random() < this.#stay;
    if (isKept && !this.#isFirst) return;
    this.#isFirst = false;
    const drawn = this.#random() * this.#sums[this.#sums.length - 1];
    this.quantities[0].value = this.#values[this.#sums.findIndex((sum) => drawn < sum)];
  }
}

export class Unchanging implements Generator {
  readonly quantities: readonly Quantity[];

  constructor({ value, unit }: SettingsOf<'constant' | 'text'>) {
    this.quantities = [new Quantity({ unit, isText: typeof value === 'string' })];
    this.quantities[0].value = value;
  }

  advance(): void {
    // Nothing moves.
  }
}
