// The thread that counts (share-count-thread.ts), as the storage thread sees it: begun with the first question, ended
// when there are no more.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { siblingThread } from '../../config/sibling-thread.ts';
import type { CountedSlice, CountRequest } from './share-count.ts';

export interface ShareCounterOptions {
  file: string;
  secret: string;
  onCounted(slice: CountedSlice): void;
  onFault(error: unknown): void;
}

export class ShareCounter {
  readonly #options: ShareCounterOptions;
  #worker: Worker | null = null;
  #exited: Promise<unknown> = Promise.resolve();
  #isStopped = false;

  constructor(options: ShareCounterOptions) {
    this.#options = options;
  }

  ask(request: CountRequest): void {
    if (this.#isStopped) return;
    this.#worker ??= this.#start();
    this.#worker.postMessage(request);
  }

  /** Nothing is asked any more; when it resolves, the store is not read any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#worker?.postMessage('stop');
    this.#worker = null;
    await this.#exited;
  }

  #start(): Worker {
    const { file, secret, onCounted, onFault } = this.#options;
    const worker = new Worker(siblingThread(import.meta.url, './share-count-thread'), {
      workerData: { file, secret },
      name: 'share-count',
      resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 },
    });
    worker.on('message', onCounted);
    worker.on('error', onFault);
    this.#exited = once(worker, 'exit').catch(() => {}); // a fault has been told, and ends it as well
    return worker;
  }
}
