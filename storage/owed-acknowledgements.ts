// Acknowledgements owed when a commit is on disk, in order of arrival. Two preallocated columns; nothing is made per
// acknowledgement.

import type { AckKind, RecordSource } from './record-source.ts';

export class OwedAcknowledgements {
  readonly #sources: (RecordSource | null)[];
  /** reason << 24 | kind << 16 | packet id */
  readonly #words: Uint32Array;
  #count = 0;

  constructor(capacity: number) {
    this.#sources = new Array<RecordSource | null>(capacity).fill(null);
    this.#words = new Uint32Array(capacity);
  }

  get isFull(): boolean {
    return this.#count === this.#words.length;
  }

  add(source: RecordSource, kind: AckKind, packetId: number, reason: number): void {
    this.#sources[this.#count] = source;
    this.#words[this.#count++] = (reason << 24) | (kind << 16) | packetId;
  }

  /** Hands them to their sources, and forgets them. */
  release(): void {
    const sources = this.#sources;
    const count = this.#count;
    for (let i = 0; i < count; i++) {
      const word = this.#words[i];
      const kind = ((word >>> 16) & 0xff) as AckKind;
      (sources[i] as RecordSource).acknowledge(kind, word & 0xffff, word >>> 24);
    }
    // A source's flush is cheap when it has nothing left to write, so this walk needs no set of sources.
    for (let i = 0; i < count; i++) {
      (sources[i] as RecordSource).flushAcknowledgements();
      sources[i] = null; // a closed connection is not kept alive by this list
    }
    this.#count = 0;
  }
}
