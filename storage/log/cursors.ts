// How far each sink has got in each lane, and the books: per sink and lane
//   nextOffset - startOffset = delivered + deadLettered + missing + leftOut
// and appended = nextOffset(lane). The table has one column for all names passed without a record; which of them were
// left out is known by the lane's gaps (open/known-gaps.ts) and told apart here. Advances are gathered in memory and
// written with `flush` inside a transaction: a crash in between means that some records are sent again under the same
// names, never that one is forgotten.

import type { Database, Statement } from 'better-sqlite3';
import { SluiceError } from '../../config/errors.ts';
import { type KnownGap, knownGaps, leftOutIn } from '../open/known-gaps.ts';
import type { Advance, DeadLetter } from './log-port.ts';
import { rowIdOf } from './log-schema.ts';
import type { LaneState } from './log-writer.ts';

export interface BookEntry {
  sink: string;
  lane: string;
  startOffset: number;
  nextOffset: number;
  delivered: number;
  deadLettered: number;
  /** Lost to damage before they were sent. */
  missing: number;
  /** Names that were never given to a record, so that none is given twice. */
  leftOut: number;
}

/** `missing` as in the table: with what was left out. */
interface Entry extends Omit<BookEntry, 'leftOut'> {
  laneNumber: number;
  dirty: boolean;
}

export class Cursors {
  readonly #entries = new Map<string, Entry>();
  readonly #update: Statement;
  readonly #insertDead: Statement;
  readonly #gaps: readonly KnownGap[];
  #deadLetters: { entry: Entry; letter: DeadLetter }[] = [];

  /**
   * Creates the cursors that are missing. A sink that is new starts where the furthest-behind sink of old stands (a
   * renamed sink takes over what its old name still owed), or at the start of the log when there was none.
   */
  constructor(db: Database, sinks: { name: string; lanes: readonly string[] }[], lanes: LaneState[]) {
    this.#gaps = knownGaps(db);
    this.#update = db.prepare(
      'UPDATE cursors SET next_offset = ?, delivered = ?, dead_lettered = ?, missing = ? WHERE sink = ? AND lane = ?',
    );
    this.#insertDead = db.prepare(
      'INSERT INTO dead_letters (sink, lane, first, count, reason, at_ms, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    const select = db.prepare(
      `SELECT next_offset AS nextOffset, start_offset AS startOffset, delivered,
         dead_lettered AS deadLettered, missing FROM cursors WHERE sink = ? AND lane = ?`,
    );
    const furthestBehind = db.prepare('SELECT min(next_offset) AS at FROM cursors WHERE lane = ?');
    const insert = db.prepare(
      'INSERT INTO cursors (sink, lane, next_offset, start_offset) VALUES (?, ?, ?, ?)',
    );
    for (const lane of lanes) {
      const behind = (furthestBehind.get(lane.number) as { at: number | null }).at ?? firstOffset(db, lane);
      for (const sink of sinks) {
        if (sink.lanes.length > 0 && !sink.lanes.includes(lane.name)) continue;
        let row = select.get(sink.name, lane.number) as Entry | undefined;
        if (row === undefined) {
          insert.run(sink.name, lane.number, behind, behind);
          row = select.get(sink.name, lane.number) as Entry;
        }
        const entry = { ...row, sink: sink.name, lane: lane.name, laneNumber: lane.number, dirty: false };
        this.#entries.set(key(sink.name, lane.name), entry);
      }
    }
  }

  books(): BookEntry[] {
    return [...this.#entries.values()].map(({ laneNumber, dirty: _dirty, missing, ...entry }) => {
      const passed = { from: entry.startOffset, to: entry.nextOffset };
      const leftOut = Math.min(missing, leftOutIn(this.#gaps, laneNumber, passed));
      return { ...entry, missing: missing - leftOut, leftOut };
    });
  }

  /** The first offset of the lane that some sink still owes; undefined when no sink takes the lane. */
  floor(lane: string): number | undefined {
    let floor: number | undefined;
    for (const entry of this.#entries.values()) {
      if (entry.lane === lane) floor = Math.min(floor ?? entry.nextOffset, entry.nextOffset);
    }
    return floor;
  }

  advance(message: Advance): void {
    const entry = this.#entries.get(key(message.sink, message.lane));
    const step = message.delivered + message.deadLettered + message.missing + message.leftOut;
    if (entry === undefined || entry.nextOffset + step !== message.nextOffset) {
      throw new SluiceError(
        'BOOKS_UNBALANCED',
        `sink ${message.sink}, lane ${message.lane}: a step of ${step} records does not lead ` +
          `from offset ${entry?.nextOffset} to ${message.nextOffset}`,
        { kind: 'fatal' },
      );
    }
    entry.nextOffset = message.nextOffset;
    entry.delivered += message.delivered;
    entry.deadLettered += message.deadLettered;
    entry.missing += message.missing + message.leftOut;
    entry.dirty = true;
    for (const letter of message.deadLetters) this.#deadLetters.push({ entry, letter });
  }

  get dirty(): boolean {
    for (const entry of this.#entries.values()) if (entry.dirty) return true;
    return false;
  }

  /** Inside a transaction. Call `flushed` once it has been committed. */
  flush(nowMs: number): void {
    for (const entry of this.#entries.values()) {
      if (!entry.dirty) continue;
      const { nextOffset, delivered, deadLettered, missing, sink, laneNumber } = entry;
      this.#update.run(nextOffset, delivered, deadLettered, missing, sink, laneNumber);
    }
    for (const { entry, letter } of this.#deadLetters) {
      const { firstOffset, count, reason, bytes } = letter;
      this.#insertDead.run(entry.sink, entry.laneNumber, firstOffset, count, reason, nowMs, bytes);
    }
  }

  flushed(): void {
    for (const entry of this.#entries.values()) entry.dirty = false;
    this.#deadLetters = [];
  }
}

/** Where the lane's log begins: what was before it has gone with the cursors that knew of it. */
function firstOffset(db: Database, lane: LaneState): number {
  const first = db.prepare('SELECT first FROM log WHERE id >= ? AND id < ? ORDER BY id LIMIT 1');
  const row = first.get(rowIdOf(lane.number, 0), rowIdOf(lane.number + 1, 0)) as
    | { first: number }
    | undefined;
  return row?.first ?? lane.nextOffset;
}

function key(sink: string, lane: string): string {
  return `${sink}\n${lane}`;
}
