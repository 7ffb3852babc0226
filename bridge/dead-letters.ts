// What a sink refused for good, as dead letters: record batches that hold just the refused records, so that a
// person can look at them and send them again. Neighbours refused for the same reason share one.

import type { DeadLetter } from '../storage/log/log-port.ts';
import { type Compression, decodeBatch } from '../storage/record-batch/codec.ts';
import { encodeAs } from './assembler.ts';
import { mergeBatches, sliceBatch } from './merge.ts';
import type { Rejection, UpstreamBatch } from './sinks/sink.ts';

export function deadLettersOf(
  batch: UpstreamBatch,
  rejections: readonly Rejection[],
  compression: Compression,
): DeadLetter[] {
  if (rejections.length === 0) return [];
  const records = batch.body.kind === 'records' ? batch.body.records : decodeBatch(batch.body.bytes);
  return joinNeighbours(rejections).map(({ firstOffset, count, reason }) => {
    const run = mergeBatches([sliceBatch(records, firstOffset - records.firstOffset, count)]);
    return { firstOffset, count, reason, bytes: encodeAs(run, compression) };
  });
}

function joinNeighbours(rejections: readonly Rejection[]): Rejection[] {
  const runs: Rejection[] = [];
  for (const rejection of rejections.toSorted((a, b) => a.firstOffset - b.firstOffset)) {
    const last = runs.at(-1);
    if (last?.reason === rejection.reason && last.firstOffset + last.count === rejection.firstOffset) {
      last.count += rejection.count;
    } else {
      runs.push({ ...rejection });
    }
  }
  return runs;
}
