// The part of the inspection that looks at what the small tables say, not how they lie on their pages.
// Nothing there has a checksum, but most of it is said twice: the envelope of a lane's last batch repeats the
// names of lane and gateway and the offsets, an index repeats the lanes' names, and a cursor must balance
// (start + delivered + dead-lettered + missing).

import { rowIdOf } from '../log/log-schema.ts';
import type { Damage } from './damage.ts';
import { LANE_NUMBERS, LANE_STEP, type LogRow, laneNumberOf, OFFSET_MAX, readLogRow } from './log-row.ts';
import type { PageSource } from './sqlite-file/page-source.ts';
import { lastRowUpTo, type RawRow } from './sqlite-file/tree-rows.ts';
import { fieldsOf, MetaKey, type TableLayout } from './store-schema.ts';

export interface LaneRow {
  number: number;
  name: string;
  /** The least that the lane's next record may be called, from all that is known. */
  nextOffset: number;
}

export interface CursorRow {
  sink: string;
  lane: number;
  nextOffset: number;
  startOffset: number;
  delivered: number;
  deadLettered: number;
  missing: number;
}

/** What can be put right in place. */
export type ValueRepair =
  | { kind: 'cursor'; was: CursorRow; now: CursorRow }
  /** A lane's last batch is damaged, the page it lies on is not. */
  | { kind: 'last-batch'; lane: number; id: number; end: number; bytes: Buffer; why: string };

export interface ValuesToInspect {
  source: PageSource;
  /** All rows of a table or an index, undefined when it is damaged. */
  read(name: string): RawRow[] | undefined;
  logRoot: number;
  layoutOf(table: string): TableLayout;
  meta: Map<string, string>;
}

export type ValuesFinding =
  | { kind: 'sound'; lanes: LaneRow[]; repairs: ValueRepair[] }
  | { kind: 'damaged'; damage: Damage };

/** So many damaged batches in a row at the end of a lane are no single accident. */
const DAMAGED_LAST_BATCHES_MAX = 4;

export function inspectValues(store: ValuesToInspect): ValuesFinding {
  const lanes = readLanes(store);
  if (lanes === undefined) return damaged('lanes', 'the table of lanes contradicts itself');
  const repairs: ValueRepair[] = [];
  for (const lane of lanes) {
    const fault = inspectLastBatches(store, lane, repairs);
    if (fault !== undefined) return { kind: 'damaged', damage: fault };
  }
  const last = lastRowUpTo(store.source, store.logRoot, Number.MAX_SAFE_INTEGER);
  if (last.kind === 'damaged') return damaged('pages', `page ${last.page} of the log cannot be read`);
  if (last.kind === 'row' && !lanes.some((lane) => lane.number === laneNumberOf(last.row.rowid))) {
    return damaged(
      'lanes',
      `the log has batches of a lane (${laneNumberOf(last.row.rowid)}) that is not in the table of lanes`,
    );
  }
  const cursors = readCursors(store);
  if (cursors === undefined) return damaged('cursors', 'the table of cursors cannot be read');
  for (const cursor of cursors) {
    const balanced = balancedCursor(cursor);
    if (balanced !== cursor) repairs.push({ kind: 'cursor', was: cursor, now: balanced });
    const lane = lanes.find(({ number }) => number === cursor.lane);
    if (lane === undefined || balanced.nextOffset > lane.nextOffset) {
      return damaged('cursors', `sink ${cursor.sink} is beyond the end of lane ${lane?.name ?? cursor.lane}`);
    }
  }
  return { kind: 'sound', lanes, repairs };
}

function readLanes({ read, layoutOf }: ValuesToInspect): LaneRow[] | undefined {
  const rows = read('lanes');
  const index = read('sqlite_autoindex_lanes_1');
  if (rows === undefined || index === undefined || index.length !== rows.length || rows.length > LANE_NUMBERS)
    return undefined;
  const numbers = new Map(index.map(({ values: [name, number] }) => [String(name), Number(number)]));
  const lanes = rows.map((row) => laneOf(row, layoutOf('lanes')));
  const agree = lanes.every(
    (lane) => lane !== undefined && lane.number < LANE_NUMBERS && numbers.get(lane.name) === lane.number,
  );
  return agree && numbers.size === lanes.length ? (lanes as LaneRow[]) : undefined;
}

export function laneOf(row: RawRow, layout: TableLayout): LaneRow | undefined {
  const { name, next_offset: next } = fieldsOf(row, layout);
  if (typeof name !== 'string' || typeof next !== 'bigint' || next < 0n || next >= LANE_STEP)
    return undefined;
  return { number: row.rowid, name, nextOffset: Number(next) };
}

/**
 * From the last batch backwards to the first that is whole; moves the lane's next offset behind all of them.
 */
