// From an upstream message to arrivals: a record batch, a single record that bears its name in the user property
// `sluice` (format `each`), or a message without a name, as other gateways send it. Knows no network; what it finds
// goes into the account.

import { findMark, type Mark } from '../mark.ts';
import type { Arrival, ArrivalAccount, LaneArrivals } from './arrival-account.ts';
import { BATCH_CONTENT_TYPE, looksLikeBatch, RecordCursor, readBatch } from './record-batch.ts';

/** The parts of an MQTT PUBLISH that matter here. */
export interface UpstreamMessage {
  payload: Buffer;
  contentType?: string | undefined;
  /** `<gateway>/<lane>/<offset>` */
  recordName?: string | undefined;
}

export interface IntakeCounts {
  upstreamMessages: number;
  /** Of payload. */
  upstreamBytes: number;
  /**
   * Batches, and names of records, that could not be read; a record with such a name is taken as one without. And
   * payloads that are not what was sent; they are taken as foreign.
   */
  damaged: number;
}

/** Whether all of a payload is as its device has sent it; a mark speaks for itself only. */
export type IntactCheck = (payload: Buffer, mark: Mark) => boolean;

const OFFSET = /^\d{1,16}$/;
const REASON_CHARACTERS_MAX = 200;

export class ArrivalIntake {
  readonly counts: IntakeCounts = { upstreamMessages: 0, upstreamBytes: 0, damaged: 0 };
  /** Of the first that was damaged. */
  firstDamage: string | null = null;
  readonly #account: ArrivalAccount;
  readonly #isIntact: IntactCheck;
  readonly #arrival: Arrival;

  constructor(account: ArrivalAccount, isIntact: IntactCheck = () => true) {
    this.#account = account;
    this.#isIntact = isIntact;
    this.#arrival = { mark: undefined, lane: account.nameless, offset: 0, receivedAtMs: 0 };
  }

  /** `receivedAtMs` on the run's clock. */
  take(message: UpstreamMessage, receivedAtMs: number): void {
    const { payload, contentType, recordName } = message;
    this.counts.upstreamMessages++;
    this.counts.upstreamBytes += payload.length;
    this.#arrival.receivedAtMs = receivedAtMs;
    if (contentType === BATCH_CONTENT_TYPE || looksLikeBatch(payload)) this.#takeBatch(payload);
    else this.#takeRecord(payload, recordName);
  }

  #takeBatch(payload: Buffer): void {
    const reading = readBatch(payload);
    if (reading.kind === 'damaged') {
      this.#setDamaged(reading.reason);
      return;
    }
    const { gateway, lane } = reading.batch;
    this.#arrival.lane = this.#account.laneOf(`${gateway}/${lane}`);
    const cursor = new RecordCursor(reading.batch);
    while (cursor.next()) this.#enter(cursor.payload, cursor.offset);
  }

  #takeRecord(payload: Buffer, recordName: string | undefined): void {
    const slash = recordName?.lastIndexOf('/') ?? -1;
    const offset =
      slash > 0 && OFFSET.test(recordName!.slice(slash + 1)) ? Number(recordName!.slice(slash + 1)) : -1;
    const isNamed = offset >= 0 && Number.isSafeInteger(offset + 1);
    if (recordName !== undefined && !isNamed) this.#setDamaged(`'${recordName}' is no name of a record`);
    this.#arrival.lane = isNamed ? this.#laneNamed(recordName!, slash) : this.#account.nameless;
    this.#enter(payload, offset);
  }

  #laneNamed(recordName: string, slash: number): LaneArrivals {
    return this.#account.laneOf(recordName.slice(0, slash));
  }

  #enter(payload: Buffer, offset: number): void {
    const mark = findMark(payload);
    const isWhole = mark === undefined || this.#isIntact(payload, mark);
    if (!isWhole) this.#setDamaged(`device ${mark.device} sent message ${mark.sequence} otherwise`);
    this.#arrival.mark = isWhole ? mark : undefined;
    this.#arrival.offset = offset;
    this.#account.enter(this.#arrival);
  }

  #setDamaged(reason: string): void {
    this.counts.damaged++;
    this.firstDamage ??= reason.slice(0, REASON_CHARACTERS_MAX);
  }
}
