// How much may be sent before the first acknowledgement, as far as this upstream has shown that it can take it: the
// settings until a connection is lost with messages unacknowledged, then half of it each time, down to one small batch.
// Without it, a link or a broker that cannot take a full batch within the acknowledgement timeout would be sent the same
// full batch for ever. It grows back slowly: after every RECOVERY_ACKS acknowledgements by a quarter.

export interface WindowSize {
  /** Batches in flight. */
  batches: number;
  /** Bytes of one encoded batch. */
  batchBytes: number;
}

const BATCH_BYTES_MIN = 1024;
const RECOVERY_ACKS = 8;
const GROWTH = 1.25;

export class SendWindow {
  readonly #full: WindowSize;
  #now: WindowSize;
  #acks = 0;

  constructor(full: WindowSize) {
    this.#full = full;
    this.#now = { ...full };
  }

  get size(): Readonly<WindowSize> {
    return this.#now;
  }

  /** The connection was lost while something was unacknowledged. */
  shrink(): void {
    this.#acks = 0;
    this.#now = {
      batches: Math.max(1, Math.floor(this.#now.batches / 2)),
      batchBytes: Math.max(
        Math.min(BATCH_BYTES_MIN, this.#full.batchBytes),
        Math.floor(this.#now.batchBytes / 2),
      ),
    };
  }

  /** A batch was acknowledged. */
  acknowledged(): void {
    const { batches, batchBytes } = this.#now;
    if (batches === this.#full.batches && batchBytes === this.#full.batchBytes) return;
    if (++this.#acks < RECOVERY_ACKS) return;
    this.#acks = 0;
    this.#now = {
      batches: Math.min(this.#full.batches, Math.ceil(batches * GROWTH)),
      batchBytes: Math.min(this.#full.batchBytes, Math.ceil(batchBytes * GROWTH)),
    };
  }
}
