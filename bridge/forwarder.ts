// Steps 4 and 5 for one lane of one sink: from the cursor on, reads what is stored, hands out batches, and
// moves the cursor when they are settled. It never sends by itself and has no timer: the sender asks it for
// the next batch whenever there may be one, and `wakeAtMs` says when time alone will make one.
//
// Order: batches are handed out in order of offset; after a failure everything unacknowledged is handed out
// again in order, read from the log anew - batches may be cut differently, records keep their names. Bounds:
// `take` refuses when too many batches or bytes are not yet passed by the cursor, and reads ahead no more
// than about two batches.

import type { Clock } from '../config/clock.ts';
import type { Advance, DeadLetter } from '../storage/log/log-port.ts';
import type { LogReader } from '../storage/log/log-reader.ts';
import { storeDamaged } from '../storage/open/damage.ts';
import type { Compression } from '../storage/record-batch/codec.ts';
import { type Assembled, assemble, type BatchLimits } from './assembler.ts';
import { Backoff, type BackoffSettings } from './backoff.ts';
import { deadLettersOf } from './dead-letters.ts';
import { DeliveryLedger, type Flight, type Skipped } from './delivery-ledger.ts';
import { ReadAhead } from './read-ahead.ts';
import { REASON_TOO_LARGE, type Rejection, type SendResult, type Sink } from './sinks/sink.ts';

export interface ForwarderOptions {
  sink: string;
  lane: { name: string; number: number };
  /** The first record not settled. */
  cursor: number;
  /** The first record not on disk. */
  nextOffset: number;
  takes: Sink['takes'];
  compression: Compression;
  lingerMs: number;
  /** Waits after the upstream refused a batch for now. */
  backoff: BackoffSettings;
  reader: LogReader;
  clock: Clock;
  post: (advance: Advance) => void;
}

export interface TakeLimits extends BatchLimits {
  /** Most batches and bytes that the cursor has not passed. */
  heldBatchesMax: number;
  heldBytesMax: number;
}

/** Runs of dead letters that are set aside in one go, before others have their turn. */
const LETTERS_PER_TURN = 64;
/** A whole batch that is refused for good this many times, always at the same place, is given up. */
const REJECTIONS_MAX = 8;

