// One number or text that a device measures, and what makes it move. A generator owns one quantity, or several that
// move together (a position has two), and sets them when it is told how far time has come. Formats read them.
// Seeded: a generator draws only from the random numbers it was given, so the same seed and times give the same
// values.

export interface Generator {
  /** What it moves; `part` tells several of one generator apart and is empty where there is only one. */
  readonly quantities: readonly Quantity[];
  /** Takes a reading, `elapsedMs` after the first one (which is taken at 0); never less than the time before. */
  advance(elapsedMs: number): void;
}

export interface QuantityOptions {
  part?: string;
  unit: string;
  /** Text for ever; otherwise a number. */
  isText?: boolean;
  /** A number must move by more than this from what was sent last to count as changed. */
  deadband?: number;
}

export class Quantity {
  readonly part: string;
  readonly unit: string;
  readonly isText: boolean;
  readonly #deadband: number;
  #value: number | string = 0;
  #sent: number | string | undefined;

  constructor({ part = '', unit, isText = false, deadband = 0 }: QuantityOptions) {
    this.part = part;
    this.unit = unit;
    this.isText = isText;
    this.#deadband = deadband;
  }

  get value(): number | string {
    return this.#value;
  }

  set value(value: number | string) {
    this.#value = value;
  }

  /** The value as JSON. */
  get json(): string {
    return typeof this.#value === 'number' ? `${this.#value}` : JSON.stringify(this.#value);
  }

  /** Whether it has moved on from what was sent last. */
  get hasChanged(): boolean {
    const [value, sent] = [this.#value, this.#sent];
    if (typeof value !== 'number' || typeof sent !== 'number') return value !== sent;
    return Math.abs(value - sent) > this.#deadband;
  }

  /** The present value is in a payload. */
  markSent(): void {
    this.#sent = this.#value;
  }
}

/** Rounds to `10 ** -decimals`; given its inverse, because it is called for every value. */
export function rounded(value: number, scale: number): number {
  // Adding zero turns -0 into 0.
  return Math.round(value * scale) / scale + 0;
}