function inspectLastBatches(
  store: ValuesToInspect,
  lane: LaneRow,
  repairs: ValueRepair[],
): Damage | undefined {
  const { source, logRoot, layoutOf, meta } = store;
  const wrong = (detail: string): Damage => ({ reason: 'pages', detail: `lane ${lane.name}: ${detail}` });
  let max = rowIdOf(lane.number + 1, 0) - 1;
  for (let damagedBatches = 0; ; damagedBatches++) {
    const last = lastRowUpTo(source, logRoot, max);
    if (last.kind === 'damaged')
      return wrong(`page ${last.page} of the log, on the way to the last batch, cannot be read`);
    if (last.kind === 'none' || laneNumberOf(last.row.rowid) !== lane.number) return undefined;
    const found = readLogRow(last.row, layoutOf('log'));
    if (found.kind === 'no-row') return wrong('the last row of the log is no batch');
    if (found.kind === 'row') return inspectNames(found.row, lane, meta);
    if (damagedBatches === DAMAGED_LAST_BATCHES_MAX) return wrong('the last batches are damaged');
    const { id, first, count, bytes, why } = found;
    const end = first >= 0 && count >= 0 && first + count < OFFSET_MAX ? first + count : 0;
    repairs.push({ kind: 'last-batch', lane: lane.number, id, end, bytes, why });
    lane.nextOffset = Math.max(lane.nextOffset, end, id - rowIdOf(lane.number, 0) + 1);
    max = id - 1;
  }
}

function inspectNames(row: LogRow, lane: LaneRow, meta: Map<string, string>): Damage | undefined {
  const { names, first, count, corrected } = row;
  if (corrected)
    return { reason: 'names', detail: `lane ${lane.name}: a row of the log and its batch disagree` };
  if (names !== undefined && names.lane !== lane.name) {
    return { reason: 'names', detail: `lane ${lane.name} ends with a batch of lane ${names.lane}` };
  }
  const gateway = meta.get(MetaKey.gatewayId);
  if (names !== undefined && gateway !== undefined && names.gateway !== gateway) {
    return {
      reason: 'names',
      detail: `the store of gateway ${gateway} has a batch of gateway ${names.gateway}`,
    };
  }
  lane.nextOffset = Math.max(lane.nextOffset, first + count);
  return undefined;
}

/** Undefined when the table is damaged or out of order (SQLite would not find what it looks for). */
function readCursors({ read, layoutOf }: ValuesToInspect): CursorRow[] | undefined {
  const cursors = read('cursors')?.map((row) => cursorOf(row, layoutOf('cursors')));
  if (cursors === undefined || cursors.some((cursor) => cursor === undefined)) return undefined;
  const whole = cursors as CursorRow[];
  const ascend = whole.every((cursor, i) => i === 0 || comesBefore(whole[i - 1], cursor));
  return ascend ? whole : undefined;
}

export function cursorOf(row: RawRow, layout: TableLayout): CursorRow | undefined {
  const fields = fieldsOf(row, layout);
  const columns = ['lane', 'next_offset', 'start_offset', 'delivered', 'dead_lettered', 'missing'];
  const numbers = columns.map((column) => fields[column]);
  if (typeof fields.sink !== 'string' || !numbers.every(isOffset)) return undefined;
  const [lane, nextOffset, startOffset, delivered, deadLettered, missing] = numbers.map(Number);
  return { sink: fields.sink, lane, nextOffset, startOffset, delivered, deadLettered, missing };
}

function isOffset(value: unknown): boolean {
  return typeof value === 'bigint' && value >= 0n && value <= OFFSET_MAX;
}

function comesBefore(a: CursorRow, b: CursorRow): boolean {
  const order = Buffer.compare(Buffer.from(a.sink), Buffer.from(b.sink));
  return order < 0 || (order === 0 && a.lane < b.lane);
}

/**
 * The cursor itself when it balances; else one that does, standing at the lower of what its position and its
 * counts say: a record may be sent twice under its name, none is skipped.
 */
export function balancedCursor(cursor: CursorRow): CursorRow {
  const { nextOffset, startOffset, delivered, deadLettered, missing } = cursor;
  const counted = startOffset + delivered + deadLettered + missing;
  if (counted === nextOffset) return cursor;
  const next = Math.min(nextOffset, counted);
  const rest = next - startOffset - deadLettered - missing;
  if (rest >= 0) return { ...cursor, nextOffset: next, delivered: rest };
  return { ...cursor, nextOffset: next, startOffset: next, delivered: 0, deadLettered: 0, missing: 0 };
}

function damaged(reason: string, detail: string): ValuesFinding {
  return { kind: 'damaged', damage: { reason, detail } };
}
