// An upstream as simple as can be, behind a sink: batches wait on the wire, are accepted or refused one by
// one in order, and the answers travel back in order. A broken connection loses what is on the wire and every
// answer under way.

import type {
  ConnectResult,
  Rejection,
  SendResult,
  Sink,
  UpstreamBatch,
} from '../../../bridge/sinks/sink.ts';
import { decodeBatch } from '../../../storage/record-batch/codec.ts';
import { type RecordView, recordsOf } from '../../../storage/record-batch/record-batch.ts';

interface OnTheWire {
  batch: UpstreamBatch;
  resolve: (result: SendResult) => void;
}

export class ModelUpstream implements Sink {
  readonly takes: Sink['takes'];
  /** Every record that was accepted, in order, resent ones again. */
  readonly accepted: { lane: string; offset: number; device: string }[] = [];
  #wire: OnTheWire[] = [];
  #answers: { to: OnTheWire; result: SendResult }[] = [];
  #connecting: ((result: ConnectResult) => void) | null = null;
  isConnected = false;
  lost: (reason: string) => void = () => {};

  constructor(takes: Sink['takes']) {
    this.takes = takes;
  }

  get unanswered(): number {
    return this.#wire.length + this.#answers.length;
  }

  connect(): Promise<ConnectResult> {
    return new Promise((resolve) => {
      this.#connecting = resolve;
    });
  }

  /** Decides the connection attempt there is. */
  decideConnect(isAllowed: boolean): void {
    const resolve = this.#connecting;
    if (resolve === null) return;
    this.#connecting = null;
    this.isConnected = isAllowed;
    if (isAllowed) resolve({ kind: 'connected', messageBytesMax: 1_000_000, batchesMax: 100 });
    else resolve({ kind: 'retry', reason: 'refused', afterMs: 0 });
  }

  send(batch: UpstreamBatch): Promise<SendResult> {
    return new Promise((resolve) => this.#wire.push({ batch, resolve }));
  }

  /** The next batch on the wire reaches the upstream, which takes it whole. */
  accept(): void {
    const next = this.#wire.shift();
    if (next === undefined) return;
    for (const record of recordsIn(next.batch)) this.#keep(record);
    this.#answers.push({ to: next, result: { kind: 'delivered' } });
  }

  /** The next batch is refused for now, after its first records where they are sent one by one. */
  refuse(share: number): void {
    const next = this.#wire.shift();
    if (next === undefined) return;
    const settledCount = this.takes === 'records' ? Math.floor(next.batch.count * share) : 0;
    for (const record of recordsIn(next.batch).slice(0, settledCount)) this.#keep(record);
    const result = { kind: 'retry', reason: 'busy', afterMs: 10, settledCount, rejections: [] } as const;
    this.#answers.push({ to: next, result: { ...result, rejections: [] } });
  }

  /** The next batch holds a record that is never taken. */
  reject(share: number): void {
    const next = this.#wire.shift();
    if (next === undefined) return;
    const { firstOffset, count } = next.batch;
    const poison: Rejection =
      this.takes === 'records'
        ? { firstOffset: firstOffset + Math.floor(count * share), count: 1, reason: 'poison' }
        : { firstOffset, count, reason: 'poison' };
    for (const record of recordsIn(next.batch)) {
      if (record.offset < poison.firstOffset || record.offset >= poison.firstOffset + poison.count)
        this.#keep(record);
    }
    this.#answers.push({ to: next, result: { kind: 'rejected', rejections: [poison] } });
  }

  /** The oldest answer arrives. */
  answerNext(): void {
    const answer = this.#answers.shift();
    answer?.to.resolve(answer.result);
  }

  break(): void {
    if (!this.isConnected) return;
    this.isConnected = false;
    const unanswered = [...this.#answers.map(({ to }) => to), ...this.#wire];
    this.#answers = [];
    this.#wire = [];
    this.lost('broken');
    for (const { resolve } of unanswered) {
      resolve({ kind: 'retry', reason: 'broken', afterMs: 0, settledCount: 0, rejections: [] });
    }
  }

  drop(): void {
    this.break();
  }

  answer(): void {}

  bytesSent(): number {
    return 0;
  }

  async close(): Promise<void> {
    this.decideConnect(false);
    this.break();
  }

  #keep({ lane, offset, device, deadLetter }: RecordView): void {
    if (deadLetter !== undefined) throw new Error(`${lane}/${offset} is a dead letter and was sent`);
    this.accepted.push({ lane, offset, device });
  }
}

function recordsIn({ body }: UpstreamBatch): RecordView[] {
  return [...recordsOf(body.kind === 'records' ? body.records : decodeBatch(body.bytes))];
}
