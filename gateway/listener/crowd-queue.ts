// Clients that come or go all at once wait their turn, so that those who are there do not have to wait for all of them.
// To open or end a connection costs as much as some fifty publishes, and the event loop hands over all that is ready in
// one go: five thousand devices behind a switch that reboots would keep it busy for a second and more.
//
// In each turn of the event loop there is so much time for what costs much; the rest waits, in order. A turn lasts from
// one look at the queue to the next, and what the sockets bring in between belongs to it.

import type { Clock } from '../../config/clock.ts';
import { clientLimits } from '../../config/limits.ts';
import type { ListenerCounters } from './listener-counters.ts';

/** Nothing was done: try the same packet again when the crowd has moved on. */
export const inCrowd = -7;

/** Looked at in one turn, at most; the time decides how many of them are served. */
const CALLED_MAX = 32;
/** So many that were served are kept in the list: taking them out one by one would cost the square. */
const FORGOTTEN_MAX = 1024;

export class CrowdQueue {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #counters: Pick<ListenerCounters, 'crowdWaits'>;
  readonly #waiting: (() => void)[] = [];
  /** Of `#waiting`, those before it have been served. */
  #first = 0;
  /** When the turn began; negative: nothing has happened in it. */
  #sinceMs = -1;
  /** How many of those that wait are about to be called. */
  #called = 0;
  /** One is being called: its turn has come. */
  #isTurn = false;

  constructor(clock: Pick<Clock, 'monotonicMs'>, counters: Pick<ListenerCounters, 'crowdWaits'>) {
    this.#clock = clock;
    this.#counters = counters;
  }

  get length(): number {
    return this.#waiting.length - this.#first;
  }

  /** Whether something that costs much may be done now. False: `wait`. */
  admits(): boolean {
    if (this.#isTurn) {
      this.#isTurn = false;
      return true;
    }
    return this.length === 0 && this.#hasTime();
  }

  /** Now, or when its turn has come. */
  run(task: () => void): void {
    if (this.admits()) task();
    else this.wait(task);
  }

  /** Calls back when its turn has come, never from within: `admits` says yes once then. */
  wait(callback: () => void): void {
    this.#counters.crowdWaits++;
    this.#waiting.push(callback);
    if (this.#called === 0) this.#call();
  }

  #hasTime(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (this.#sinceMs < 0) {
      this.#sinceMs = nowMs;
      setImmediate(this.#nextTurn);
    }
    return nowMs - this.#sinceMs < clientLimits.crowdMsPerTurn;
  }

  readonly #nextTurn = (): void => {
    this.#sinceMs = -1;
  };

  /** Each in an immediate of its own: what it leaves to be done behind it counts as well. */
  #call(): void {
    this.#called = Math.min(this.length, CALLED_MAX);
    for (let i = 0; i < this.#called; i++) setImmediate(this.#serve);
  }

  readonly #serve = (): void => {
    this.#called--;
    try {
      if (this.#hasTime()) this.#serveFirst();
    } finally {
      if (this.#called === 0 && this.length > 0) this.#call();
    }
  };

  #serveFirst(): void {
    const callback = this.#waiting[this.#first] as () => void;
    this.#waiting[this.#first++] = nobody;
    if (this.#first === this.#waiting.length || this.#first === FORGOTTEN_MAX) {
      this.#waiting.splice(0, this.#first);
      this.#first = 0;
    }
    this.#isTurn = true;
    try {
      callback();
    } finally {
      this.#isTurn = false;
    }
  }
}

function nobody(): void {}
