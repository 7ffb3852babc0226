// The batches that one connection has been given, message by message: writes as many as the window allows,
// matches acknowledgements to them (QoS 1: PUBACK; QoS 2: PUBREC, our PUBREL, PUBCOMP - MQTT 5.0 4.3), and
// says what became of each batch when the last of its messages is answered. One outbox lives as long as one
// connection; when that is lost, what is unanswered fails, and nothing is ever resent from here.
//
// A message refused for now stops its batch and all batches of its lane behind it: none of their unwritten
// messages goes out ahead of it. A message refused for good is noted, and its batch goes on.

import type { Rejection, SendResult, UpstreamBatch } from '../sink.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { MessageRun, UpstreamLimits } from './message.ts';
import { PacketIds } from './packet-ids.ts';
import { verdictOf } from './reason-codes.ts';

const NOT_ALLOWED_HINT = "Allow this client to publish to the sink's topic; until then nothing is lost.";

export type AckKind = 'puback' | 'pubrec' | 'pubcomp';

export interface OutboxOptions {
  out: FrameWriter;
  limits: UpstreamLimits;
  /** Most messages that may be unacknowledged. */
  messagesMax: number;
  /** The first so many messages go one at a time: one of them made the upstream end the last connection. */
  singlyCount: number;
  /** Waits after a refusal. */
  laterMs: number;
  notAllowedMs: number;
  /** Sends PUBREL (MQTT 5.0 3.6). */
  release: (packetId: number) => void;
}

type Failure = Pick<Extract<SendResult, { kind: 'retry' }>, 'reason' | 'afterMs' | 'hint'>;

interface Job {
  batch: UpstreamBatch;
  run: MessageRun;
  /** How many messages are written. */
  written: number;
  /** One byte per message: 1 once it is answered. */
  answered: Uint8Array;
  /** Messages written and not answered. */
  open: number;
  rejections: Rejection[];
  failure: Failure | null;
  resolve: (result: SendResult) => void;
}

interface Slot {
  job: Job;
  index: number;
  awaits: 'puback' | 'pubrec' | 'pubcomp';
}

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #ids: PacketIds;
  readonly #slots = new Map<number, Slot>();
  /** Not answered in full, in the order they came. */
  readonly #jobs = new Set<Job>();
  /** Not written in full. */
  readonly #unwritten: Job[] = [];
  #singly: number;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#ids = new PacketIds(options.messagesMax);
    this.#singly = options.singlyCount;
  }

  /** Messages written and not answered. */
  get open(): number {
    return this.#slots.size;
  }

  /**
   * Resolves when the upstream has answered for the batch; never rejects. Call `write` to have it written.
   */
  add(batch: UpstreamBatch, run: MessageRun): Promise<SendResult> {
    return new Promise((resolve) => {
      const answered = new Uint8Array(run.count);
      const job: Job = { batch, run, written: 0, answered, open: 0, rejections: [], failure: null, resolve };
      this.#jobs.add(job);
      this.#unwritten.push(job);
    });
  }

  /** Writes what the window allows. */
  write(): void {
    while (this.#unwritten.length > 0 && this.#ids.inUse < this.#windowSize()) {
      const job = this.#unwritten[0];
      if (job.failure === null && job.written < job.run.count) this.#writeNext(job);
      if (job.failure !== null || job.written === job.run.count) this.#unwritten.shift();
    }
    this.#options.out.flush();
  }

  /** An acknowledgement from upstream; one that answers nothing is ignored. */
  acknowledged(kind: AckKind, packetId: number, code: number): void {
    const slot = this.#slots.get(packetId);
    if (slot?.awaits !== kind) return;
    const verdict = verdictOf(code);
    if (verdict.kind === 'accepted' && kind === 'pubrec') {
      slot.awaits = 'pubcomp';
      this.#options.release(packetId);
      return;
    }
    this.#free(packetId, slot);
    switch (verdict.kind) {
      case 'accepted':
        slot.job.answered[slot.index] = 1;
        break;
      case 'never':
        this.#reject(slot.job, slot.index, verdict.reason);
        break;
      case 'later':
        this.#failLane(slot.job, { reason: verdict.reason, afterMs: this.#options.laterMs });
        break;
      case 'not-allowed':
        this.#failLane(slot.job, {
          reason: verdict.reason,
          afterMs: this.#options.notAllowedMs,
          hint: NOT_ALLOWED_HINT,
        });
    }
    this.#finish(slot.job);
  }

  /**
   * The upstream ended the connection because of the only message that was open. True when there was exactly
   * one.
   */
  blame(code: number): boolean {
    if (this.#slots.size !== 1) return false;
    const [[packetId, { awaits }]] = this.#slots;
    this.acknowledged(awaits, packetId, code);
    return true;
  }

  /** The connection is gone: everything unanswered fails. */
  fail(reason: string): void {
    this.#slots.clear();
    this.#unwritten.length = 0;
    for (const job of this.#jobs) {
      job.open = 0;
      job.failure ??= { reason, afterMs: 0 };
      this.#finish(job);
    }
  }

  #windowSize(): number {
    return this.#singly > 0 ? 1 : this.#ids.max;
  }

  #writeNext(job: Job): void {
    const { out, limits } = this.#options;
    const packetId = this.#ids.take();
    const index = job.written++;
    const written = job.run.writeNext(out, packetId, limits);
    if (typeof written === 'string') {
      this.#ids.give(packetId);
      this.#reject(job, index, written);
      this.#finish(job);
      return;
    }
    job.open++;
    this.#slots.set(packetId, { job, index, awaits: written === 1 ? 'puback' : 'pubrec' });
  }

  #free(packetId: number, { job }: Slot): void {
    this.#slots.delete(packetId);
    this.#ids.give(packetId);
    job.open--;
    if (this.#singly > 0) this.#singly--;
  }

  #reject(job: Job, index: number, reason: string): void {
    const { batch, run } = job;
    const count = run.count === 1 ? batch.count : 1; // one message is the whole batch
    job.rejections.push({ firstOffset: batch.firstOffset + index, count, reason });
    job.answered[index] = 1;
  }

  #failLane(failed: Job, failure: Failure): void {
    let isBehind = false;
    for (const job of this.#jobs) {
      isBehind ||= job === failed;
      if (!isBehind || job.batch.lane !== failed.batch.lane) continue;
      job.failure ??= failure;
      if (job !== failed) this.#finish(job);
    }
  }

  /** Resolves the job when nothing of it is open and nothing more will be written. */
  #finish(job: Job): void {
    if (job.open > 0 || (job.failure === null && job.written < job.run.count)) return;
    this.#jobs.delete(job);
    const { failure, rejections, answered } = job;
    const unanswered = answered.indexOf(0);
    if (failure !== null && unanswered >= 0) {
      const before = rejections.filter(({ firstOffset }) => firstOffset < job.batch.firstOffset + unanswered);
      job.resolve({ kind: 'retry', ...failure, settledCount: unanswered, rejections: before });
    } else if (rejections.length > 0) {
      job.resolve({ kind: 'rejected', rejections });
    } else {
      job.resolve({ kind: 'delivered' });
    }
  }
}
