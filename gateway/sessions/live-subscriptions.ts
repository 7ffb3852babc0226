// Which filters have a subscriber that is connected, followed as the session engine adds and removes them: its own
// matcher is not to be asked.

import { SubscriptionTrie } from '../../storage/sessions/subscription-trie.ts';
import type { EngineBroker } from './engine-types.ts';

export class LiveSubscriptions {
  readonly #filters = new SubscriptionTrie<unknown>();
  /** Grows with every change. */
  version = 0;

  get count(): number {
    return this.#filters.size;
  }

  /** Topic levels in them; what some have in common counts once. */
  get levels(): number {
    return this.#filters.nodes;
  }

  hasMatch(topic: string): boolean {
    return this.#filters.hasMatch(topic);
  }

  watch({ mq }: EngineBroker): void {
    const on = mq.on.bind(mq);
    const removeListener = mq.removeListener.bind(mq);
    mq.on = (filter, listener, done) => {
      if (!filter.startsWith('$SYS/')) this.#filters.add(filter, listener);
      this.version++;
      return on(filter, listener, done);
    };
    mq.removeListener = (filter, listener, done) => {
      this.#filters.remove(filter, listener);
      this.version++;
      return removeListener(filter, listener, done);
    };
  }
}
