// Who goes on when several wait for the same thing: a group's or the gateway's total, or room in the batch.
// Deficit round-robin (Shreedhar and Varghese, 1995): those who wait have their turns one after the other,
// and each turn is worth `weight` messages - or as many bytes, where bytes are what is short. So one who
// wants more than the others waits more, and one who wants less than a fair share gets all of it (max-min
// fairness).
//
// While nobody waits a message passes at once. While somebody does, everybody else joins the tail. The head
// keeps its turn until what it needs is there: a large message is not overtaken for ever by small ones. A
// turn may be overdrawn by its last message; the next ones pay for that, also when it has left meanwhile and
// comes back. A turn is worth one of the smallest messages that have been seen, but so much that after at
// most `ROUNDS_MAX` rounds everything is paid.

import type { Clock, Timer } from '../../../config/clock.ts';
import { Link, LinkedList } from './linked-list.ts';
import { quotaBounds } from './quota-bounds.ts';

const ROUNDS_MAX = 16;

/** What they share. */
export interface SharedBudget {
  /** Takes what a message of so many bytes needs; false: there is not enough, and nothing was taken. */
  tryTake(bytes: number, nowMs: number): boolean;
  /** Until there is enough; 0 is now, Infinity: `serve` will be called. */
  waitMs(bytes: number, nowMs: number): number;
  /**
   * What share of it the message uses up, in any unit, at least 1: for comparing messages, not for counting.
   */
  cost(bytes: number): number;
}

/** A waiter's place in the queue of a gate; made once with it. It waits at one gate at a time. */
export class FairPlace extends Link<FairWaiter> {
  gate: FairGate | null = null;
  /** What is left of its turn; negative: what it owes. */
  credit = 0;
  /** In which rush (of which gate) that was. */
  rush = 0;
}

/**
 * A time during which somebody is waiting all the time; of all gates, so that none has the number of another.
 */
let rushes = 0;

export interface FairWaiter {
  /** Changes hold from the next turn on. */
  readonly weight: number;
  readonly place: FairPlace;
  /**
   * It is its turn: `pass` of the gate lets its messages through, as many as the turn is worth, until it
   * returns false. One who then wants to go on waits again, from within the turn, as it did the first time.
   */
  turn(): void;
}

export class FairGate {
  readonly #budget: SharedBudget;
  readonly #clock: Clock;
  readonly #queue = new LinkedList<FairWaiter>();
  #timer: Timer | null = null;
  #served: FairWaiter | null = null;
  #servedAsksAgain = false;
  #servedPassed = false;
  /** Of the last message in this turn. */
  #passedCost = 0;
  /** Of the last message that did not pass for want of budget; 0: none in this turn. */
  #waitMs = 0;
  #rush = 0;
  /** Costs of the messages in this rush, and what a turn of weight 1 is worth for that. */
  #costMin = Infinity;
  #costMax = 0;
  #quantum: number;
  readonly #quantumMin: number;
  /** Times somebody had to wait. */
  waits = 0;

