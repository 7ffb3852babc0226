// Work of which only so much may be done at a time; the rest waits, within bounds. Those who ask take turns by
// their key (an address), and when the queue is full the key with most in it loses its newest: somebody who floods
// the gateway with sign-ins makes himself wait, not the others.

import type { Clock } from '../../../config/clock.ts';

export interface FairQueueOptions {
  atOnceMax: number;
  waitingMax: number;
  /** What has waited longer is not begun any more: who asked has gone. Looked at whenever work ends. */
  waitMaxMs: number;
  clock: Clock;
}

interface Waiting {
  readonly sinceMs: number;
  readonly begin: () => void;
  readonly refuse: () => void;
}

export class FairQueue {
  readonly #options: FairQueueOptions;
  /** Its order is whose turn it is. */
  readonly #waiting = new Map<string, Waiting[]>();
  #waitingCount = 0;
  #running = 0;
  #isClosed = false;
  /** Work that was not begun: the queue was full, it waited too long, or it was closed. */
  refused = 0;

  constructor(options: FairQueueOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waitingCount;
  }

  get running(): number {
    return this.#running;
  }

  /** What `work` resolves to, or `busy` when it is not begun. */
  run<T>(key: string, work: () => Promise<T>): Promise<T | 'busy'> {
    if (this.#isClosed) {
      this.refused++;
      return Promise.resolve('busy');
    }
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        this.#running++;
        work()
          .then(resolve, reject)
          .finally(() => this.#ended());
      };
      const refuse = (): void => {
        this.refused++;
        resolve('busy');
      };
      if (this.#running < this.#options.atOnceMax && this.#waitingCount === 0) begin();
      else this.#wait(key, { sinceMs: this.#options.clock.monotonicMs(), begin, refuse });
    });
  }

  /** Whoever waits is refused; what runs ends on its own. */
  close(): void {
    this.#isClosed = true;
    for (const list of this.#waiting.values()) for (const { refuse } of list) refuse();
    this.#waiting.clear();
    this.#waitingCount = 0;
  }

  #wait(key: string, waiting: Waiting): void {
    const own = this.#waiting.get(key);
    if (own === undefined) this.#waiting.set(key, [waiting]);
    else own.push(waiting);
    this.#waitingCount++;
    if (this.#waitingCount > this.#options.waitingMax) this.#dropNewestOfMost();
  }

  #dropNewestOfMost(): void {
    let [most, size] = ['', 0];
    for (const [key, { length }] of this.#waiting) if (length > size) [most, size] = [key, length];
    this.#waiting.get(most)?.pop()?.refuse();
    this.#waitingCount--;
    if (size === 1) this.#waiting.delete(most);
  }

  #ended(): void {
    this.#running--;
    this.#dropOverdue();
    while (this.#running < this.#options.atOnceMax && this.#waitingCount > 0) {
      const [[key, list]] = this.#waiting;
      this.#waiting.delete(key);
      const next = list.shift();
      if (list.length > 0) this.#waiting.set(key, list); // last in turn
      this.#waitingCount--;
      next?.begin();
    }
  }

  #dropOverdue(): void {
    const overdue = this.#options.clock.monotonicMs() - this.#options.waitMaxMs;
    for (const [key, list] of this.#waiting) {
      while (list.length > 0 && list[0].sinceMs < overdue) {
        list.shift()?.refuse();
        this.#waitingCount--;
      }
      if (list.length === 0) this.#waiting.delete(key);
    }
  }
}
