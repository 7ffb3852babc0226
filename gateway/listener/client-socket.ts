// What goes out to a client: acknowledgements gathered into one write per commit, the session engine's packets, and the
// goodbye. Knows when the client does not read what it is owed.

import type { Duplex } from 'node:stream';
import type { AckKind } from '../../storage/record-source.ts';
import { AcknowledgementBuffer, reasonedBytesMax } from './acknowledgement-buffer.ts';
import type { Connect } from './frames/connect.ts';
import { overheadBytesMax, writeDisconnect } from './frames/encode.ts';

/** What carries a client's bytes: a TCP socket, or a WebSocket as a stream. */
export interface ByteStream extends Duplex {
  remoteAddress?: string | undefined;
  remotePort?: number | undefined;
  /** Of a socket: ends it when what was written is out. */
  destroySoon?(): void;
}

/** What a client that does not read gets to take what is still owed to it. */
const CLOSE_GRACE_MS = 5000;

export class ClientSocket {
  readonly #stream: ByteStream;
  readonly #bytesMax: number;
  readonly #acknowledgements = new AcknowledgementBuffer();
  #waiting: (() => void) | null = null;
  readonly remote: string;

  /** `onDrained`: all that was written is out. */
  constructor(stream: ByteStream, { bytesMax, onDrained }: { bytesMax: number; onDrained: () => void }) {
    this.#stream = stream;
    this.#bytesMax = bytesMax;
    this.remote = `${stream.remoteAddress ?? '?'}:${stream.remotePort ?? 0}`;
    stream.on('drain', () => {
      const waiting = this.#waiting;
      this.#waiting = null;
      waiting?.();
      onDrained();
    });
  }

  /** What the client wants to be told, and what it takes. */
  configure({ requestProblemInfo, maximumPacketBytes }: Connect): void {
    this.#acknowledgements.saysWhy = requestProblemInfo && maximumPacketBytes >= reasonedBytesMax;
  }

  /** More waits for the client than it may owe us to read. */
  get isCongested(): boolean {
    return this.#stream.writable && this.#stream.writableLength > this.#bytesMax;
  }

  get unsentBytes(): number {
    return this.#stream.writableLength;
  }

  /** Nothing happens when the client has gone. */
  write(bytes: Buffer): void {
    if (this.#stream.writable) this.#stream.write(bytes);
  }

  acknowledge(kind: AckKind, packetId: number, reason: number): void {
    this.#acknowledgements.add(kind, packetId, reason);
  }

  flushAcknowledgements(): void {
    const bytes = this.#acknowledgements.take();
    if (bytes === null) return;
    this.write(bytes);
    // A stream that has called back for all that it was given holds nothing of it.
    if (this.#stream.writableLength === 0) this.#acknowledgements.giveBack();
  }

  /** Calls back at once, or when the congestion is over; one at a time. */
  whenTakesMore(callback: () => void): void {
    if (this.isCongested) this.#waiting = callback;
    else callback();
  }

  /** MQTT 5 only: tells the client why (MQTT 5.0 4.13). */
  disconnect(reasonCode: number): void {
    const packet = Buffer.allocUnsafe(overheadBytesMax);
    this.write(packet.subarray(0, writeDisconnect(packet, 0, reasonCode)));
  }

  /** What is owed to the client goes out first - if it reads. */
  close(): void {
    const stream = this.#stream;
    this.#waiting = null;
    if (stream.destroySoon !== undefined) stream.destroySoon();
    else stream.end(() => stream.destroy());
    // A WebSocket ends when its client agrees, or a long time after.
    if (stream.writableLength > 0 || stream.destroySoon === undefined)
      setTimeout(() => stream.destroy(), CLOSE_GRACE_MS).unref();
  }
}
