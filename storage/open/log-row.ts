// A row of the log read off its page, judged by the one thing in it that proves itself: the envelope of its
// batch, which has a checksum and repeats everything the row says.

import { SluiceError } from '../../config/errors.ts';
import { decodeHeader } from '../record-batch/codec.ts';
import type { RowShape } from './sqlite-file/loose-rows.ts';
import type { RawRow } from './sqlite-file/tree-rows.ts';
import { fieldsOf, type TableLayout } from './store-schema.ts';

export interface LogRow {
  /** The lane's number as the row's id has it. */
  number: number;
  first: number;
  count: number;
  storedAtMs: number;
  bytes: Buffer;
  /** What the envelope says; undefined when it is of a newer version than can be read here, though whole. */
  names: { gateway: string; lane: string } | undefined;
  /** The row said otherwise than its envelope, which was believed. */
  corrected: boolean;
}

export type LogRowFinding =
  | { kind: 'row'; row: LogRow }
  /** The row is there, its batch is damaged. `first` and `count` are as the row has them. */
  | { kind: 'damaged'; id: number; first: number; count: number; bytes: Buffer; why: string }
  | { kind: 'no-row' };

/** CBOR's self-described tag: every envelope begins with it. */
const ENVELOPE_START = Buffer.from([0xd9, 0xd9, 0xf7]);
export const LANE_STEP = 2 ** 48;
/**
 * An offset beyond is not believed without a checksum. Years of records lie between it and the next lane's
 * ids.
 */
export const OFFSET_MAX = 2 ** 47;
/** Lanes that a row's id has room for. */
export const LANE_NUMBERS = 32;

export function laneNumberOf(id: number): number {
  return Math.floor(id / LANE_STEP);
}

export function readLogRow(raw: RawRow, layout: TableLayout): LogRowFinding {
  const { rowid } = raw;
  const { first, count, stored_at_ms: storedAt, bytes } = fieldsOf(raw, layout);
  if (!Buffer.isBuffer(bytes)) return { kind: 'no-row' };
  const said = { first: numberOf(first), count: numberOf(count) };
  const storedAtMs = numberOf(storedAt);
  const number = laneNumberOf(rowid);
  try {
    const { gateway, lane, firstOffset, count: records } = decodeHeader(bytes);
    const corrected =
      firstOffset !== said.first || records !== said.count || rowid !== number * LANE_STEP + firstOffset;
    const names = { gateway, lane };
    return {
      kind: 'row',
      row: { number, first: firstOffset, count: records, storedAtMs, bytes, names, corrected },
    };
  } catch (error) {
    const isNewer = error instanceof SluiceError && error.code === 'BATCH_VERSION';
    if (isNewer && rowid === number * LANE_STEP + said.first && said.count > 0) {
      return { kind: 'row', row: { number, ...said, storedAtMs, bytes, names: undefined, corrected: false } };
    }
    return { kind: 'damaged', id: rowid, ...said, bytes, why: (error as Error).message };
  }
}

/** How a row of the log can be told when nothing points to it. */
export function logShape({ columns, rowidColumn }: TableLayout): RowShape {
  const isInteger = (type: number): boolean => (type > 0 && type < 7) || type === 8 || type === 9;
  const isBlob = (type: number): boolean => type > 12 && type % 2 === 0;
  const fits = (types: number[]): boolean =>
    types.length === columns.length &&
    types.every((type, i) => {
      if (i === rowidColumn) return type === 0;
      return columns[i] === 'bytes' ? isBlob(type) : isInteger(type);
    });
  return { fits, mark: ENVELOPE_START };
}

function numberOf(value: unknown): number {
  return typeof value === 'bigint' ? Number(value) : -1;
}
