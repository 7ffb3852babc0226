// What waits towards all clients together. Each may leave mqtt.outboundBytesMax unread; a thousand that read nothing
// would fill the memory with that, so there is a bound on the sum too. Above it those who leave most unread are ended,
// until there is room again.

export interface Receiver {
  /** What waits towards it now. */
  readonly unsentBytes: number;
  /** As it stands in the sum; this file's. */
  countedBytes: number;
  /** It counts as one that does not read. */
  endAsSlow(): void;
}

/** Ended are as many as it takes to be below this part of the bound, so that it is not done for each message. */
const RELIEF = 0.75;

export class UnsentBytes {
  readonly #bytesMax: number;
  readonly #all: () => Iterable<Receiver>;
  #bytes = 0;
  #isRelieving = false;

  /** `all`: whoever may be counted. */
  constructor(bytesMax: number, all: () => Iterable<Receiver>) {
    this.#bytesMax = bytesMax;
    this.#all = all;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** It may be more or less than before; what it is less may be told late. */
  changed(receiver: Receiver): void {
    this.#count(receiver, receiver.unsentBytes);
    if (this.#bytes > this.#bytesMax && !this.#isRelieving) this.#relieve();
  }

  gone(receiver: Receiver): void {
    this.#count(receiver, 0);
  }

  #count(receiver: Receiver, bytes: number): void {
    this.#bytes += bytes - receiver.countedBytes;
    receiver.countedBytes = bytes;
  }

  #relieve(): void {
    this.#isRelieving = true;
    const receivers = [...this.#all()];
    for (const receiver of receivers) this.#count(receiver, receiver.unsentBytes);
    if (this.#bytes > this.#bytesMax) {
      receivers.sort((a, b) => b.countedBytes - a.countedBytes);
      for (const receiver of receivers) {
        if (this.#bytes <= this.#bytesMax * RELIEF) break;
        this.gone(receiver);
        receiver.endAsSlow();
      }
    }
    this.#isRelieving = false;
  }
}
