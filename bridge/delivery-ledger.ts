// What became of every batch of one lane that was handed to the sink, until the cursor has passed it. The
// cursor moves only over an unbroken run of settled batches; what settled behind a gap waits. When a batch
// fails, nothing more is sent until the upstream has answered for all that is under way. Then everything from
// the first failed batch on is sent again, in order: also batches that were acknowledged behind it, when they
// hold a device that the failed ones hold too - their acknowledged copies arrived before the records that
// belong before them.

import type { Advance, DeadLetter } from '../storage/log/log-port.ts';
import { decodeBatch } from '../storage/record-batch/codec.ts';
import type { UpstreamBatch } from './sinks/sink.ts';

export interface Flight {
  readonly firstOffset: number;
  count: number;
  /** Of the encoded batch; 0 when nothing was sent. */
  readonly bytes: number;
  /** Null for records that were settled without being sent. */
  readonly batch: UpstreamBatch | null;
  state: 'sent' | 'settled' | 'failed';
  missing: number;
  leftOut: number;
  deadLetters: DeadLetter[];
}

/** What became of names without being sent. */
export type Skipped = Pick<Flight, 'missing' | 'leftOut' | 'deadLetters'>;

export type Progress = Omit<Advance, 'kind' | 'sink' | 'lane'>;

/** What a dead letter takes besides its bytes, roughly. */
const LETTER_BYTES = 500;

export class DeliveryLedger {
  #cursor: number;
  #sendOffset: number;
  #flights: Flight[] = [];
  /** Settled batches ahead of what is being sent again, in order: they are passed over. */
  #islands: Flight[] = [];
  #failed = false;

  constructor(cursor: number) {
    this.#cursor = cursor;
    this.#sendOffset = cursor;
  }

  /** The first offset not yet settled. */
  get cursor(): number {
    return this.#cursor;
  }

  /** The first offset to send next; islands are behind it. */
  get sendOffset(): number {
    return this.#sendOffset;
  }

  /** Where the next batch has to end: what follows is settled already. */
  get sendUntil(): number {
    return this.#islands[0]?.firstOffset ?? Number.POSITIVE_INFINITY;
  }

  /** Batches that the cursor has not passed, and their bytes with those of dead letters. */
  get held(): { batches: number; bytes: number } {
    let batches = 0;
    let bytes = 0;
    for (const flight of this.#flights) {
      if (flight.batch !== null) batches++;
      bytes += flight.bytes;
      for (const letter of flight.deadLetters) bytes += letter.bytes.length + LETTER_BYTES;
    }
    return { batches, bytes };
  }

  /** A batch failed and others are still under way: nothing may be sent. */
  get isDraining(): boolean {
    return this.#failed;
  }

  /** A batch from sendOffset on is handed to the sink. */
  sent(batch: UpstreamBatch, bytes: number): Flight {
    return this.#append({ batch, count: batch.count, bytes, state: 'sent' });
  }

  /** Names from sendOffset on that are settled without being sent. */
  skipped(count: number, what: Skipped): void {
    this.#append({ batch: null, count, bytes: 0, state: 'settled', ...what });
  }

  settle(flight: Flight, deadLetters: DeadLetter[]): void {
    flight.state = 'settled';
    flight.deadLetters = deadLetters;
  }

  /**
   * The first `settledCount` records of the batch are settled, `deadLetters` among them; the rest is to be
   * sent again.
   */
  fail(flight: Flight, settledCount: number, deadLetters: DeadLetter[]): void {
    this.#failed = true;
    flight.state = 'failed';
    if (settledCount === 0) return;
    const done: Flight = { ...flight, count: settledCount, bytes: 0, state: 'settled', deadLetters };
    const rest: Flight = {
      ...flight,
      firstOffset: flight.firstOffset + settledCount,
      count: flight.count - settledCount,
    };
    this.#flights.splice(this.#flights.indexOf(flight), 1, done, rest);
  }

  /** Goes back to the first failed batch, once nothing is under way any more. True when sending may go on. */
  rewind(): boolean {
    if (!this.#failed) return true;
    if (this.#flights.some((flight) => flight.state === 'sent')) return false;
    const first = this.#flights.findIndex((flight) => flight.state === 'failed');
    const behind = this.#flights.splice(first);
    this.#sendOffset = behind[0].firstOffset;
    this.#islands = [...undisturbed(behind), ...this.#islands];
    this.#failed = false;
    this.#passIslands();
    return true;
  }

  /** Moves the cursor as far as it goes and says what it passed; null when it stays. */
  advance(): Progress | null {
    const passed = this.#flights.findIndex((flight) => flight.state !== 'settled');
    const settled = this.#flights.splice(0, passed < 0 ? this.#flights.length : passed);
    if (settled.length === 0) return null;
    const deadLetters = settled.flatMap((flight) => flight.deadLetters);
    const deadLettered = deadLetters.reduce((sum, letter) => sum + letter.count, 0);
    const missing = settled.reduce((sum, flight) => sum + flight.missing, 0);
    const leftOut = settled.reduce((sum, flight) => sum + flight.leftOut, 0);
    const from = this.#cursor;
    this.#cursor = settled.at(-1)!.firstOffset + settled.at(-1)!.count;
    const delivered = this.#cursor - from - deadLettered - missing - leftOut;
    return { nextOffset: this.#cursor, delivered, deadLettered, missing, leftOut, deadLetters };
  }

  #append(what: Pick<Flight, 'batch' | 'count' | 'bytes' | 'state'> & Partial<Flight>): Flight {
    const flight: Flight = {
      missing: 0,
      leftOut: 0,
      deadLetters: [],
      ...what,
      firstOffset: this.#sendOffset,
    };
    this.#flights.push(flight);
    this.#sendOffset += flight.count;
    this.#passIslands();
    return flight;
  }

  #passIslands(): void {
    while (this.#islands.length > 0 && this.#islands[0].firstOffset === this.#sendOffset) {
      const island = this.#islands.shift()!;
      this.#flights.push(island);
      this.#sendOffset += island.count;
    }
  }
}

/**
 * Of the batches from the first failed one on: those that are settled and share no device with what is sent
 * again.
 */
function undisturbed(flights: Flight[]): Flight[] {
  const resent = new Set<string>();
  return flights.filter((flight) => {
    const devices = flight.batch === null ? [] : devicesOf(flight.batch);
    if (flight.state === 'settled' && devices.every((device) => !resent.has(device))) return true;
    for (const device of devices) resent.add(device);
    return false;
  });
}

function devicesOf({ body }: UpstreamBatch): readonly string[] {
  return body.kind === 'records' ? body.records.devices : decodeBatch(body.bytes).devices;
}
