// The session engine is a beta and may throw where nobody catches. Everything it does on behalf of a client is started
// inside `run`, which marks the whole chain of callbacks that follows; when an exception or a rejection surfaces
// uncaught, the mark tells whose it was, and only that client is disconnected. A fault without a mark is ours
// and fatal.

import { AsyncLocalStorage } from 'node:async_hooks';

export interface Fenced {
  faulted(error: Error): void;
}

export class FaultFence {
  readonly #marks = new AsyncLocalStorage<Fenced>();
  readonly #onFatal: (error: Error) => void;
  readonly #onUncaught = (thrown: unknown): void => {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const owner = this.#marks.getStore();
    if (owner === undefined) this.#onFatal(error);
    else owner.faulted(error);
  };

  constructor(onFatal: (error: Error) => void) {
    this.#onFatal = onFatal;
  }

  install(): void {
    process.on('uncaughtException', this.#onUncaught);
    process.on('unhandledRejection', this.#onUncaught);
  }

  remove(): void {
    process.off('uncaughtException', this.#onUncaught);
    process.off('unhandledRejection', this.#onUncaught);
  }

  /** For whom the work is that is going on now. */
  get current(): Fenced | undefined {
    return this.#marks.getStore();
  }

  run(owner: Fenced, body: () => void): void {
    this.#marks.run(owner, body);
  }
}
