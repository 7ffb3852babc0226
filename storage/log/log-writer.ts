// Appends to the log. Runs in the storage thread; synchronous. What a transaction holds is durable when it returns
// (WAL, synchronous=FULL: SQLite syncs the WAL before COMMIT returns).

import type { Database, Statement } from 'better-sqlite3';
import { knownGaps } from '../open/known-gaps.ts';
import { type Compression, encodeBatch } from '../record-batch/codec.ts';
import { type OpenBatchSize, type SealedBatch, sealedColumns } from '../record-batch/open-batch.ts';
import { type OwnerShares, sharesOf } from '../shares/owner-shares.ts';
import { rowIdOf } from './log-schema.ts';
import { type RecentPackets, withoutKnown } from './recent-packets.ts';

export interface LogWriterOptions extends OpenBatchSize {
  gatewayId: string;
  bootId: string;
  compression: Compression;
  compressionLevel: number;
}

export interface LaneState {
  name: string;
  number: number;
  /** The offset the lane's next record gets; moves only when a commit is on disk. */
  nextOffset: number;
  /** Names from here up to `nextOffset` were left out; the lane's next batch says so. */
  leftOutFrom?: number;
}

/**
 * A batch ready to be stored; made once, so that a commit that has to be tried again stores the very same.
 */
export interface PreparedBatch {
  laneIndex: number;
  firstOffset: number;
  count: number;
  /** Records that are kept already and were left out. */
  duplicates: number;
  bytes: Buffer;
  /** Whose bytes they are. */
  shares: OwnerShares;
}

export class LogWriter {
  readonly #options: LogWriterOptions;
  readonly #lanes: LaneState[];
  readonly #recent: RecentPackets;
  readonly #insert: Statement;
  readonly #known: Uint8Array;

  constructor(db: Database, lanes: LaneState[], recent: RecentPackets, options: LogWriterOptions) {
    this.#options = options;
    this.#lanes = lanes;
    this.#recent = recent;
    this.#known = new Uint8Array(options.recordsMax);
    this.#insert = db.prepare(
      'INSERT INTO log (id, first, count, stored_at_ms, bytes) VALUES (?, ?, ?, ?, ?)',
    );
  }

  /** Gives the records their names and encodes them; count is 0 when every record was kept before. */
  prepare(sealed: SealedBatch): PreparedBatch {
    const { gatewayId, bootId, compression, compressionLevel } = this.#options;
    const lane = this.#lanes[sealed.lane];
    let columns = sealedColumns(sealed, this.#options);
    const duplicates = this.#recent.note(columns, this.#known);
    if (duplicates > 0) columns = withoutKnown(columns, this.#known);
    const firstOffset = lane.nextOffset;
    const shares = sharesOf(columns, sealed.owners ?? null);
    if (columns.count === 0)
      return { laneIndex: sealed.lane, firstOffset, count: 0, duplicates, bytes: Buffer.alloc(0), shares };
    const { baseTimeMs, baseMonotonicMs } = sealed;
    const batch = {
      gateway: gatewayId,
      lane: lane.name,
      firstOffset,
      baseTimeMs,
      bootId,
      baseMonotonicMs,
      ...columns,
      ...(lane.leftOutFrom === undefined ? {} : { leftOutFrom: lane.leftOutFrom }),
    };
    const bytes = encodeBatch(batch, { compression, level: compressionLevel });
    return { laneIndex: sealed.lane, firstOffset, count: columns.count, duplicates, bytes, shares };
  }

  /** Inside a transaction. */
  append(batch: PreparedBatch, nowMs: number): void {
    if (batch.count === 0) return;
    const { number } = this.#lanes[batch.laneIndex];
    this.#insert.run(rowIdOf(number, batch.firstOffset), batch.firstOffset, batch.count, nowMs, batch.bytes);
  }
}

/**
 * The lanes of the configuration with their numbers and next offsets; new names get a number. In a
 * transaction.
 */
export function openLanes(db: Database, names: string[]): LaneState[] {
  const insert = db.prepare(
    `INSERT OR IGNORE INTO lanes (name, next_offset, number)
       VALUES (?, ?, (SELECT ifnull(max(number), -1) + 1 FROM lanes))`,
  );
  const select = db.prepare('SELECT number, next_offset AS known FROM lanes WHERE name = ?');
  const last = db.prepare(
    'SELECT first + count AS next FROM log WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1',
  );
  // A lane that is not there any more - all was lost in a salvage - goes on beyond every name that may be known.
  const floor = Number(
    (db.prepare("SELECT value FROM meta WHERE key = 'offset-floor'").get() as { value: string } | undefined)
      ?.value ?? 0,
  );
  const gaps = knownGaps(db);
  const furthest = db.prepare('SELECT max(next_offset) AS next FROM cursors WHERE lane = ?');
  return names.map((name) => {
    insert.run(name, floor);
    const { number, known } = select.get(name) as { number: number; known: number };
    const row = last.get(rowIdOf(number, 0), rowIdOf(number + 1, 0)) as { next: number } | undefined;
    const cursor = furthest.get(number) as { next: number | null };
    const nextOffset = Math.max(known, row?.next ?? 0, cursor.next ?? 0);
    const before = gaps.find(
      (gap) => gap.kind === 'left-out' && gap.lane === number && gap.to === nextOffset,
    );
    return { name, number, nextOffset, ...(before === undefined ? {} : { leftOutFrom: before.from }) };
  });
}
