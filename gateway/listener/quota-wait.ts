// A connection that waits for its quota, its share of a common one, or its turn when there was no room: what the quotas
// call (DeviceLink). Its pings are answered meanwhile (held-pings.ts), and of what else it sends no more is read than
// there is room to keep.

import type { DeviceLink } from '../admission/quota/device-handle.ts';
import type { LatestMessage } from '../admission/quota/sample.ts';
import type { ClientSocket } from './client-socket.ts';
import { HeldPings } from './held-pings.ts';
import type { InboundBytes } from './inbound-bytes.ts';
import { Hold, type ReadingGate } from './reading-gate.ts';

export interface QuotaWaitOptions {
  gate: ReadingGate;
  inbound: InboundBytes;
  socket: ClientSocket;
  /** So much is kept of a client that waits. */
  heldBytesMax: number;
  keepLatest(message: LatestMessage): boolean;
}

export class QuotaWait implements DeviceLink {
  readonly #options: QuotaWaitOptions;
  /** Made when the client has to wait for the first time. */
  #pings: HeldPings | null = null;

  constructor(options: QuotaWaitOptions) {
    this.#options = options;
  }

  /** Bytes have come, or what was kept has been handled as far as may be. */
  look(): void {
    const { gate, inbound, socket, heldBytesMax } = this.#options;
    if (!gate.holds(Hold.quota)) return;
    this.#pings ??= new HeldPings();
    const { kept } = inbound;
    this.#pings.answer(kept, (bytes) => socket.write(bytes));
    if (kept.length >= heldBytesMax) gate.close(Hold.kept);
  }

  resume(): void {
    this.#options.gate.open(Hold.quota | Hold.kept | Hold.room);
  }

  keepLatest(message: LatestMessage): boolean {
    return this.#options.keepLatest(message);
  }

  /** What was kept is about to be handled. */
  rewind(): void {
    this.#pings?.rewind();
  }

  /** A PINGREQ's turn has come. True: it was answered before. */
  passOver(): boolean {
    return this.#pings?.passOver() ?? false;
  }
}
