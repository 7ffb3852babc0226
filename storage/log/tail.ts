// At start: recalls from the newest batches which packets of persistent sessions are kept already (recent-packets.ts).
// Bounded by bytes, decoded ones too, and one batch at a time, so that neither the time nor the memory to start depends
// on the backlog.
//
// The lanes are recalled together, in the order in which their batches were kept: a session's packets are spread over
// lanes, what is remembered of a session is bounded, and a busy lane would make it forget the packets of a quiet one.

import type { Database } from 'better-sqlite3';
import { decodeBatch, decodeHeader } from '../record-batch/codec.ts';
import { isWholeRow, rowIdOf } from './log-schema.ts';
import type { LaneState } from './log-writer.ts';
import type { RecentPackets } from './recent-packets.ts';

const DECODED_BYTES_MAX = 8 * 1024 * 1024;

interface TailBatch {
  id: number;
  bodyBytes: number;
  bootId: string;
  baseMonotonicMs: number;
  baseTimeMs: number;
}

/** A batch that cannot be read is left out here: the bridge meets it in its turn and puts it aside. */
export function recallRecent(
  db: Database,
  lanes: LaneState[],
  recent: RecentPackets,
  tailBytes: number,
): void {
  const newest = db.prepare(
    'SELECT id, first, count, bytes FROM log WHERE id >= ? AND id < ? ORDER BY id DESC',
  );
  const one = db.prepare('SELECT id, first, count, bytes FROM log WHERE id = ?');
  const tails = lanes.map((lane) => {
    const tail: TailBatch[] = [];
    let bytes = 0;
    let decodedBytes = 0;
    for (const row of newest.iterate(rowIdOf(lane.number, 0), rowIdOf(lane.number + 1, 0))) {
      if (!isWholeRow(row)) continue;
      const batch = tailBatch(row.id, row.bytes);
      bytes += row.bytes.length;
      decodedBytes += batch?.bodyBytes ?? 0;
      if (bytes > tailBytes || decodedBytes > DECODED_BYTES_MAX / lanes.length) break;
      if (batch !== undefined) tail.push(batch);
    }
    return tail.reverse();
  });
  for (const { id } of inOrder(tails)) recall(one.get(id), recent);
}

function tailBatch(id: number, encoded: Buffer): TailBatch | undefined {
  try {
    const { bodyBytes, bootId, baseMonotonicMs, baseTimeMs } = decodeHeader(encoded);
    return { id, bodyBytes, bootId, baseMonotonicMs, baseTimeMs };
  } catch {
    return undefined; // damaged: see recallRecent
  }
}

/** Inside a lane as it is; between lanes by the clock, within a boot by the one that does not jump. */
function* inOrder(tails: readonly TailBatch[][]): Generator<TailBatch> {
  const next = tails.map(() => 0);
  for (;;) {
    let first = -1;
    for (let lane = 0; lane < tails.length; lane++) {
      if (next[lane] === tails[lane].length) continue;
      if (first < 0 || isBefore(tails[lane][next[lane]], tails[first][next[first]])) first = lane;
    }
    if (first < 0) return;
    yield tails[first][next[first]++];
  }
}

function isBefore(a: TailBatch, b: TailBatch): boolean {
  if (a.bootId === b.bootId) return a.baseMonotonicMs < b.baseMonotonicMs;
  return a.baseTimeMs < b.baseTimeMs;
}

/** `row`: what a look-up finds, which is nothing where a page above the row's is damaged. */
function recall(row: unknown, recent: RecentPackets): void {
  if (!isWholeRow(row)) return;
  let batch: ReturnType<typeof decodeBatch>;
  try {
    batch = decodeBatch(row.bytes);
  } catch {
    return; // damaged: see recallRecent
  }
  recent.note(batch, new Uint8Array(batch.count));
}
