// At start: recalls from the newest batches which packets of persistent sessions are kept already (recent-packets.ts).
// Bounded by bytes, decoded ones too, so that the time to start does not depend on the backlog.

import type { Database } from 'better-sqlite3';
import { decodeBatch, decodeHeader } from '../record-batch/codec.ts';
import { rowIdOf } from './log-schema.ts';
import type { LaneState } from './log-writer.ts';
import type { RecentPackets } from './recent-packets.ts';

const DECODED_BYTES_MAX = 32 * 1024 * 1024;

/** A batch that cannot be read is left out here: the bridge meets it in its turn and puts it aside. */
export function recallRecent(
  db: Database,
  lanes: LaneState[],
  recent: RecentPackets,
  tailBytes: number,
): void {
  const newest = db.prepare('SELECT bytes FROM log WHERE id >= ? AND id < ? ORDER BY id DESC');
  for (const lane of lanes) {
    const batches: Buffer[] = [];
    let bytes = 0;
    let decodedBytes = 0;
    for (const row of newest.iterate(rowIdOf(lane.number, 0), rowIdOf(lane.number + 1, 0))) {
      const encoded = (row as { bytes: Buffer }).bytes;
      bytes += encoded.length;
      decodedBytes += bodyBytesOf(encoded);
      if (bytes > tailBytes || decodedBytes > DECODED_BYTES_MAX / lanes.length) break;
      batches.push(encoded);
    }
    for (const encoded of batches.reverse()) recall(encoded, recent);
  }
}

function bodyBytesOf(encoded: Buffer): number {
  try {
    return decodeHeader(encoded).bodyBytes;
  } catch {
    return 0; // damaged: recall() leaves it out
  }
}

function recall(encoded: Buffer, recent: RecentPackets): void {
  let batch: ReturnType<typeof decodeBatch>;
  try {
    batch = decodeBatch(encoded);
  } catch {
    return; // damaged: see recallRecent
  }
  recent.note(batch, new Uint8Array(batch.count));
}
