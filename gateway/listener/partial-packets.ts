// Packets of which a part has come: what is kept of all of them together. One client alone may take as long over its
// packet as it likes, but a thousand that begin large ones and never end them would fill the memory. When there is too
// much, the packets that were begun longest ago are given up, and their connections with them; small parts are not
// counted, a connection costs more than they do.

/** Up to this a part is not counted. */
const SMALL_BYTES = 8 * 1024;

export interface Unfinished {
  /** Its packet is given up. */
  giveUp(): void;
}

export class PartialPackets {
  readonly #bytesMax: number;
  /** In the order in which they were begun. */
  readonly #parts = new Map<Unfinished, number>();
  #bytes = 0;
  /** Packets that were given up. */
  givenUp = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** So many bytes are kept of a packet now. */
  keeps(owner: Unfinished, bytes: number): void {
    if (bytes <= SMALL_BYTES) return;
    this.#bytes += bytes - (this.#parts.get(owner) ?? 0);
    this.#parts.set(owner, bytes);
    while (this.#bytes > this.#bytesMax) this.#giveUpFirst();
  }

  /** Nothing is kept any more: it is whole, or its connection has ended. Repeatable. */
  ends(owner: Unfinished): void {
    this.#bytes -= this.#parts.get(owner) ?? 0;
    this.#parts.delete(owner);
  }

  #giveUpFirst(): void {
    const [first] = this.#parts.keys();
    this.ends(first);
    this.givenUp++;
    first.giveUp();
  }
}
