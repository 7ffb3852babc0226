// Cuts a byte stream that holds record batches one after the other (a file of several, a pipe) into single envelopes.
// An envelope is one CBOR data item, so its end is found by walking the heads of its items (RFC 8949 3) and jumping
// over their contents; nothing is decoded or verified here: that is codec.ts's, which gets exactly one envelope.
// A length that was damaged is found out there by the checksum, or here when it points beyond what a batch can be.
//
// Bounded: never holds more than one envelope of ENVELOPE_BYTES_MAX and the chunk that it ended in.

import { SluiceError } from '../../config/errors.ts';
import { BODY_BYTES_MAX } from './batch-shape.ts';

/** The largest body, and room for the names around it. */
export const ENVELOPE_BYTES_MAX = BODY_BYTES_MAX + 256 * 1024;
/** Version 1 has 13 with the tag; a walk over many more would not be a batch of any version. */
const ITEMS_MAX = 256;
const MAGIC = Buffer.from([0xd9, 0xd9, 0xf7]);

type Extent =
  | { kind: 'whole'; bytes: number }
  /** More bytes are needed to know or to have all: at least so many in all. */
  | { kind: 'short'; bytesMin: number }
  | { kind: 'damaged'; reason: string };

export class EnvelopeCutter {
  #chunks: Buffer[] = [];
  #heldBytes = 0;
  #wantedBytes = MAGIC.length;
  #position = 0;

  /** Where in the stream the next envelope begins. */
  get position(): number {
    return this.#position;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    this.#heldBytes += chunk.length;
  }

  /**
   * The next whole envelope, or undefined when more bytes are needed. Throws BATCH_DAMAGED where none can
   * begin.
   */
  next(): Buffer | undefined {
    while (this.#heldBytes >= this.#wantedBytes) {
      const bytes = this.#joined();
      const extent = envelopeExtent(bytes);
      switch (extent.kind) {
        case 'whole':
          this.#chunks = bytes.length === extent.bytes ? [] : [bytes.subarray(extent.bytes)];
          this.#heldBytes -= extent.bytes;
          this.#position += extent.bytes;
          this.#wantedBytes = MAGIC.length;
          return bytes.subarray(0, extent.bytes);
        case 'short':
          this.#wantedBytes = extent.bytesMin;
          break;
        case 'damaged':
          throw damaged(extent.reason);
      }
    }
    return undefined;
  }

  /** To be called when the stream has ended; throws BATCH_DAMAGED when it ended inside an envelope. */
  end(): void {
    if (this.#heldBytes === 0) return;
    throw damaged(`the input ends after ${this.#heldBytes} of its at least ${this.#wantedBytes} bytes`);
  }

  #joined(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0];
  }
}

/**
 * How far the data item that begins at 0 reaches. Walks with a counter of open items: no recursion to be
 * abused.
 */
function envelopeExtent(bytes: Buffer): Extent {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    return { kind: 'damaged', reason: 'it does not start as a batch does' };
  }
  let at = MAGIC.length;
  let itemsOpen = 1;
  for (let items = 0; itemsOpen > 0; items++) {
    if (items > ITEMS_MAX) return { kind: 'damaged', reason: 'it has too many items' };
    const head = readHead(bytes, at);
    if (head.kind !== 'head') return head;
    at = head.end;
    itemsOpen += head.itemsInside - 1;
    at += head.bytesInside;
    if (at > ENVELOPE_BYTES_MAX || itemsOpen > ITEMS_MAX)
      return { kind: 'damaged', reason: 'it is too large' };
    if (at > bytes.length) return { kind: 'short', bytesMin: at };
  }
  return { kind: 'whole', bytes: at };
}

type Head = { kind: 'head'; end: number; itemsInside: number; bytesInside: number };

/** RFC 8949 3: three bits of major type, five of length or of how many bytes of length follow. */
function readHead(bytes: Buffer, at: number): Head | Extent {
  if (at >= bytes.length) return { kind: 'short', bytesMin: at + 1 };
  const major = bytes[at] >> 5;
  const short = bytes[at] & 0x1f;
  if (short > 27) return { kind: 'damaged', reason: 'it has an item of indefinite or reserved length' };
  const argumentBytes = short < 24 ? 0 : 1 << (short - 24);
  const end = at + 1 + argumentBytes;
  if (end > bytes.length) return { kind: 'short', bytesMin: end };
  const argument = argumentBytes === 0 ? short : readArgument(bytes, at + 1, argumentBytes);
  const head: Head = { kind: 'head', end, itemsInside: 0, bytesInside: 0 };
  if (major === 2 || major === 3) head.bytesInside = argument;
  else if (major === 4) head.itemsInside = argument;
  else if (major === 5) head.itemsInside = 2 * argument;
  else if (major === 6) head.itemsInside = 1;
  return head;
}

/** As a float when it has eight bytes: exact as far as it could matter, and larger than any limit beyond. */
function readArgument(bytes: Buffer, at: number, length: number): number {
  if (length === 8) return bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
  return bytes.readUIntBE(at, length);
}

function damaged(reason: string): SluiceError {
  return new SluiceError('BATCH_DAMAGED', `not a whole record batch: ${reason}`, { kind: 'permanent' });
}