export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #ledger: DeliveryLedger;
  readonly #readAhead: ReadAhead;
  readonly #backoff: Backoff;
  #end: number;
  #waitingSinceMs: number;
  #notBeforeMs = 0;
  #wakeAtMs: number | null = null;
  /** Rejections of the batch at this offset, while it is tried again. */
  #refused = { firstOffset: -1, times: 0 };
  /** After `too-large`: smaller batches until the cursor has passed where it happened. */
  #cut = { messagesMax: Number.POSITIVE_INFINITY, until: 0 };

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#ledger = new DeliveryLedger(options.cursor);
    this.#readAhead = new ReadAhead(options.reader, options.lane.number);
    this.#backoff = new Backoff(options.backoff, options.clock);
    this.#end = Math.max(options.nextOffset, options.cursor);
    this.#waitingSinceMs = Number.NEGATIVE_INFINITY; // what is there at the start has waited long enough
  }

  get lane(): string {
    return this.#options.lane.name;
  }

  get cursor(): number {
    return this.#ledger.cursor;
  }

  /** A batch has failed and others are still under way. */
  get isDraining(): boolean {
    return this.#ledger.isDraining;
  }

  /** When `take` is worth another try although nothing happened (monotonic); null: only an event can help. */
  get wakeAtMs(): number | null {
    return this.#wakeAtMs;
  }

  /** The lane is on disk up to `nextOffset`. */
  appended(nextOffset: number): void {
    if (nextOffset <= this.#end) return;
    if (this.#ledger.sendOffset >= this.#end) this.#waitingSinceMs = this.#options.clock.monotonicMs();
    this.#end = nextOffset;
  }

  /**
   * The next batch to send; null when there is none, or none may be sent now. The caller must `settle` it.
   */
  take(limits: TakeLimits): Flight | null {
    const nowMs = this.#options.clock.monotonicMs();
    this.#wakeAtMs = null;
    if (this.#ledger.isDraining || !this.#hasRoom(limits)) return null;
    if (nowMs < this.#notBeforeMs) {
      if (this.#ledger.sendOffset < this.#end) this.#wakeAtMs = this.#notBeforeMs;
      return null;
    }
    for (let letters = 0; ; ) {
      const assembled = this.#assemble(limits, nowMs);
      switch (assembled?.kind) {
        case undefined:
          return null;
        case 'wait':
          this.#wakeAtMs = this.#waitingSinceMs + this.#options.lingerMs;
          return null;
        case 'batch':
          this.#waitingSinceMs = nowMs;
          return this.#ledger.sent(assembled.batch, assembled.bytes);
        case 'missing':
          this.#passGap(assembled.count);
          break;
        case 'unsendable': {
          const { count, reason, bytes } = assembled;
          const letter: DeadLetter = { firstOffset: this.#ledger.sendOffset, count, reason, bytes };
          this.#skip(count, { missing: 0, leftOut: 0, deadLetters: [letter] });
          if (!this.#hasRoom(limits)) return null;
          if (++letters < LETTERS_PER_TURN) break;
          this.#wakeAtMs = nowMs;
          return null;
        }
      }
    }
  }

  /** What became of a batch that was taken. True when it has to be sent again. */
  settle(flight: Flight, result: SendResult): boolean {
    const again = this.#judge(flight, result);
    this.#ledger.rewind();
    this.#post();
    return again;
  }

  #hasRoom({ heldBatchesMax, heldBytesMax, bytesMax }: TakeLimits): boolean {
    const held = this.#ledger.held;
    return held.batches === 0 || (held.batches < heldBatchesMax && held.bytes + bytesMax <= heldBytesMax);
  }

  #assemble(limits: TakeLimits, nowMs: number): Assembled | { kind: 'missing'; count: number } | undefined {
    const { takes, compression, lingerMs } = this.#options;
    const from = this.#ledger.sendOffset;
    if (from >= this.#end) return undefined;
    this.#readAhead.seek(from);
    this.#readAhead.fill(from, this.#end, 2 * limits.bytesMax);
    const until = this.#ledger.sendUntil;
    const stored = this.#readAhead.held[0]?.firstOffset ?? this.#end;
    if (stored > from) return { kind: 'missing', count: Math.min(stored, until) - from };
    const messagesMax =
      from < this.#cut.until ? Math.min(limits.messagesMax, this.#cut.messagesMax) : limits.messagesMax;
    const mayWait = nowMs < this.#waitingSinceMs + lingerMs && this.#readAhead.reaches(this.#end);
    return assemble({
      ...limits,
      messagesMax,
      held: this.#readAhead.held,
      from,
      until,
      mayWait,
      takes,
      compression,
    });
  }

  /** A hole that nobody knows of is damage: what was there may be salvaged, but not once the cursor has passed it. */
  #passGap(count: number): void {
    const { reader, lane } = this.#options;
    const from = this.#ledger.sendOffset;
    if (!reader.isKnownGap(lane.number, from, from + count)) {
      const detail = `lane ${lane.name}: records ${from} to ${from + count - 1} are not in the log`;
      throw storeDamaged(detail);
    }
    const leftOut = reader.leftOutIn(lane.number, from, from + count);
    this.#skip(count, { missing: count - leftOut, leftOut, deadLetters: [] });
  }

  #skip(count: number, what: Skipped): void {
    this.#ledger.skipped(count, what);
    this.#post();
  }

  #judge(flight: Flight, result: SendResult): boolean {
    switch (result.kind) {
      case 'delivered':
        this.#backoff.succeeded();
        this.#ledger.settle(flight, []);
        return false;
      case 'rejected':
        if (this.#mayYetPass(flight, result.rejections)) {
          this.#ledger.fail(flight, 0, []);
          return true;
        }
        this.#backoff.succeeded();
        this.#ledger.settle(flight, this.#letters(flight, result.rejections));
        return false;
      case 'retry':
        if (result.afterMs > 0) this.#holdBack(result.afterMs);
        this.#ledger.fail(flight, result.settledCount, this.#letters(flight, result.rejections));
        return true;
    }
  }

  /**
   * An encoded batch is rejected as a whole: smaller may do, and anything but size is believed only in the
   * end.
   */
  #mayYetPass(flight: Flight, rejections: readonly Rejection[]): boolean {
    if (this.#options.takes === 'records') return false;
    if (rejections[0].reason === REASON_TOO_LARGE) {
      const until = Math.max(this.#cut.until, flight.firstOffset + flight.count);
      this.#cut = { messagesMax: Math.ceil(flight.count / 2), until };
      return flight.count > 1;
    }
    const again = this.#refused.firstOffset === flight.firstOffset;
    this.#refused = { firstOffset: flight.firstOffset, times: again ? this.#refused.times + 1 : 1 };
    if (this.#refused.times >= REJECTIONS_MAX) return false;
    this.#holdBack(0);
    return true;
  }

  #holdBack(afterMs: number): void {
    if (this.#ledger.isDraining) return; // one wait for all that fail together
    this.#notBeforeMs = this.#options.clock.monotonicMs() + Math.max(afterMs, this.#backoff.nextDelayMs());
  }

  #letters(flight: Flight, rejections: readonly Rejection[]): DeadLetter[] {
    return deadLettersOf(flight.batch!, rejections, this.#options.compression);
  }

  #post(): void {
    const progress = this.#ledger.advance();
    if (progress === null) return;
    this.#options.post({ kind: 'advance', sink: this.#options.sink, lane: this.lane, ...progress });
  }
}
