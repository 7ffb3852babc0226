// Cuts what a server writes into MQTT frames, without an object per frame: the listener is called with a place in
// the bytes. Frames may come in pieces of any size. Publishes are passed over: a device that only publishes has
// nothing to say to them, and they may be large.

import { PacketType } from './packet-type.ts';

export interface FrameListener {
  /**
   * `bytes` from `start` is a packet's body, `this.bodyBytes` of it; valid until it returns. False: no more, the rest
   * of the chunk is thrown away.
   */
  frame(header: number, bytes: Buffer, start: number): boolean;
  /** What came is not MQTT; nothing more is read. */
  broken(reason: string): void;
}

const NONE = Buffer.alloc(0);
/** No packet that a device understands is longer. */
const FRAME_BYTES_MAX = 128 * 1024;

export class FrameReader {
  /** Of the frame that the listener is told of. */
  bodyBytes = 0;
  readonly #listener: FrameListener;
  #rest: Buffer = NONE;
  #skipBytes = 0;

  constructor(listener: FrameListener) {
    this.#listener = listener;
  }

  /** For a new connection. */
  reset(): void {
    this.#rest = NONE;
    this.#skipBytes = 0;
  }

  push(chunk: Buffer): void {
    const skipped = Math.min(this.#skipBytes, chunk.length);
    this.#skipBytes -= skipped;
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = NONE;
    const end = bytes.length;
    let at = skipped;
    while (at < end) {
      const bodyAt = this.#readHeader(bytes, at);
      if (bodyAt < 0) return;
      if (bodyAt === 0) break;
      const header = bytes[at];
      const next = bodyAt + this.bodyBytes;
      if (header >> 4 === PacketType.publish) this.#skipBytes = Math.max(0, next - end);
      else if (next > end) break;
      else if (!this.#listener.frame(header, bytes, bodyAt)) return;
      at = next;
    }
    if (at < end) this.#rest = Buffer.from(bytes.subarray(at)); // a copy: the chunk is the socket's
  }

  /** Where the body begins; 0: not all of the header is there yet; -1: no header. MQTT 5.0 1.5.5. */
  #readHeader(bytes: Buffer, at: number): number {
    let length = 0;
    for (let i = 1; i <= 4; i++) {
      if (at + i >= bytes.length) return 0;
      const byte = bytes[at + i];
      length += (byte & 0x7f) * 128 ** (i - 1);
      if (byte < 0x80) {
        this.bodyBytes = length;
        if (length <= FRAME_BYTES_MAX || bytes[at] >> 4 === PacketType.publish) return at + i + 1;
        this.#listener.broken(`a packet of type ${bytes[at] >> 4} with ${length} bytes`);
        return -1;
      }
    }
    this.#listener.broken('a remaining length of more than four bytes');
    return -1;
  }
}
