// The stored batches that one forwarder has read and not yet sent, in order of offset. Bounded: it reads on
// only when asked for more bytes than it holds, and by no more than one stored batch too many. What cannot be
// read as a batch is held as well, with its fault: the assembler hands it on, it is never passed over.

import { messageOf, SluiceError } from '../config/errors.ts';
import type { LogReader } from '../storage/log/log-reader.ts';
import { storeDamaged } from '../storage/open/damage.ts';
import { type BatchHeader, decodeBatch, decodeHeader } from '../storage/record-batch/codec.ts';
import type { RecordBatch } from '../storage/record-batch/record-batch.ts';

export class HeldBatch {
  readonly firstOffset: number;
  readonly count: number;
  readonly bytes: Buffer;
  /** Why it cannot be read, a dead letter's reason; null while nothing is known against it. */
  fault: string | null = null;
  readonly header: BatchHeader | null;
  #decoded: RecordBatch | null = null;

  constructor(stored: { firstOffset: number; count: number; bytes: Buffer }) {
    this.firstOffset = stored.firstOffset;
    this.count = stored.count;
    this.bytes = stored.bytes;
    this.header = this.#attempt(() => decodeHeader(stored.bytes));
    if (this.header !== null && !this.#agrees(this.header)) {
      const detail = `the row of the batch at offset ${stored.firstOffset} contradicts the batch`;
      throw storeDamaged(detail);
    }
  }

  get end(): number {
    return this.firstOffset + this.count;
  }

  /**
   * The records; null, and `fault` set, when the body is damaged. Kept, because a large batch is sent in
   * parts.
   */
  decode(): RecordBatch | null {
    if (this.fault === null) this.#decoded ??= this.#attempt(() => decodeBatch(this.bytes));
    return this.#decoded;
  }

  /**
   * The offsets the log's row tells and the ones inside must be the same, or names would be wrong. The ones inside have
   * a checksum; a salvage believes them.
   */
  #agrees(header: BatchHeader): boolean {
    return header.firstOffset === this.firstOffset && header.count === this.count;
  }

  #attempt<T>(read: () => T): T | null {
    try {
      return read();
    } catch (error) {
      this.fault = faultOf(error);
      return null;
    }
  }
}

function faultOf(error: unknown): string {
  if (error instanceof SluiceError) return error.code === 'BATCH_VERSION' ? 'unknown-version' : 'damaged';
  throw new SluiceError('BRIDGE_READ', `reading a stored batch failed: ${messageOf(error)}`, {
    kind: 'fatal',
    cause: error,
  });
}

export class ReadAhead {
  readonly #reader: LogReader;
  readonly #laneNumber: number;
  #held: HeldBatch[] = [];
  #bytes = 0;

  constructor(reader: LogReader, laneNumber: number) {
    this.#reader = reader;
    this.#laneNumber = laneNumber;
  }

  get held(): readonly HeldBatch[] {
    return this.#held;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Lets go of what lies before `offset`; of everything when `offset` lies before what is held. */
  seek(offset: number): void {
    if (this.#held.length > 0 && offset < this.#held[0].firstOffset) this.clear();
    let passed = 0;
    while (passed < this.#held.length && this.#held[passed].end <= offset)
      this.#bytes -= this.#held[passed++].bytes.length;
    if (passed > 0) this.#held.splice(0, passed);
  }

  /** Whether everything before `end` has been read. */
  reaches(end: number): boolean {
    return (this.#held.at(-1)?.end ?? 0) >= end;
  }

  /** Reads on until at least `bytesMin` from `offset` on are held, or all there is before `end`. */
  fill(offset: number, end: number, bytesMin: number): void {
    const head = this.#held[0];
    const passedShare = head === undefined ? 0 : Math.max(0, offset - head.firstOffset) / head.count;
    const wanted = bytesMin + passedShare * (head?.bytes.length ?? 0);
    let next = this.#held.at(-1)?.end ?? offset;
    while (this.#bytes < wanted && next < end) {
      const stored = this.#reader.read(this.#laneNumber, next, wanted - this.#bytes);
      if (stored.length === 0) return;
      for (const batch of stored) {
        this.#held.push(new HeldBatch(batch));
        this.#bytes += batch.bytes.length;
      }
      next = this.#held.at(-1)!.end;
    }
  }

  clear(): void {
    this.#held = [];
    this.#bytes = 0;
  }
}
