// What a salvage says afterwards: plain data, for log lines, for report.json beside the originals, and for
// the books.

import type { Database } from 'better-sqlite3';
import { rowIdOf } from '../log/log-schema.ts';
import type { Damage } from './damage.ts';
import { type KnownGap, knownGaps, withoutLeftOut } from './known-gaps.ts';
import type { Copied, CopiedTable } from './salvage-copy.ts';

/**
 * Records `from` up to, not including, `to` were kept once, are owed by a sink, and are not there any more.
 */
export interface Gap {
  lane: string;
  from: number;
  to: number;
  count: number;
}

export interface LaneReport {
  lane: string;
  number: number;
  batches: number;
  records: number;
  /** The first offset that some sink still owes; null: no cursor of the lane was kept. */
  owedFrom: number | null;
  /** Of the first batch kept. */
  firstOffset: number | null;
  /** No trace of a record from here on. */
  seenUpTo: number;
  /** Where the lane goes on. What lies between was skipped so that no name is given twice. */
  nextOffset: number;
  missingRecords: number;
  /** The first GAPS_MAX of them. */
  gaps: Gap[];
  gapsCount: number;
}

export interface SalvageReport {
  at: string;
  reason: string;
  detail: string;
  /** Where the originals are, relative to the data directory; null: there were none to put aside. */
  putAside: string | null;
  attempt: number;
  batches: number;
  records: number;
  bytes: number;
  /** Batches whose row was there but which do not check. */
  damagedBatches: number;
  /** Rows that had been changed and were put right from their batch. */
  correctedRows: number;
  /** Batches that were found although no tree led to them any more; part of `batches`. */
  strayBatches: number;
  /** The disk had no room for all that can be read: the rest is in the files put aside. */
  ranOutOfRoom: boolean;
  lanes: LaneReport[];
  tables: { [table: string]: CopiedTable };
}

export const GAPS_MAX = 100;

export interface SalvageFacts {
  damage: Damage;
  copied: Copied;
  lanes: LaneReport[];
  nowMs: number;
  attempt: number;
}

export function salvageReport({ damage, copied, lanes, nowMs, attempt }: SalvageFacts): SalvageReport {
  const { batches, records, bytes, damagedBatches, correctedRows, strayBatches, ranOutOfRoom, tables } =
    copied;
  const counts = { batches, records, bytes, damagedBatches, correctedRows, strayBatches, ranOutOfRoom };
  return { at: new Date(nowMs).toISOString(), ...damage, putAside: null, attempt, ...counts, lanes, tables };
}

export interface LaneEnds {
  name: string;
  number: number;
  /** First offset that is owed, undefined when no sink takes the lane. */
  floor: number | undefined;
  seenUpTo: number;
  nextOffset: number;
}

/**
 * Where no record is to be expected any more. Beyond the gaps that are listed, one range for all the rest up to where
 * a record was seen last; from there on names are left out.
 */
export function gapsOf(lane: LaneReport): KnownGap[] {
  const { number, gaps, gapsCount, owedFrom, firstOffset, seenUpTo, nextOffset } = lane;
  const lost = (from: number, to: number): KnownGap => ({ lane: number, from, to, kind: 'lost' });
  const rest = gapsCount > gaps.length ? (gaps.at(-1)?.to ?? 0) : seenUpTo;
  const before = owedFrom === null ? (firstOffset ?? rest) : 0;
  return [
    lost(0, before),
    ...gaps.map(({ from, to }) => lost(from, to)),
    lost(rest, seenUpTo),
    { lane: number, from: seenUpTo, to: nextOffset, kind: 'left-out' },
  ];
}

/** Reads the ids of the lane's batches, not the batches. What an earlier salvage left out is no gap. */
export function laneReport(db: Database, lane: LaneEnds): LaneReport {
  const { name, number, floor, seenUpTo, nextOffset } = lane;
  const report: LaneReport = {
    lane: name,
    number,
    batches: 0,
    records: 0,
    owedFrom: floor ?? null,
    firstOffset: null,
    seenUpTo,
    nextOffset,
    missingRecords: 0,
    gaps: [],
    gapsCount: 0,
  };
  const known = knownGaps(db);
  const gap = (from: number, to: number): void => {
    for (const part of withoutLeftOut(known, number, { from, to })) {
      const count = part.to - part.from;
      report.missingRecords += count;
      report.gapsCount++;
      if (report.gaps.length < GAPS_MAX) report.gaps.push({ lane: name, ...part, count });
    }
  };
  const rows = db.prepare('SELECT first, count FROM log WHERE id >= ? AND id < ? ORDER BY id');
  let end = floor;
  for (const row of rows.iterate(rowIdOf(number, 0), rowIdOf(number + 1, 0))) {
    const { first, count } = row as { first: number; count: number };
    report.firstOffset ??= first;
    report.batches++;
    report.records += count;
    if (end !== undefined && first > end) gap(end, first);
    end = Math.max(end ?? 0, first + count);
  }
  if (end !== undefined && seenUpTo > end) gap(end, seenUpTo);
  return report;
}
