// Ranges of a lane's offsets where no record is to be expected: lost to damage that was met and reported, or
// skipped so that no name is given twice. Kept in the store, so that whoever reads the log can tell a gap
// that is known from one that is damage not met yet.

import type { Database } from 'better-sqlite3';
import { MetaKey } from './store-schema.ts';

export interface KnownGap {
  /** The lane's number. */
  lane: number;
  from: number;
  /** Not included. */
  to: number;
}

const GAPS_MAX = 1000;

/** In order of lane and offset; ranges that touch are one. */
export function knownGaps(db: Database): KnownGap[] {
  const text = db.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(MetaKey.knownGaps);
  try {
    return typeof text === 'string' ? merged(JSON.parse(text)) : [];
  } catch {
    return []; // damaged: its gaps are met and reported once more
  }
}

/** In a transaction of the caller's. Gaps that every sink has passed are forgotten. */
export function noteGaps(db: Database, gaps: KnownGap[]): void {
  const floors = db.prepare('SELECT lane, min(next_offset) AS floor FROM cursors GROUP BY lane').all();
  const floorOf = new Map(
    (floors as { lane: number; floor: number }[]).map(({ lane, floor }) => [lane, floor]),
  );
  const all = merged([...knownGaps(db), ...gaps]).filter(({ lane, to }) => to > (floorOf.get(lane) ?? 0));
  const value = JSON.stringify(all.slice(-GAPS_MAX));
  db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)').run(MetaKey.knownGaps, value);
}

function merged(gaps: KnownGap[]): KnownGap[] {
  const all: KnownGap[] = [];
  for (const gap of gaps.toSorted((a, b) => a.lane - b.lane || a.from - b.from)) {
    const last = all.at(-1);
    if (last?.lane === gap.lane && gap.from <= last.to) last.to = Math.max(last.to, gap.to);
    else if (gap.to > gap.from) all.push({ ...gap });
  }
  return all;
}
