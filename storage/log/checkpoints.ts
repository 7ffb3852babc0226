// When the WAL is copied into the database: beyond `checkpointBytes` off the writer's thread, so that no commit waits
// for it (checkpoint-thread.ts); what little came meanwhile, and all of it when that lags behind, by the writer itself.

import type { Database } from 'better-sqlite3';
import { stallReasonOf } from './space.ts';

/** The pages around a commit's data. */
const COMMIT_BYTES = 16384;
/** A page and its head. */
const FRAME_BYTES = 4120;

/** What SQLite says of a checkpoint; `log` and `checkpointed` are frames. */
interface CheckpointResult {
  busy: number;
  log: number;
  checkpointed: number;
}

export class Checkpoints {
  readonly #db: Database;
  readonly #checkpointBytes: number;
  readonly #onWanted: () => void;
  /** Estimate of what the WAL holds beyond the last complete checkpoint. */
  #walLiveBytes = 0;
  #isUnderWay = false;

  /** `onWanted`: copy it, off this thread, and call `done`. */
  constructor(db: Database, checkpointBytes: number, onWanted: () => void) {
    this.#db = db;
    this.#checkpointBytes = checkpointBytes;
    this.#onWanted = onWanted;
  }

  /** A transaction with so much data was committed. */
  grewBy(bytes: number): void {
    this.#walLiveBytes += bytes + COMMIT_BYTES;
    this.wantIfDue();
  }

  wantIfDue(): void {
    if (this.#walLiveBytes <= this.#checkpointBytes) return;
    if (this.#isUnderWay) {
      if (this.#walLiveBytes > 2 * this.#checkpointBytes) this.finish();
      return;
    }
    this.#isUnderWay = true;
    this.#onWanted();
  }

  /** The other thread is done: what little came meanwhile is copied here, and the WAL starts over. */
  done(): void {
    this.#isUnderWay = false;
    this.finish();
  }

  finish(): void {
    const [result] = this.#run('PASSIVE');
    if (result?.busy === 0) this.#walLiveBytes = Math.max(0, result.log - result.checkpointed) * FRAME_BYTES;
  }

  /** In order, at the end. */
  truncate(): void {
    this.#run('TRUNCATE');
  }

  /** No result: no room in the database's file; what is in the WAL stays there until the next one. */
  #run(mode: 'PASSIVE' | 'TRUNCATE'): CheckpointResult[] {
    try {
      return this.#db.pragma(`wal_checkpoint(${mode})`) as CheckpointResult[];
    } catch (error) {
      if (stallReasonOf(error) === undefined) throw error;
      return [];
    }
  }
}
