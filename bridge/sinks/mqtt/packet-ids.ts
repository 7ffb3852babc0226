// Packet identifiers for our own PUBLISH packets: 1 to `max`, the one that has been free longest first.
// Identifiers above belong to the client library, which uses them for SUBSCRIBE.

/** Ours end here; see LIBRARY_IDS_FROM. */
export const PUBLISH_IDS_MAX = 60_000;
export const LIBRARY_IDS_FROM = 60_001;

export class PacketIds {
  readonly #free: Uint16Array;
  #first = 0;
  #count: number;

  constructor(max: number) {
    this.#free = Uint16Array.from({ length: Math.min(max, PUBLISH_IDS_MAX) }, (_, i) => i + 1);
    this.#count = this.#free.length;
  }

  get max(): number {
    return this.#free.length;
  }

  get inUse(): number {
    return this.#free.length - this.#count;
  }

  take(): number {
    const id = this.#free[this.#first];
    this.#first = (this.#first + 1) % this.#free.length;
    this.#count--;
    return id;
  }

  give(id: number): void {
    this.#free[(this.#first + this.#count) % this.#free.length] = id;
    this.#count++;
  }
}
