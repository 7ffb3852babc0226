// The acknowledgements that one commit owes one connection, gathered into one write.

import type { AckKind } from '../../storage/record-source.ts';
import { publishRefusalOf } from '../admission/publish-refusal.ts';
import { type Acknowledgement, overheadBytesMax, writeReasonedAcknowledgement } from './frames/encode.ts';

/** No acknowledgement is longer, also when it says why. */
export const reasonedBytesMax = 128;

const FIRST_BYTES = 64;
const ACK_BYTES_MAX = 5;
/** First byte of PUBACK, PUBREC and PUBCOMP (MQTT 5.0 3.4.1, 3.5.1, 3.7.1), by AckKind. */
const FIRST_BYTE = [0, 0x40, 0x50, 0x70] as const;

const EMPTY = Buffer.alloc(0);

export class AcknowledgementBuffer {
  #bytes: Buffer | null = null;
  #length = 0;
  /** What `take` gave out last, if it was little, and the buffer that it is the front of. */
  #front: Buffer = EMPTY;
  #lent: Buffer | null = null;
  /**
   * The client wants to be told more than a code (MQTT 5.0 3.1.2.11.7), and takes packets of `reasonedBytesMax`
   * (MQTT-3.4.2-2, MQTT-3.5.2-2).
   */
  saysWhy = false;

  /**
   * Success has no reason code on the wire and is the same in every version: four bytes (MQTT 5.0 3.4.2.1). Any other
   * reason is for MQTT 5 clients only: a reason code, or one of publish-refusal.ts.
   */
  add(kind: AckKind, packetId: number, reason: number): void {
    const refusal = publishRefusalOf(reason);
    if (refusal !== undefined) {
      const reasonText = this.saysWhy ? refusal.text : undefined;
      const bytes = this.#room(overheadBytesMax + (reasonText?.length ?? 0));
      const firstByte = FIRST_BYTE[kind] as Acknowledgement;
      const { reasonCode } = refusal;
      const packet = { firstByte, packetId, reasonCode, reasonText };
      this.#length = writeReasonedAcknowledgement(bytes, this.#length, packet);
      return;
    }
    const bytes = this.#room(ACK_BYTES_MAX);
    let at = this.#length;
    bytes[at++] = FIRST_BYTE[kind];
    bytes[at++] = reason === 0 ? 2 : 3;
    bytes[at++] = packetId >>> 8;
    bytes[at++] = packetId & 0xff;
    if (reason !== 0) bytes[at++] = reason;
    this.#length = at;
  }

  /** What was added since the last call, null when nothing was. It is the caller's, until it is given back. */
  take(): Buffer | null {
    if (this.#length === 0) return null;
    const bytes = this.#bytes as Buffer;
    const length = this.#length;
    this.#bytes = null;
    this.#length = 0;
    if (bytes.length > FIRST_BYTES) {
      this.#lent = null;
      return bytes.subarray(0, length);
    }
    if (bytes !== this.#lent || this.#front.length !== length) this.#front = bytes.subarray(0, length);
    this.#lent = bytes;
    return this.#front;
  }

  /** What was taken last has gone, and is written over: saves two buffers for each acknowledgement. */
  giveBack(): void {
    this.#bytes ??= this.#lent;
  }

  #room(bytes: number): Buffer {
    const needed = this.#length + bytes;
    if (this.#bytes === null) {
      this.#bytes = Buffer.allocUnsafe(Math.max(FIRST_BYTES, needed));
    } else if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 4, needed));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    return this.#bytes;
  }
}
