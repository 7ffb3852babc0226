// The fields of one device and their present values, moved on together. Each generator draws from random numbers of
// its own, seeded by the field's name, so that adding a field does not change what the others say.

import { derivedSeed, seededRandom } from '../seeded-random.ts';
import { Battery } from './battery.ts';
import type { FieldSettings, GeneratorSettings } from './generator-settings.ts';
import { GpsTrack } from './gps-track.ts';
import type { Generator, Quantity } from './quantity.ts';
import { Counter, Gaussian, Sine, Step, Walk } from './wandering-generators.ts';
import { Unchanging, Word } from './word-generators.ts';

export interface Field {
  name: string;
  generator: Generator;
}

/** A quantity with the name of its field; together with its part it is unique. */
export interface NamedQuantity {
  field: string;
  quantity: Quantity;
}

export class Readings {
  readonly fields: readonly Field[];
  readonly quantities: readonly NamedQuantity[];
  readonly #generators: readonly Generator[];
  #firstMs: number | undefined;
  #elapsedMs = 0;

  /** `seed` is the device's own. */
  constructor(settings: FieldSettings, seed: number) {
    this.fields = Object.entries(settings).map(([name, field]) => {
      return { name, generator: createGenerator(field, seededRandom(derivedSeed(seed, hashOf(name)))) };
    });
    this.#generators = this.fields.map(({ generator }) => generator);
    this.quantities = this.fields.flatMap(({ name, generator }) =>
      generator.quantities.map((quantity) => ({ field: name, quantity })),
    );
  }

  /** Takes all readings at `timeMs`, from any origin; a clock that goes back counts as one that stands. */
  advance(timeMs: number): void {
    this.#firstMs ??= timeMs;
    this.#elapsedMs = Math.max(this.#elapsedMs, timeMs - this.#firstMs);
    for (const generator of this.#generators) generator.advance(this.#elapsedMs);
  }

  /** Whether any value has moved on from the last payload. */
  get haveChanged(): boolean {
    return this.quantities.some(({ quantity }) => quantity.hasChanged);
  }

  markSent(): void {
    for (const { quantity } of this.quantities) quantity.markSent();
  }
}

function createGenerator(settings: GeneratorSettings, random: () => number): Generator {
  switch (settings.type) {
    case 'walk':
      return new Walk(settings, random);
    case 'sine':
      return new Sine(settings, random);
    case 'step':
      return new Step(settings, random);
    case 'enum':
      return new Word(settings, random);
    case 'counter':
      return new Counter(settings);
    case 'gaussian':
      return new Gaussian(settings, random);
    case 'gps':
      return new GpsTrack(settings, random);
    case 'battery':
      return new Battery(settings, random);
    case 'constant':
    case 'text':
      return new Unchanging(settings);
  }
}

/** FNV-1a, 32 bits. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
