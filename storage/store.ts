// The store as the main thread sees it: starts the storage thread, hands it commits, and tells what it reports.

import { once } from 'node:events';
import { type MessagePort, Worker } from 'node:worker_threads';
import type { Component } from '../config/component.ts';
import { SluiceError } from '../config/errors.ts';
import { siblingThread } from '../config/sibling-thread.ts';
import type { CommitRequest, CommitTarget } from './group-commit.ts';
import type { StallReason } from './log/space.ts';
import type { OpenEvent } from './open/open-database.ts';
import { StoredShares } from './shares/stored-shares.ts';
import type { FromStore, StoreOptions, StoreState, StoreStatus, ToStore } from './store-messages.ts';

export interface StoreEvents {
  /** What takes long while the store is opened: a salvage. */
  opening(event: OpenEvent): void;
  stalled(reason: StallReason, detail: string): void;
  resumed(): void;
  /** The storage thread cannot go on; nothing further will be acknowledged. */
  fault(error: SluiceError): void;
  committed(stored: { records: number; bytes: number; duplicates: number; commitMs: number }): void;
}

export class Store implements Component, CommitTarget {
  readonly #options: StoreOptions;
  readonly #events: StoreEvents;
  /** Who has how many bytes waiting; null when `shareOwnersMax` is 0. */
  readonly shares: StoredShares | null;
  #worker: Worker | null = null;
  #exited: Promise<unknown> = Promise.resolve();
  #state: StoreState | null = null;
  #done: ((buffers: ArrayBuffer[]) => void) | null = null;
  #statusWaiters: ((status: StoreStatus) => void)[] = [];
  #onOpened: ((state: StoreState) => void) | null = null;
  #onFault: ((error: SluiceError) => void) | null = null;

  constructor(options: StoreOptions, events: StoreEvents) {
    this.#options = options;
    this.#events = events;
    const { shareOwnersMax = 0 } = options;
    this.shares = shareOwnersMax > 0 ? new StoredShares(shareOwnersMax) : null;
  }

  /** What was found at open; only after `start`. */
  get state(): StoreState {
    if (this.#state === null)
      throw new SluiceError('STORE_NOT_STARTED', 'the store is not started', { kind: 'fatal' });
    return this.#state;
  }

  /** Throws what opening throws: STORE_LOCKED, DATA_DIR_UNWRITABLE, STORE_NEWER, GATEWAY_ID_CHANGED. */
  async start(): Promise<void> {
    const worker = new Worker(siblingThread(import.meta.url, './store-thread'), {
      workerData: this.#options,
      name: 'storage',
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    });
    this.#worker = worker;
    this.#exited = once(worker, 'exit');
    worker.on('message', (message: FromStore) => this.#onMessage(message));
    worker.on('error', (cause) => this.#fault('STORE_FAULT', cause.message, undefined, cause));
    this.#state = await new Promise<StoreState>((resolve, reject) => {
      this.#onOpened = resolve;
      this.#onFault = reject;
    }).finally(() => {
      this.#onOpened = this.#onFault = null;
    });
  }

  commit(request: CommitRequest, done: (buffers: ArrayBuffer[]) => void): void {
    this.#done = done;
    const transfer = request.batches.map((batch) => batch.buffer);
    this.#send({ kind: 'commit', batches: request.batches, ops: request.ops }, transfer);
  }

  connectBridge(port: MessagePort): void {
    this.#send({ kind: 'bridge-port', port }, [port]);
  }

  status(): Promise<StoreStatus> {
    return new Promise((resolve) => {
      this.#statusWaiters.push(resolve);
      this.#send({ kind: 'status' });
    });
  }

  async stop(deadlineMs: number): Promise<void> {
    const worker = this.#worker;
    if (worker === null) return;
    this.#worker = null;
    worker.postMessage({ kind: 'stop' } satisfies ToStore);
    const timer = setTimeout(() => void worker.terminate(), deadlineMs);
    await this.#exited;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(5000);
  }

  #send(message: ToStore, transfer: (ArrayBuffer | MessagePort)[] = []): void {
    this.#worker?.postMessage(message, transfer);
  }

  #onMessage(message: FromStore): void {
    switch (message.kind) {
      case 'opening':
        this.#events.opening(message.event);
        break;
      case 'opened':
        this.shares?.opened(message.state.shareSecret);
        this.#onOpened?.(message.state);
        break;
      case 'committed': {
        const done = this.#done;
        this.#done = null;
        if (message.shares !== null) this.shares?.changed(message.shares);
        this.#events.committed(message);
        done?.(message.buffers);
        break;
      }
      case 'shares':
        this.shares?.changed(message.shares);
        break;
      case 'shares-counted':
        this.shares?.counted();
        break;
      case 'stalled':
        this.#events.stalled(message.reason, message.detail);
        break;
      case 'resumed':
        this.#events.resumed();
        break;
      case 'status':
        for (const waiter of this.#statusWaiters.splice(0)) waiter(message.status);
        break;
      case 'fault':
        this.#fault(message.code, message.message, message.hint);
        break;
      case 'stopped':
        break;
    }
  }

  #fault(code: string, message: string, hint: string | undefined, cause?: unknown): void {
    const error = new SluiceError(code, message, {
      kind: 'fatal',
      ...(hint === undefined ? {} : { hint }),
      cause,
    });
    if (this.#onFault !== null) this.#onFault(error);
    else this.#events.fault(error);
  }
}
