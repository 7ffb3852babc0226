// Bytes that were read but not handled yet: the front part of a frame, or frames that wait for room. In the usual case
// - whole frames in a chunk - nothing is copied. A frame that comes in many chunks is gathered in a buffer
// that doubles, so that neither a claimed length takes memory that was never sent, nor many chunks cost
// quadratic time; and frames that are handled a few at a time are not copied each time.

import type { PartialPackets, Unfinished } from './partial-packets.ts';

const FIRST_BYTES = 4096;

export class InboundBytes {
  #buffer: Buffer | null = null;
  #length = 0;
  /** Bytes from which on the gathered part is worth looking at again. */
  #wanted = 0;
  /** What `take` gave out last. */
  #taken: Buffer | null = null;
  /** Where the owner's unfinished packet is counted, with those of others like it. */
  #partials: PartialPackets | null = null;
  #owner: Unfinished | null = null;

  countIn(partials: PartialPackets, owner: Unfinished): void {
    this.#partials?.ends(owner);
    this.#partials = partials;
    this.#owner = owner;
  }

  /** Everything to look at, given a new chunk; empty while a frame is known to be incomplete. */
  append(chunk: Buffer): Buffer {
    if (this.#length === 0) return chunk;
    this.#add(chunk);
    if (this.#length >= this.#wanted) return this.take();
    this.#count();
    return EMPTY;
  }

  /**
   * Keeps bytes[from..] for later; `frameBytes` is the length of the frame it starts with, 0 when not known.
   */
  keep(bytes: Buffer, from: number, frameBytes: number): void {
    const taken = this.#taken;
    this.#taken = null;
    if (from === bytes.length) return;
    this.#wanted = frameBytes;
    const isLittle = (bytes.length - from) * 2 < bytes.length;
    if (taken !== null && taken.buffer === bytes.buffer && this.#length === 0 && !isLittle) {
      this.#buffer = taken.subarray(from);
      this.#length = bytes.length - from;
    } else this.#add(bytes.subarray(from));
    if (frameBytes > 0) this.#count();
  }

  /** What waits; it is not here any more. */
  take(): Buffer {
    if (this.#buffer === null || this.#length === 0) return EMPTY;
    const bytes = this.#buffer.subarray(0, this.#length);
    const buffer = this.#buffer;
    this.clear();
    this.#taken = buffer;
    return bytes;
  }

  /** What waits; it stays. */
  get kept(): Buffer {
    return this.#buffer === null ? EMPTY : this.#buffer.subarray(0, this.#length);
  }

  clear(): void {
    if (this.#wanted > 0 && this.#owner !== null) this.#partials?.ends(this.#owner);
    this.#buffer = null;
    this.#taken = null;
    this.#length = 0;
    this.#wanted = 0;
  }

  #count(): void {
    if (this.#owner !== null) this.#partials?.keeps(this.#owner, this.#buffer?.length ?? 0);
  }

  #add(bytes: Buffer): void {
    const needed = this.#length + bytes.length;
    if (this.#buffer === null || needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, (this.#buffer?.length ?? FIRST_BYTES / 2) * 2));
      this.#buffer?.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    bytes.copy(this.#buffer, this.#length);
    this.#length = needed;
  }
}

const EMPTY = Buffer.alloc(0);
