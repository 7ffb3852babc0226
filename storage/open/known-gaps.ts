// Ranges of a lane's offsets where no record is to be expected: lost to damage that was met and reported, or left
// out so that no name is given twice. Kept in the store, so that whoever reads the log can tell a gap that is known
// from one that is damage not met yet, and what was lost from what never was.
//
// The two kinds never overlap: what is once left out stays so, however often it is met again.

import type { Database } from 'better-sqlite3';
import { MetaKey } from './store-schema.ts';

export interface OffsetSpan {
  from: number;
  /** Not included. */
  to: number;
}

export interface KnownGap extends OffsetSpan {
  /** The lane's number. */
  lane: number;
  /**
   * `left-out`: passed over by a salvage, and never given to a record afterwards. No trace of an earlier record was
   * found there; only where damage took the newest records with every trace of them are theirs among the names.
   */
  kind: 'lost' | 'left-out';
}

/** Of each kind. */
const GAPS_MAX = 1000;

/** Those of a kind in order of lane and offset, where ranges that touch are one; the lost ones first. */
export function knownGaps(db: Database): KnownGap[] {
  const text = db.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(MetaKey.knownGaps);
  try {
    return typeof text === 'string' ? merged(JSON.parse(text)) : [];
  } catch {
    return []; // damaged: its gaps are met and reported once more
  }
}

/**
 * In a transaction of the caller's. What was lost is forgotten when every sink has passed it; what was left out is
 * not, because books and consumers tell it from losses for ever.
 */
export function noteGaps(db: Database, gaps: KnownGap[]): void {
  const floors = db.prepare('SELECT lane, min(next_offset) AS floor FROM cursors GROUP BY lane').all();
  const floorOf = new Map(
    (floors as { lane: number; floor: number }[]).map(({ lane, floor }) => [lane, floor]),
  );
  const all = merged([...knownGaps(db), ...gaps]);
  const lost = all.filter(({ lane, to, kind }) => kind === 'lost' && to > (floorOf.get(lane) ?? 0));
  const leftOut = all.filter(({ kind }) => kind === 'left-out');
  const value = JSON.stringify([...lost.slice(-GAPS_MAX), ...leftOut.slice(-GAPS_MAX)]);
  db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)').run(MetaKey.knownGaps, value);
}

/** Whether all of the range is known, of whatever kind. */
export function isKnownGap(gaps: readonly KnownGap[], lane: number, { from, to }: OffsetSpan): boolean {
  let at = from;
  const ofLane = gaps.filter((gap) => gap.lane === lane).toSorted((a, b) => a.from - b.from);
  for (const gap of ofLane) if (gap.from <= at) at = Math.max(at, gap.to);
  return at >= to;
}

/** How many names of the range were left out. */
export function leftOutIn(gaps: readonly KnownGap[], lane: number, { from, to }: OffsetSpan): number {
  let names = 0;
  for (const gap of gaps) {
    if (gap.kind === 'left-out' && gap.lane === lane)
      names += Math.max(0, Math.min(gap.to, to) - Math.max(gap.from, from));
  }
  return names;
}

/** The parts of the range that were not left out; `gaps` as `knownGaps` has them. */
export function withoutLeftOut(gaps: readonly KnownGap[], lane: number, span: OffsetSpan): OffsetSpan[] {
  const parts: OffsetSpan[] = [];
  let at = span.from;
  for (const gap of gaps) {
    if (gap.kind !== 'left-out' || gap.lane !== lane || gap.to <= at || gap.from >= span.to) continue;
    if (gap.from > at) parts.push({ from: at, to: gap.from });
    at = gap.to;
  }
  if (at < span.to) parts.push({ from: at, to: span.to });
  return parts;
}

type NotedGap = Omit<KnownGap, 'kind'> & Partial<KnownGap>;

function merged(gaps: NotedGap[]): KnownGap[] {
  const leftOut = mergedOf(gaps, 'left-out');
  const lost = mergedOf(gaps, 'lost').flatMap((gap) =>
    withoutLeftOut(leftOut, gap.lane, gap).map((part) => ({ ...gap, ...part })),
  );
  return [...lost, ...leftOut];
}

/** A gap that was noted before there were two kinds counts as lost. */
function mergedOf(gaps: NotedGap[], kind: KnownGap['kind']): KnownGap[] {
  const all: KnownGap[] = [];
  const ofKind = gaps.filter((gap) => (gap.kind ?? 'lost') === kind);
  for (const gap of ofKind.toSorted((a, b) => a.lane - b.lane || a.from - b.from)) {
    const last = all.at(-1);
    if (last?.lane === gap.lane && gap.from <= last.to) last.to = Math.max(last.to, gap.to);
    else if (gap.to > gap.from) all.push({ ...gap, kind });
  }
  return all;
}
