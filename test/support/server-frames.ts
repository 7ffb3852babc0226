// Follows what a gateway writes, frame by frame and without parsing more than is needed: how CONNECT was answered and
// how many PINGRESP came.

const CONNACK = 2;
const PINGRESP = 13;
/** CONNACK "server unavailable" and "bad user name or password", MQTT 3.1.1 3.2.2.3 and MQTT 5.0 3.2.2.2. */
const TURNED_AWAY: readonly number[] = [3, 0x88, 4, 0x86];
const SUMMARY_FRAMES_MAX = 20;

export class ServerFrames {
  pingresps = 0;
  connackCode: number | undefined;
  /** What no server may write. */
  fault: string | undefined;
  readonly #types: number[] = [];
  readonly #header: number[] = [];
  #bodyLeft = 0;
  #bodyAt = 0;

  /** A CONNECT with nothing wrong about it was not accepted: no room for its session, or not let in. */
  get isTurnedAway(): boolean {
    return TURNED_AWAY.includes(this.connackCode ?? 0);
  }

  get summary(): string {
    return `packet types [${this.#types.join(' ')}], CONNACK code ${this.connackCode}`;
  }

  take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#bodyLeft > 0) {
        const taken = Math.min(this.#bodyLeft, chunk.length - at);
        if (this.#type === CONNACK) this.#readConnack(chunk, at, taken);
        this.#bodyLeft -= taken;
        this.#bodyAt += taken;
        at += taken;
        if (this.#bodyLeft === 0) this.#header.length = 0;
      } else {
        this.#header.push(chunk[at++]!);
        this.#readHeader();
      }
    }
  }

  get #type(): number {
    return this.#header[0]! >> 4;
  }

  #readHeader(): void {
    const last = this.#header.length - 1;
    if (last === 0 || this.#header[last]! >= 0x80) return;
    this.#bodyLeft = this.#header.slice(1).reduceRight((length, byte) => length * 128 + (byte & 0x7f), 0);
    this.#bodyAt = 0;
    if (this.#types.length === 0 && this.#type !== CONNACK) this.fault = 'a packet before CONNACK';
    if (this.#types.length < SUMMARY_FRAMES_MAX) this.#types.push(this.#type);
    if (this.#type === PINGRESP) this.pingresps++;
    if (this.#bodyLeft === 0) this.#header.length = 0;
  }

  /** The code is the second byte of the body in every version. */
  #readConnack(chunk: Buffer, at: number, length: number): void {
    const codeAt = at + 1 - this.#bodyAt;
    if (codeAt >= at && codeAt < at + length) this.connackCode = chunk[codeAt];
  }
}
