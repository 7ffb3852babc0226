// Payloads of a given size: the mark at the head, then seeded random bytes, new in every payload, or zeros. For
// load, and for payloads that no compression makes smaller.

import { seededRandom } from '../seeded-random.ts';
import type { PayloadSettingsOf } from './payload-settings.ts';
import type { PayloadContext, PayloadSource } from './payload-source.ts';

export class BytePayloads implements PayloadSource {
  readonly #size: number;
  readonly #filler: 'random' | 'zeros';
  readonly #random: () => number;

  constructor({ size, filler }: PayloadSettingsOf<'bytes'>, seed: number) {
    this.#size = size;
    this.#filler = filler;
    this.#random = seededRandom(seed);
  }

  next({ mark }: PayloadContext): Buffer {
    const payload = Buffer.allocUnsafe(this.#size);
    let at = payload.write(mark, 'latin1');
    if (this.#filler === 'zeros') return payload.fill(0, at);
    for (; at + 4 <= this.#size; at += 4) payload.writeUInt32LE(this.#random() * 2 ** 32, at);
    for (; at < this.#size; at++) payload[at] = this.#random() * 256;
    return payload;
  }

  hasChanged(): boolean {
    return true;
  }
}
