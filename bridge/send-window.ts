// How much may be sent before the first acknowledgement, as far as this upstream has shown that it can take
// it. Without it, a link or a broker that cannot take a full batch within the acknowledgement timeout would
// be sent the same full batch for ever. It is a share of what the settings allow, of both the number of
// batches and their size.
//
// Only a connection that is lost without one acknowledgement speaks against the size; a link that is cut
// while acknowledgements come is no reason to send less. Then half is tried, and half of that. Growing back
// is fast below half of the size that failed, where it worked before, and slow above.

export interface WindowSize {
  /** Batches in flight. */
  batches: number;
  /** Bytes of one encoded batch. */
  batchBytes: number;
}

const BATCH_BYTES_MIN = 1024;
const SHARE_MIN = 2 ** -14;
const FAST = { acks: 2, factor: 2 };
const SLOW = { acks: 16, factor: 1.25 };

export class SendWindow {
  readonly #full: WindowSize;
  #share = 1;
  /** Below it growth is fast. */
  #knownShare = 1;
  /** Acknowledgements at this share, on this connection. */
  #acks = 0;
  #hasGrown = true;

  constructor(full: WindowSize) {
    this.#full = full;
  }

  get size(): WindowSize {
    const { batches, batchBytes } = this.#full;
    return {
      batches: Math.max(1, Math.floor(batches * this.#share)),
      batchBytes: Math.max(Math.min(BATCH_BYTES_MIN, batchBytes), Math.floor(batchBytes * this.#share)),
    };
  }

  connected(): void {
    this.#acks = 0;
  }

  /** The connection was lost while something was unacknowledged. */
  lost(): void {
    if (this.#acks > 0) return;
    if (this.#hasGrown) this.#knownShare = this.#share / 2;
    this.#hasGrown = false;
    this.#share = Math.max(SHARE_MIN, this.#share / 2);
  }

  /** A batch was acknowledged. */
  acknowledged(): void {
    this.#acks++;
    if (this.#share === 1) return;
    const { acks, factor } = this.#share < this.#knownShare ? FAST : SLOW;
    if (this.#acks < acks) return;
    this.#acks = 0;
    this.#hasGrown = true;
    this.#share = Math.min(1, this.#share * factor);
  }
}
