// Cuts the bytes that aedes writes into MQTT packets, wherever they are split: aedes's encoder writes a packet in
// several pieces, and a stream may merge and split them again.
// Invariant: what goes out are whole packets, so that others may write to the same socket between two calls.
// A run of packets that pass as they are goes out as one piece of the chunk they came in, without a copy.

import { SluiceError } from '../../../config/errors.ts';
import { fixedHeaderBytesMax } from './frame-layout.ts';

export interface FrameHandler {
  /**
   * Whether the packet at `[start, end)` of `bytes` may go out as it is, now; `body` is where its fixed header ends.
   * Called once for each packet, in order. Must not send: packets before it may not have gone out yet.
   */
  passes(bytes: Buffer, start: number, body: number, end: number): boolean;
  /**
   * A packet that did not pass; it lies in memory that others use as well. Everything before it has gone out.
   */
  take(frame: Buffer): void;
  /** Whole packets that passed. */
  send(bytes: Buffer): void;
}

export class FrameCutter {
  readonly #handler: FrameHandler;
  // The fixed header of a packet that began in an earlier chunk, and once that is complete, the packet.
  readonly #header = Buffer.alloc(fixedHeaderBytesMax);
  #headerLength = 0;
  #frame: Buffer | undefined;
  #filled = 0;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  cut(chunk: Buffer): void {
    const handler = this.#handler;
    let at = this.#headerLength > 0 ? this.#continue(chunk) : 0;
    let run = at;
    while (at < chunk.length) {
      const body = findBody(chunk, at, chunk.length);
      const end = body === 0 ? 0 : body + remainingLength(chunk, at, body);
      if (body === 0 || end > chunk.length) break;
      if (!handler.passes(chunk, at, body, end)) {
        if (at > run) handler.send(chunk.subarray(run, at));
        handler.take(chunk.subarray(at, end));
        run = end;
      }
      at = end;
    }
    if (at > run) handler.send(run === 0 && at === chunk.length ? chunk : chunk.subarray(run, at));
    if (at < chunk.length) this.#continue(chunk.subarray(at));
  }

  /** Adds to the packet that is incomplete; returns how many bytes of the chunk it took. */
  #continue(chunk: Buffer): number {
    let at = 0;
    while (this.#frame === undefined) {
      if (at === chunk.length) return at;
      this.#header[this.#headerLength++] = chunk[at++]!;
      this.#startFrame();
    }
    const copied = chunk.copy(this.#frame, this.#filled, at);
    this.#filled += copied;
    if (this.#filled === this.#frame.length) this.#finish(this.#frame);
    return at + copied;
  }

  #startFrame(): void {
    const body = findBody(this.#header, 0, this.#headerLength);
    if (body === 0) return;
    this.#frame = Buffer.allocUnsafe(body + remainingLength(this.#header, 0, body));
    this.#filled = this.#header.copy(this.#frame, 0, 0, body);
  }

  #finish(frame: Buffer): void {
    const body = this.#headerLength;
    this.#frame = undefined;
    this.#headerLength = 0;
    if (this.#handler.passes(frame, 0, body, frame.length)) this.#handler.send(frame);
    else this.#handler.take(frame);
  }
}

/** Where the fixed header that starts at `at` ends; 0 when it is not complete before `end`. */
function findBody(bytes: Buffer, at: number, end: number): number {
  const last = Math.min(end, at + fixedHeaderBytesMax);
  for (let i = at + 1; i < last; i++) {
    if (bytes[i]! < 0x80) return i + 1;
  }
  if (last === at + fixedHeaderBytesMax) {
    throw new SluiceError('MQTT_LENGTH_MALFORMED', 'the session engine wrote a packet of malformed length', {
      kind: 'permanent',
    });
  }
  return 0;
}

function remainingLength(bytes: Buffer, at: number, body: number): number {
  let length = 0;
  for (let i = body - 1; i > at; i--) length = (length << 7) | (bytes[i]! & 0x7f);
  return length;
}