  /** `quantumMin`: what a turn of weight 1 is worth at least, in costs of the budget. */
  constructor(budget: SharedBudget, clock: Clock, quantumMin = 1) {
    this.#quantumMin = quantumMin;
    this.#quantum = quantumMin;
    this.#budget = budget;
    this.#clock = clock;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  /** Nobody waits: what the budget has left passes. */
  get isIdle(): boolean {
    return this.#served === null && this.#queue.head === null;
  }

  /** True: taken from the budget, the message goes on. False: its connection is to wait. */
  pass(bytes: number, nowMs: number): boolean {
    if (this.#served !== null) return this.#passInTurn(this.#served, bytes, nowMs);
    if (this.#queue.head === null) {
      if (this.#budget.tryTake(bytes, nowMs)) return true;
      this.#waitMs = this.#budget.waitMs(bytes, nowMs);
    }
    this.#learn(bytes);
    return false;
  }

  /**
   * What passed last could not be taken after all, and the budget knows why: it will come again. `bytes`: of
   * it.
   */
  notTaken(bytes: number, nowMs: number): void {
    this.#waitMs = this.#budget.waitMs(bytes, nowMs);
    if (this.#served !== null) this.#served.place.credit += this.#passedCost;
    this.#passedCost = 0;
  }

  /** At the tail; one who waits already keeps its place. */
  wait(waiter: FairWaiter): void {
    const { place } = waiter;
    if (place.gate === this) {
      if (waiter === this.#served) this.#servedAsksAgain = true;
      return;
    }
    place.gate?.remove(waiter);
    place.gate = this;
    if (this.#queue.head === null) this.#rush = ++rushes;
    if (place.rush !== this.#rush) place.credit = 0;
    place.rush = this.#rush;
    this.#queue.push(place);
    this.waits++;
    if (this.#served === null && this.#timer === null) this.#arm();
  }

  remove(waiter: FairWaiter): void {
    const { place } = waiter;
    if (place.gate !== this) return;
    this.#queue.remove(place);
    place.gate = null;
    place.credit = Math.min(place.credit, 0);
    if (this.#queue.head !== null) return;
    this.#costMin = Infinity;
    this.#costMax = 0;
    this.#quantum = this.#quantumMin;
    this.#timer?.clear();
    this.#timer = null;
  }

  /** The budget has changed: those who wait are served soon, instead of when it was thought to suffice. */
  changed(): void {
    this.#waitMs = 0;
    if (this.#served === null) this.#arm();
  }

  /** Gives turns until the budget is used up or nobody waits. */
  serve(): void {
    if (this.#served !== null) return;
    try {
      // Turns in which nothing passed and nothing was short; whole rounds of them lead nowhere.
      let idleTurns = 0;
      this.#waitMs = 0;
      while (this.#queue.head !== null && this.#waitMs === 0 && idleTurns <= this.#queue.size) {
        const place = this.#queue.head as FairPlace;
        if (place.credit <= 0) place.credit += place.item.weight * this.#quantum;
        if (place.credit <= 0) this.#toTail(place);
        else idleTurns = this.#giveTurn(place) ? 0 : idleTurns + 1;
      }
    } finally {
      this.#arm();
    }
  }

  /** No turns any more; the waiters are forgotten. */
  stop(): void {
    while (this.#queue.head !== null) this.remove(this.#queue.head.item);
  }

  /** True: something passed. */
  #giveTurn(place: FairPlace): boolean {
    const waiter = place.item;
    this.#served = waiter;
    this.#servedAsksAgain = false;
    this.#servedPassed = false;
    this.#passedCost = 0;
    try {
      waiter.turn();
    } finally {
      this.#served = null;
      this.#endTurn(waiter);
    }
    return this.#servedPassed;
  }

  #endTurn(waiter: FairWaiter): void {
    const { place } = waiter;
    if (place.gate !== this) return; // it has gone, or waits somewhere else
    if (!this.#servedAsksAgain) {
      this.remove(waiter);
    } else if (this.#waitMs === 0) {
      this.#toTail(place);
    } // else the budget was short: it is still the head, with what is left of its turn
  }

  #toTail(place: FairPlace): void {
    this.#queue.remove(place);
    this.#queue.push(place);
  }

  #passInTurn(waiter: FairWaiter, bytes: number, nowMs: number): boolean {
    const cost = this.#learn(bytes);
    if (waiter.place.credit <= 0) return false;
    if (!this.#budget.tryTake(bytes, nowMs)) {
      this.#waitMs = this.#budget.waitMs(bytes, nowMs);
      return false;
    }
    waiter.place.credit -= cost;
    this.#servedPassed = true;
    this.#passedCost = cost;
    return true;
  }

  #learn(bytes: number): number {
    const cost = this.#budget.cost(bytes);
    if (cost < this.#costMin) this.#costMin = cost;
    if (cost > this.#costMax) this.#costMax = cost;
    this.#quantum = Math.max(this.#quantumMin, this.#costMin, this.#costMax / ROUNDS_MAX);
    return cost;
  }

  #arm(): void {
    this.#timer?.clear();
    this.#timer = null;
    if (this.#queue.head === null || this.#waitMs === Infinity) return;
    const delayMs = Math.min(Math.max(this.#waitMs, quotaBounds.tickMs), quotaBounds.pollMs);
    this.#timer = this.#clock.after(delayMs, () => {
      this.#timer = null;
      this.serve();
    });
  }
}
