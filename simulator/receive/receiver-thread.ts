// The receiver as the runner's thread sees it: starts its thread, keeps the last snapshot, asks for the verification.
// What goes wrong in the thread after `start` is told once by `fault`, and everything that waits is rejected.

import { Worker } from 'node:worker_threads';
import { SluiceError } from '../../config/errors.ts';
import { siblingThread } from '../../config/sibling-thread.ts';
import { buffersOf, packSets } from './packed-sets.ts';
import type {
  FromReceiver,
  ReceiverSnapshot,
  ReceiverThreadOptions,
  ToReceiver,
  Verification,
} from './receiver-messages.ts';
import type { DeviceOutcome } from './verify.ts';

/** Beyond the deadline, for a thread that does not answer. */
const TERMINATE_AFTER_MS = 2000;

export interface ReceiverThreadEvents {
  /** One that came by itself. */
  snapshot?(snapshot: ReceiverSnapshot): void;
  /** It cannot go on; what has been counted so far can no longer be asked for. */
  fault(error: SluiceError): void;
}

interface Waiter<T> {
  resolve(value: T): void;
  reject(error: SluiceError): void;
}

export class ReceiverThread implements AsyncDisposable {
  readonly #options: ReceiverThreadOptions;
  readonly #events: ReceiverThreadEvents;
  #worker: Worker | undefined;
  #exited: Promise<unknown> = Promise.resolve();
  #latest: ReceiverSnapshot | undefined;
  #starting: Waiter<void> | undefined;
  #snapshotWaiters: Waiter<ReceiverSnapshot>[] = [];
  #verifyWaiters: Waiter<Verification>[] = [];
  #error: SluiceError | undefined;

  constructor(options: ReceiverThreadOptions, events: ReceiverThreadEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** The last snapshot there was, up to `snapshotEveryMs` old. */
  get latest(): ReceiverSnapshot | undefined {
    return this.#latest;
  }

  /** Resolves when the subscription is granted; throws RECEIVER_UNREACHABLE, and is then stopped. */
  async start(): Promise<void> {
    const worker = new Worker(siblingThread(import.meta.url, './receiver-worker'), {
      workerData: this.#options,
      name: 'receiver',
    });
    this.#worker = worker;
    this.#exited = new Promise((resolve) => worker.once('exit', resolve));
    worker.on('message', (message: FromReceiver) => this.#onMessage(message));
    worker.on('error', (cause) => this.#fault('RECEIVER_FAULT', cause.message, { cause }));
    worker.on('exit', () => {
      if (this.#worker !== undefined) this.#fault('RECEIVER_FAULT', 'the receiver has ended by itself');
    });
    try {
      await new Promise<void>((resolve, reject) => {
        this.#starting = { resolve, reject };
      });
    } catch (error) {
      await this.stop(0);
      throw error;
    } finally {
      this.#starting = undefined;
    }
  }

  /** The run starts then, ms since 1970 with a fraction. */
  begin(startEpochMs: number): void {
    this.#worker?.postMessage({ kind: 'begin', startEpochMs } satisfies ToReceiver);
  }

  /** As of now, everything before it counted. */
  snapshot(): Promise<ReceiverSnapshot> {
    return new Promise((resolve, reject) => {
      if (this.#send({ kind: 'snapshot' }, reject)) this.#snapshotWaiters.push({ resolve, reject });
    });
  }

  /** From when on what is due counts as live, on the run's clock; null: nothing does any more. */
  setLiveFrom(liveFromMs: number | null): void {
    this.#worker?.postMessage({ kind: 'live-from', liveFromMs } satisfies ToReceiver);
  }

  /** What has become of everything, `outcomes` by device index; the sets stay the caller's. Can be asked again. */
  verify(outcomes: readonly DeviceOutcome[]): Promise<Verification> {
    const acked = packSets(outcomes.map((outcome) => outcome.acked));
    const refused = packSets(outcomes.map((outcome) => outcome.refused));
    const sentCount = Float64Array.from(outcomes, (outcome) => outcome.sentCount);
    const qos0 = Uint8Array.from(outcomes, (outcome) => (outcome.qos0 ? 1 : 0));
    const transfer = [...buffersOf(acked), ...buffersOf(refused), sentCount.buffer, qos0.buffer];
    return new Promise((resolve, reject) => {
      const message: ToReceiver = { kind: 'verify', outcomes: { acked, refused, sentCount, qos0 } };
      if (this.#send(message, reject, transfer)) this.#verifyWaiters.push({ resolve, reject });
    });
  }

  /** Ends the session upstream and the thread. Repeatable. */
  async stop(deadlineMs: number): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    if (worker !== undefined) {
      worker.postMessage({ kind: 'stop', deadlineMs } satisfies ToReceiver);
      const timer = setTimeout(() => void worker.terminate(), deadlineMs + TERMINATE_AFTER_MS);
      this.#exited = this.#exited.finally(() => clearTimeout(timer));
    }
    await this.#exited;
    this.#starting?.reject(stopped());
    this.#rejectAll(stopped());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(1000);
  }

  /** False: there is no thread, and `reject` has been told. */
  #send(message: ToReceiver, reject: (error: SluiceError) => void, transfer: ArrayBuffer[] = []): boolean {
    const error = this.#error ?? (this.#worker === undefined ? stopped() : undefined);
    if (error === undefined) this.#worker?.postMessage(message, transfer);
    else reject(error);
    return error === undefined;
  }

  #onMessage(message: FromReceiver): void {
    switch (message.kind) {
      case 'subscribed':
        this.#starting?.resolve();
        break;
      case 'snapshot':
        this.#latest = message.snapshot;
        if (message.isAnswer) this.#snapshotWaiters.shift()?.resolve(message.snapshot);
        else this.#events.snapshot?.(message.snapshot);
        break;
      case 'verified':
        this.#latest = message.verification.totals;
        this.#verifyWaiters.shift()?.resolve(message.verification);
        break;
      case 'fault':
        this.#fault(message.code, message.message, { hint: message.hint });
        break;
    }
  }

  #fault(code: string, message: string, more: { hint?: string | undefined; cause?: unknown } = {}): void {
    if (this.#error !== undefined) return;
    const { hint, cause } = more;
    const error = new SluiceError(code, message, {
      kind: 'fatal',
      ...(hint === undefined ? {} : { hint }),
      cause,
    });
    this.#error = error;
    this.#rejectAll(error);
    if (this.#starting !== undefined) this.#starting.reject(error);
    else this.#events.fault(error);
  }

  #rejectAll(error: SluiceError): void {
    for (const waiter of this.#snapshotWaiters.splice(0)) waiter.reject(error);
    for (const waiter of this.#verifyWaiters.splice(0)) waiter.reject(error);
  }
}

function stopped(): SluiceError {
  return new SluiceError('RECEIVER_STOPPED', 'the receiver is stopped', { kind: 'permanent' });
}
