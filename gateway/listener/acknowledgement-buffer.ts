// The acknowledgements that one commit owes one connection, gathered into one write.

import type { AckKind } from '../../storage/record-source.ts';

const FIRST_BYTES = 64;
const ACK_BYTES_MAX = 5;
/** First byte of PUBACK, PUBREC and PUBCOMP (MQTT 5.0 3.4.1, 3.5.1, 3.7.1), by AckKind. */
const FIRST_BYTE = [0, 0x40, 0x50, 0x70] as const;

export class AcknowledgementBuffer {
  #bytes: Buffer | null = null;
  #length = 0;

  /**
   * Success has no reason code on the wire and is the same in every version: four bytes (MQTT 5.0 3.4.2.1). Any other
   * reason is for MQTT 5 clients only.
   */
  add(kind: AckKind, packetId: number, reason: number): void {
    const bytes = this.#room();
    let at = this.#length;
    bytes[at++] = FIRST_BYTE[kind];
    bytes[at++] = reason === 0 ? 2 : 3;
    bytes[at++] = packetId >>> 8;
    bytes[at++] = packetId & 0xff;
    if (reason !== 0) bytes[at++] = reason;
    this.#length = at;
  }

  /** What was added since the last call, null when nothing was. The caller owns it. */
  take(): Buffer | null {
    if (this.#length === 0) return null;
    const taken = (this.#bytes as Buffer).subarray(0, this.#length);
    this.#bytes = null;
    this.#length = 0;
    return taken;
  }

  #room(): Buffer {
    if (this.#bytes === null) {
      this.#bytes = Buffer.allocUnsafe(FIRST_BYTES);
    } else if (this.#length + ACK_BYTES_MAX > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(this.#bytes.length * 4);
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    return this.#bytes;
  }
}
