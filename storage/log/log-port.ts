// What the storage thread and the bridge thread say to each other, over a MessagePort of their own.
// Few messages: one per commit and lane one way, one per acknowledged upstream batch the other way.

/** storage -> bridge: records of `lane` up to (not including) `nextOffset` are on disk. */
export interface Appended {
  kind: 'appended';
  lane: string;
  nextOffset: number;
}

/** A record or a run of records that a sink refused for good, kept for a person to look at. */
export interface DeadLetter {
  firstOffset: number;
  count: number;
  reason: string;
  /** A record batch (codec.ts) holding just these records. */
  bytes: Uint8Array;
}

/**
 * bridge -> storage: the sink has the upstream's acknowledgement for every record before `nextOffset`, or has given
 * up on it. The counts must add up to the cursor's step: they are the books' entries.
 */
export interface Advance {
  kind: 'advance';
  sink: string;
  lane: string;
  nextOffset: number;
  delivered: number;
  /** Records in `deadLetters`. */
  deadLettered: number;
  /** Records that were not in the log any more although the cursor had not passed them (a damaged store). */
  missing: number;
  /** Names that were left out so that none is given twice: no record is missing there. */
  leftOut: number;
  deadLetters: DeadLetter[];
}

/** Where a sink stands in a lane. */
export interface Cursor {
  sink: string;
  lane: string;
  /** The first offset not yet delivered. */
  nextOffset: number;
}
