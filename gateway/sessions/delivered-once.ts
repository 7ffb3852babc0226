// A client that has several subscriptions for a message gets it once. The engine sees by their counters what it has
// given to a client already, and takes a message that comes later than one with a higher counter for a repetition: it
// would be lost. Here it is asked instead whether the client has got what is being given out now.
//
// `client.duplicates` is the engine's: by the sender's id the highest counter so far, read and then set.

import type { EngineBroker } from './engine-types.ts';

export class DeliveredOnce {
  readonly #prototype: Record<string, number>;
  /** Messages that were given out, and the one that is being given out; one may lead to another. */
  #last = 0;
  #current = 0;

  /** `brokerIds`: whoever's messages there are. */
  constructor(brokerIds: readonly string[]) {
    const current = () => this.#current;
    this.#prototype = Object.create(null) as Record<string, number>;
    for (const brokerId of brokerIds) {
      Object.defineProperty(this.#prototype, brokerId, {
        get(this: Got): number {
          return this.got === current() ? Number.POSITIVE_INFINITY : 0;
        },
        set(this: Got) {
          this.got = current();
        },
      });
    }
  }

  /** All of a message's deliveries begin within `emit`. */
  watch({ mq }: EngineBroker): void {
    const emit = mq.emit.bind(mq);
    mq.emit = (packet, done) => {
      const outer = this.#current;
      this.#current = ++this.#last;
      try {
        return emit(packet, done);
      } finally {
        this.#current = outer;
      }
    };
  }

  /** For a client, as its `duplicates`. */
  memory(): Record<string, number> {
    return Object.create(this.#prototype, { got: { value: 0, writable: true } }) as Record<string, number>;
  }
}

interface Got {
  /** The message that came to the client last. */
  got: number;
}
