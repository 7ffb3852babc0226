// Bytes that were read but not handled yet: the front part of a frame, or frames that wait for room. In the usual case
// - whole frames in a chunk - nothing is copied. A frame that comes in many chunks is gathered in a buffer
// that doubles, so that neither a claimed length takes memory that was never sent, nor many chunks cost
// quadratic time.

const FIRST_BYTES = 4096;

export class InboundBytes {
  #buffer: Buffer | null = null;
  #length = 0;
  /** Bytes from which on the gathered part is worth looking at again. */
  #wanted = 0;

  /** Everything to look at, given a new chunk; empty while a frame is known to be incomplete. */
  append(chunk: Buffer): Buffer {
    if (this.#length === 0) return chunk;
    this.#add(chunk);
    return this.#length < this.#wanted ? EMPTY : this.take();
  }

  /**
   * Keeps bytes[from..] for later; `frameBytes` is the length of the frame it starts with, 0 when not known.
   */
  keep(bytes: Buffer, from: number, frameBytes: number): void {
    if (from === bytes.length) return;
    this.#wanted = frameBytes;
    this.#add(bytes.subarray(from));
  }

  /** What waits; it is not here any more. */
  take(): Buffer {
    if (this.#buffer === null || this.#length === 0) return EMPTY;
    const bytes = this.#buffer.subarray(0, this.#length);
    this.clear();
    return bytes;
  }

  clear(): void {
    this.#buffer = null;
    this.#length = 0;
    this.#wanted = 0;
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
