// The log as an array: the LogReader's contract without a database. Remembers what it was asked for.

import type { LogReader, StoredBatch } from '../../../storage/log/log-reader.ts';
import { type Compression, encodeBatch } from '../../../storage/record-batch/codec.ts';
import type { RecordBatch } from '../../../storage/record-batch/record-batch.ts';

export class MemoryLog implements LogReader {
  readonly #lanes = new Map<number, StoredBatch[]>();
  reads = 0;

  append(laneNumber: number, batch: RecordBatch, compression: Compression = 'none'): number {
    const bytes = encodeBatch(batch, { compression, level: 1 });
    return this.appendBytes(laneNumber, { firstOffset: batch.firstOffset, count: batch.count, bytes });
  }

  appendBytes(laneNumber: number, stored: StoredBatch): number {
    this.#batches(laneNumber).push(stored);
    return stored.firstOffset + stored.count;
  }

  stored(laneNumber = 0): readonly StoredBatch[] {
    return this.#batches(laneNumber);
  }

  read(laneNumber: number, fromOffset: number, bytesMax: number): StoredBatch[] {
    this.reads++;
    const taken: StoredBatch[] = [];
    let bytes = 0;
    for (const batch of this.#batches(laneNumber)) {
      if (batch.firstOffset + batch.count <= fromOffset) continue;
      if (bytes >= bytesMax) break;
      taken.push({ ...batch });
      bytes += batch.bytes.length;
    }
    return taken;
  }

  readonly gaps: { laneNumber: number; from: number; to: number }[] = [];

  isKnownGap(laneNumber: number, from: number, to: number): boolean {
    return this.gaps.some((gap) => gap.laneNumber === laneNumber && gap.from <= from && gap.to >= to);
  }

  readonly leftOut: { laneNumber: number; from: number; to: number }[] = [];

  leftOutIn(laneNumber: number, from: number, to: number): number {
    return this.leftOut
      .filter((range) => range.laneNumber === laneNumber)
      .reduce((sum, range) => sum + Math.max(0, Math.min(range.to, to) - Math.max(range.from, from)), 0);
  }

  close(): void {}

  #batches(laneNumber: number): StoredBatch[] {
    let batches = this.#lanes.get(laneNumber);
    if (batches === undefined) {
      batches = [];
      this.#lanes.set(laneNumber, batches);
    }
    return batches;
  }
}
