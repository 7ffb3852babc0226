// Deletes batches that every sink has delivered - but keeps the newest `tailBytes` of each lane for a while, delivered
// or not: after a crash they tell which packets, sent again by their devices, are already kept (recent-packets.ts).

import type { Database, Statement } from 'better-sqlite3';
import { rowIdOf } from './log-schema.ts';
import type { LaneState } from './log-writer.ts';

/** Per flush, so that no transaction grows long. */
const ROWS_PER_STEP_MAX = 512;

interface TailEntry {
  offset: number;
  bytes: number;
}

export class Retention {
  readonly #delete: Statement;
  readonly #keepOffset: Statement;
  readonly #tailBytesMax: number;
  readonly #tails: { entries: TailEntry[]; bytes: number; deletedUpTo: number }[] = [];

  constructor(db: Database, lanes: LaneState[], tailBytesMax: number) {
    this.#tailBytesMax = tailBytesMax;
    this.#delete = db.prepare(
      `DELETE FROM log WHERE id IN
         (SELECT id FROM log WHERE id >= ? AND id < ? AND first + count <= ? ORDER BY id LIMIT ?)`,
    );
    this.#keepOffset = db.prepare('UPDATE lanes SET next_offset = ? WHERE number = ? AND next_offset < ?');
    const newest = db.prepare(
      'SELECT first AS offset, length(bytes) AS bytes FROM log WHERE id >= ? AND id < ? ORDER BY id DESC',
    );
    for (const lane of lanes) {
      const tail = { entries: [] as TailEntry[], bytes: 0, deletedUpTo: 0 };
      const rows = newest.iterate(
        rowIdOf(lane.number, 0),
        rowIdOf(lane.number + 1, 0),
      ) as IterableIterator<TailEntry>;
      for (const row of rows) {
        tail.entries.push(row);
        tail.bytes += row.bytes;
        if (tail.bytes > tailBytesMax) break;
      }
      tail.entries.reverse();
      this.#tails.push(tail);
    }
  }

  appended(laneIndex: number, offset: number, bytes: number): void {
    const tail = this.#tails[laneIndex];
    tail.entries.push({ offset, bytes });
    tail.bytes += bytes;
    while (tail.entries.length > 1 && tail.bytes - tail.entries[0].bytes >= this.#tailBytesMax) {
      tail.bytes -= (tail.entries.shift() as TailEntry).bytes;
    }
  }

  /** Bytes of delivered batches in the kept tail of the lane: they go when there is no other room. */
  deliveredBytes(laneIndex: number, floor: number | undefined): number {
    const { entries } = this.#tails[laneIndex];
    let bytes = 0;
    for (let next = 1; next < entries.length && entries[next].offset <= (floor ?? 0); next++)
      bytes += entries[next - 1].bytes;
    return bytes;
  }

  /** Whether `step` has something to do for this floor. */
  due(laneIndex: number, floor: number | undefined): boolean {
    return floor !== undefined && this.#limit(laneIndex, floor, false) > this.#tails[laneIndex].deletedUpTo;
  }

  /**
   * Inside a transaction: deletes delivered batches of the lane, oldest first, a bounded number at a time.
   * `hard`: there is no room left, so the tail goes too, all but the last batch (it tells the next offset).
   * Returns how many rows went.
   */
  step(laneIndex: number, lane: LaneState, floor: number | undefined, hard: boolean): number {
    if (floor === undefined) return 0;
    const limit = this.#limit(laneIndex, floor, hard);
    this.#keepOffset.run(lane.nextOffset, lane.number, lane.nextOffset);
    const rows = this.#delete.run(
      rowIdOf(lane.number, 0),
      rowIdOf(lane.number + 1, 0),
      limit,
      ROWS_PER_STEP_MAX,
    ).changes;
    if (rows < ROWS_PER_STEP_MAX) this.#tails[laneIndex].deletedUpTo = limit;
    return rows;
  }

  #limit(laneIndex: number, floor: number, hard: boolean): number {
    const { entries } = this.#tails[laneIndex];
    const kept = hard ? entries.at(-1) : entries[0];
    return kept === undefined ? 0 : Math.min(floor, kept.offset);
  }
}
