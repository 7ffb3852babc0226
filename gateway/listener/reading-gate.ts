// Whether a client's bytes are read: only while nothing speaks against it. Back-pressure is reading less; the kernel's
// buffers, and then the client's, do the rest.

import type { Readable } from 'node:stream';

/** Why a client is not read; several can hold at once. */
export const Hold = {
  /** Its CONNECT is with the session engine: nothing is admitted before. */
  session: 1,
  /** No room in the open batch, or for local deliveries. */
  room: 2,
  /** The session engine has not yet read what it was given. */
  engine: 4,
  /** The client does not read what it is owed. */
  drain: 8,
  /** It has said goodbye, or the gateway stops. */
  end: 16,
  /** It has more unacknowledged than its receive maximum. */
  window: 32,
} as const;
export type Hold = (typeof Hold)[keyof typeof Hold];

export class ReadingGate {
  readonly #stream: Readable;
  readonly #onOpen: () => void;
  #holds = 0;

  /** `onOpen` handles what was left over; the stream flows on if the gate is still open then. */
  constructor(stream: Readable, onOpen: () => void) {
    this.#stream = stream;
    this.#onOpen = onOpen;
  }

  get isOpen(): boolean {
    return this.#holds === 0;
  }

  holds(hold: Hold): boolean {
    return (this.#holds & hold) !== 0;
  }

  /** `holds`: several, or-ed together. */
  holdsAny(holds: number): boolean {
    return (this.#holds & holds) !== 0;
  }

  close(hold: Hold): void {
    if (this.#holds === 0) this.#stream.pause();
    this.#holds |= hold;
  }

  open(hold: Hold): void {
    if (!this.holds(hold)) return;
    this.#holds &= ~hold;
    if (this.#holds !== 0) return;
    this.#onOpen();
    if (this.#holds === 0) this.#stream.resume();
  }
}
