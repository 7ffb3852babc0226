// A log file with the tables of the real one, filled by the test itself: what the bridge reads without a
// storage thread.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { createTables, rowIdOf } from '../../storage/log/log-schema.ts';
import { type Compression, encodeBatch } from '../../storage/record-batch/codec.ts';
import type { RecordBatch } from '../../storage/record-batch/record-batch.ts';

export interface LogFile extends Disposable {
  readonly file: string;
  /** Stores the batches in one transaction, encoded, and returns the lane's next offset. */
  append(laneNumber: number, batches: readonly RecordBatch[], compression?: Compression): number;
  /** Stores bytes that need not be a batch. */
  appendBytes(laneNumber: number, row: { firstOffset: number; count: number; bytes: Buffer }): void;
}

export function createLogFile(): LogFile {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-log-'));
  const file = join(directory, 'sluice.db');
  const db = new Database(file);
  db.pragma('journal_mode = WAL');
  createTables(db);
  const insert = db.prepare('INSERT INTO log (id, first, count, stored_at_ms, bytes) VALUES (?, ?, ?, 0, ?)');
  const appendBytes: LogFile['appendBytes'] = (laneNumber, { firstOffset, count, bytes }) => {
    insert.run(rowIdOf(laneNumber, firstOffset), firstOffset, count, bytes);
  };
  return {
    file,
    appendBytes,
    append(laneNumber, batches, compression = 'zstd') {
      db.transaction(() => {
        for (const batch of batches) {
          const bytes = encodeBatch(batch, { compression, level: 1 });
          appendBytes(laneNumber, { firstOffset: batch.firstOffset, count: batch.count, bytes });
        }
      })();
      const last = batches.at(-1)!;
      return last.firstOffset + last.count;
    },
    [Symbol.dispose]() {
      db.close();
      rmSync(directory, { recursive: true });
    },
  };
}
