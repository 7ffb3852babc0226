// Answers the pings of a client whose packets wait for its quota. It "simply feels a slower network", but one that is
// slower than its keep-alive would be a broken one to it: a device at one message in ten seconds would be cut off by
// its own client library, which sees no PINGRESP. So its PINGREQs are looked for among what is kept, answered at once,
// and passed over when their turn comes.

const PINGREQ = 0xc0;
const PINGRESP = Buffer.of(0xd0, 0);

export class HeldPings {
  /** How far the kept bytes have been looked through, always at the beginning of a frame; and the pings up to there. */
  #at = 0;
  #seen = 0;
  /** Answered and not yet passed over. */
  #answered = 0;

  /** `kept`: whole frames, the last one perhaps in part, from the one that waits on. */
  answer(kept: Buffer, send: (bytes: Buffer) => void): void {
    while (this.#at + 1 < kept.length) {
      const end = frameEnd(kept, this.#at);
      if (end < 0) return; // its length is not all here yet, or is no length: its turn will show
      if (kept[this.#at] === PINGREQ && ++this.#seen > this.#answered) {
        this.#answered++;
        send(PINGRESP);
      }
      this.#at = end;
    }
  }

  /** What was kept is being handled: it will be looked through from its beginning again. */
  rewind(): void {
    this.#at = 0;
    this.#seen = 0;
  }

  /** A PINGREQ's turn has come. True: it was answered before. */
  passOver(): boolean {
    if (this.#answered === 0) return false;
    this.#answered--;
    return true;
  }
}

/** Where the frame at `at` ends, which may be beyond the bytes; negative while its length is not known. */
function frameEnd(bytes: Buffer, at: number): number {
  let length = 0;
  for (let i = 0; i < 4; i++) {
    const byte = bytes[at + 1 + i];
    if (byte === undefined) return -1;
    length |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return at + 2 + i + length;
  }
  return -1;
}
