// The books of `sluice receive`: enters what came from upstream, hands back the records that are new, and tells the
// verdict. Nothing here is I/O. Gaps are judged at the end, when no redelivery can fill them any more.

import { recordsOf } from '../../storage/record-batch/record-batch.ts';
import { DeviceOrder } from './device-order.ts';
import { type LaneSummary, type OffsetRange, RecordLedger } from './record-ledger.ts';
import { type ReceivedRecord, receivedRecord } from './record-line.ts';
import type { UpstreamMessage } from './upstream-message.ts';

export interface ReceiveSummary {
  /** No gap, nothing damaged, and the memory sufficed to know. */
  ok: boolean;
  messages: number;
  bytes: number;
  batches: number;
  /** Different records. */
  records: number;
  duplicates: number;
  gaps: number;
  missing: number;
  /** Names left out by the gateway, so that none is given twice: no gaps. */
  leftOut: number;
  /** Records that came after a later one of the same device. */
  outOfOrder: number;
  damaged: number;
  /** Messages of others on the same topics. */
  foreign: number;
  /** False when there was too much to remember: see record-ledger.ts and device-order.ts. */
  exact: boolean;
  lanes: LaneSummary[];
}

export class ReceiveAccount {
  readonly #ledger = new RecordLedger();
  readonly #order = new DeviceOrder();
  #messages = 0;
  #bytes = 0;
  #batches = 0;
  #records = 0;
  #duplicates = 0;
  #outOfOrder = 0;
  #damaged = 0;
  #foreign = 0;

  get records(): number {
    return this.#records;
  }

  /** Enters a message of `bytes`; the records in the result, if any, have not been there before. */
  enter(message: UpstreamMessage, bytes: number): Iterable<ReceivedRecord> {
    this.#messages++;
    this.#bytes += bytes;
    switch (message.kind) {
      case 'batch':
        return this.#enterBatch(message);
      case 'record':
        return this.#enterRecord(message);
      case 'damaged':
        this.#damaged++;
        return [];
      case 'foreign':
        this.#foreign++;
        return [];
    }
  }

  #enterBatch(message: Extract<UpstreamMessage, { kind: 'batch' }>): Iterable<ReceivedRecord> {
    const { batch } = message;
    this.#batches++;
    const entry = this.#ledger.add(batch.gateway, batch.lane, batch.firstOffset, batch.count);
    if (batch.leftOutFrom !== undefined)
      this.#ledger.leaveOut(batch.gateway, batch.lane, { from: batch.leftOutFrom, to: batch.firstOffset });
    this.#duplicates += entry.duplicates;
    this.#records += batch.count - entry.duplicates;
    for (const range of entry.new) this.#outOfOrder += this.#order.addBatch(batch, range);
    return newRecords(message, entry.new);
  }

  #enterRecord({ record, leftOut }: Extract<UpstreamMessage, { kind: 'record' }>): Iterable<ReceivedRecord> {
    const { gateway, lane, offset } = record;
    const entry = this.#ledger.add(gateway, lane, offset, 1);
    if (leftOut !== undefined) this.#ledger.leaveOut(gateway, lane, leftOut);
    this.#duplicates += entry.duplicates;
    if (entry.duplicates > 0) return [];
    this.#records++;
    this.#outOfOrder += this.#order.add(gateway, lane, record.device ?? record.topic, offset);
    return [record];
  }

  /** One line for a person, as of now. */
  statusLine(): string {
    const { gaps, missing, leftOut } = this.#ledger.gaps();
    const parts = [
      `received ${this.#messages}`,
      `batches ${this.#batches}`,
      `records ${this.#records}`,
      `duplicates ${this.#duplicates}`,
      `gaps ${gaps}${missing > 0 ? ` (${missing} missing)` : ''}`,
      `out of order ${this.#outOfOrder}`,
    ];
    if (leftOut > 0) parts.push(`names left out ${leftOut}`);
    if (this.#damaged > 0) parts.push(`damaged ${this.#damaged}`);
    if (this.#foreign > 0) parts.push(`foreign ${this.#foreign}`);
    return parts.join(', ');
  }

  /** `fromStart`: what is before the first offset seen counts as missing too. */
  summary(fromStart: boolean): ReceiveSummary {
    const lanes = this.#ledger.summary({ fromStart });
    const exact = this.#ledger.exact && this.#order.exact;
    const gaps = sum(lanes.map((lane) => lane.gaps));
    return {
      ok: gaps === 0 && this.#damaged === 0 && exact,
      messages: this.#messages,
      bytes: this.#bytes,
      batches: this.#batches,
      records: this.#records,
      duplicates: this.#duplicates,
      gaps,
      missing: sum(lanes.map((lane) => lane.missing)),
      leftOut: sum(lanes.map((lane) => lane.leftOut)),
      outOfOrder: this.#outOfOrder,
      damaged: this.#damaged,
      foreign: this.#foreign,
      exact,
      lanes,
    };
  }
}

function* newRecords(
  { batch }: Extract<UpstreamMessage, { kind: 'batch' }>,
  ranges: OffsetRange[],
): Generator<ReceivedRecord> {
  if (ranges.length === 0) return;
  let next = 0;
  for (const view of recordsOf(batch)) {
    while (next < ranges.length && view.offset >= ranges[next].to) next++;
    if (next === ranges.length) return;
    if (view.offset >= ranges[next].from) yield receivedRecord(view);
  }
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
