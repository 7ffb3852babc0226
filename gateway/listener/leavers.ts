// Clients that have gone in order while what they had sent waits for their quota. On a slower network they would still
// be there, so it is handled as if they were: their QoS 0 messages are not lost, and their goodbye comes before their
// will (MQTT-3.1.2-10). Whoever has nobody at the other end any more costs memory only; that is bounded, and of those
// beyond it the rest is dropped, as if their network had failed.

import { MiB } from '../../config/limits.ts';
import type { ListenerCounters } from './listener-counters.ts';

/** Of all of them; what each may leave is bounded by quotas.heldBytesMax and one read. */
const BYTES_MAX = 16 * MiB;

export class Leavers {
  readonly #counters: Pick<ListenerCounters, 'leaversDropped'>;
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(counters: Pick<ListenerCounters, 'leaversDropped'>, bytesMax: number = BYTES_MAX) {
    this.#counters = counters;
    this.#bytesMax = bytesMax;
  }

  /** True: it may stay until its bytes are handled; then `gone`. */
  stays(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) {
      this.#counters.leaversDropped++;
      return false;
    }
    this.#bytes += bytes;
    return true;
  }

  /** `bytes`: as it was said in `stays`. */
  gone(bytes: number): void {
    this.#bytes -= bytes;
  }
}
