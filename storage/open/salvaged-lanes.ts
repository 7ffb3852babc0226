// The lanes of a store that is being salvaged: which number and name they have, and from which offset on a
// name has certainly never been given to a record.

import { rowIdOf } from '../log/log-schema.ts';
import type { DamagedStore } from './damaged-store.ts';
import { LANE_NUMBERS, LANE_STEP, type LogRow, laneNumberOf, OFFSET_MAX, readLogRow } from './log-row.ts';
import { lastRowUpTo } from './sqlite-file/tree-rows.ts';
import { balancedCursor, type CursorRow, cursorOf, type LaneRow, laneOf } from './store-values.ts';

/** Further than what a gateway has in flight, so that even names that left no trace are passed over. */
export const OFFSET_JUMP = 2 ** 20;
/**
 * More records than a page of compressed batches can hold: names that a lost page may have held are passed
 * over too.
 */
const RECORDS_PER_PAGE_MAX = 2 ** 14;

export class SalvagedLanes {
  readonly cursors: CursorRow[];
  readonly #lanes: LaneRow[];
  /** The table of lanes was read whole, so there are no others. */
  readonly complete: boolean;

  constructor(store: DamagedStore) {
    const { layout } = store.place('lanes');
    const rows = [...store.rows('lanes')].map((row) => laneOf(row, layout));
    const isLane = (lane: LaneRow | undefined): lane is LaneRow =>
      lane !== undefined && lane.number < LANE_NUMBERS;
    this.#lanes = rows.filter(isLane);
    for (const lane of this.#lanes) if (lane.nextOffset > OFFSET_MAX) lane.nextOffset = 0;
    this.complete = store.damageOf('lanes') === 0 && this.#lanes.length === rows.length && rows.length > 0;
    for (const lane of this.#lanes) this.#believeLastBatch(store, lane);
    const cursorLayout = store.place('cursors').layout;
    const cursors = [...store.rows('cursors')].map((row) => cursorOf(row, cursorLayout));
    this.cursors = cursors.filter((cursor) => cursor !== undefined).map(balancedCursor);
    for (const cursor of this.cursors) this.#passed(cursor.lane, cursor.nextOffset);
  }

  all(): LaneRow[] {
    return this.#lanes;
  }

  nameOf(number: number): string | undefined {
    return this.#lanes.find((lane) => lane.number === number)?.name;
  }

  /** The first offset that some sink still owes; undefined when no sink takes the lane. */
  floor(number: number): number | undefined {
    const owed = this.cursors.filter((cursor) => cursor.lane === number).map((cursor) => cursor.nextOffset);
    return owed.length === 0 ? undefined : Math.min(...owed);
  }

  /**
   * The number of a batch's lane; undefined when the lane is new to us and there is no number left for it.
   */
  numberOf(row: LogRow): number | undefined {
    if (row.names === undefined) return this.nameOf(row.number) === undefined ? undefined : row.number;
    const { lane: name } = row.names;
    const known = this.#lanes.find((lane) => lane.name === name);
    if (known !== undefined) return known.number;
    let number = row.number;
    if (number >= LANE_NUMBERS || this.nameOf(number) !== undefined) {
      number = 0;
      while (this.nameOf(number) !== undefined) number++;
    }
    if (number >= LANE_NUMBERS) return undefined;
    this.#lanes.push({ number, name, nextOffset: 0 });
    for (const cursor of this.cursors) this.#passed(cursor.lane, cursor.nextOffset);
    return number;
  }

  /** A whole batch of the lane, which ends there, was seen. */
  saw(number: number, end: number): void {
    this.#passed(number, end, LANE_STEP);
  }

  /** A batch that is there and damaged: its row is believed when it says its offset twice. */
  sawDamaged(id: number, first: number, count: number): void {
    const number = laneNumberOf(id);
    if (first >= 0 && id === rowIdOf(number, first))
      this.#passed(number, first + Math.max(1, Math.min(count, OFFSET_JUMP)));
  }

  jumpOver(pagesLost: number): number {
    return OFFSET_JUMP + pagesLost * RECORDS_PER_PAGE_MAX;
  }

  #passed(number: number, end: number, max = OFFSET_MAX): void {
    const lane = this.#lanes.find((entry) => entry.number === number);
    if (lane !== undefined && end > lane.nextOffset && end <= max) lane.nextOffset = end;
  }

  /** Its envelope has a checksum, the lane's row has none. */
  #believeLastBatch(store: DamagedStore, lane: LaneRow): void {
    const { root, layout } = store.place('log');
    const last = lastRowUpTo(store.source, root, rowIdOf(lane.number + 1, 0) - 1);
    if (last.kind !== 'row' || laneNumberOf(last.row.rowid) !== lane.number) return;
    const found = readLogRow(last.row, layout);
    const name = found.kind === 'row' && !found.row.corrected ? found.row.names?.lane : undefined;
    if (name !== undefined && !this.#lanes.some((other) => other.name === name)) lane.name = name;
  }
}
