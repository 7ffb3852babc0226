// Whether a client's packets are handled, and whether its socket is read: only while nothing speaks against it.
// Back-pressure is reading less; the kernel's buffers, and then the client's, do the rest.
//
// A client that waits for its quota may wait for long: its packets are not handled, but up to a bound its socket is
// read on, so that its pings are answered (held-pings.ts). Every other hold keeps the socket from being read.

import type { Readable } from 'node:stream';

/** Why a client is not served; several can hold at once. */
export const Hold = {
  /** Its CONNECT is being judged, or is with the session engine: nothing is admitted before. */
  session: 1,
  /** No room in the open batch, or for local deliveries. */
  room: 2,
  /** The session engine has not yet read what it was given. */
  engine: 4,
  /** The client does not read what it is owed. */
  drain: 8,
  /** It has said goodbye, or the gateway stops. */
  end: 16,
  /** It has more publishes under way than the receive maximum, and an acknowledgement is on its way. */
  window: 32,
  /** It is over its quota, or waits for its share of a common one. */
  quota: 64,
  /** The same, and as much of it is kept as may be. */
  kept: 128,
  /** The gateway is under pressure. */
  pressure: 256,
  /** It has had its share of the session engine's time. */
  turn: 512,
  /** So many clients come, go or subscribe that it has to wait. */
  crowd: 1024,
} as const;
export type Hold = (typeof Hold)[keyof typeof Hold];

/** With only this the socket is read. */
const READS_ON = Hold.quota;

export class ReadingGate {
  readonly #stream: Readable;
  readonly #onOpen: () => void;
  #holds = 0;
  #isPaused = false;

  /** `onOpen` handles what was left over; the stream flows on if nothing speaks against it then. */
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
    this.#holds |= hold;
    this.#follow();
  }

  /** `holds`: one, or several or-ed together that end at the same time. */
  open(holds: number): void {
    if (!this.holdsAny(holds)) return;
    this.#holds &= ~holds;
    if (this.#holds === 0) this.#onOpen();
    this.#follow();
  }

  #follow(): void {
    const isPaused = (this.#holds & ~READS_ON) !== 0;
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    if (isPaused) this.#stream.pause();
    else this.#stream.resume();
  }
}
