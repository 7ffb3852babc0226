// Somebody with messages to send who waits at a gate as a connection does: it sends what it has until it may
// not, and goes on when it has its turn.

import {
  type FairGate,
  FairPlace,
  type FairWaiter,
} from '../../../../../gateway/admission/quota/fair-gate.ts';
import type { FakeClock } from '../../../../support/fake-clock.ts';

export class FairPublisher implements FairWaiter {
  readonly place = new FairPlace(this);
  readonly weight: number;
  readonly messageBytes: number;
  readonly #gate: FairGate;
  readonly #clock: FakeClock;
  #left = 0;
  #offered: number[] = [];
  sent = 0;
  turns = 0;
  /** Longest time from offered to sent. */
  waitedMsMax = 0;
  onTurn: (() => void) | null = null;

  constructor(gate: FairGate, clock: FakeClock, { weight = 1, messageBytes = 100 } = {}) {
    this.#gate = gate;
    this.#clock = clock;
    this.weight = weight;
    this.messageBytes = messageBytes;
  }

  get sentBytes(): number {
    return this.sent * this.messageBytes;
  }

  offer(messages: number): void {
    for (let i = 0; i < Math.min(messages, 10); i++) this.#offered.push(this.#clock.monotonicMs());
    this.#left += messages;
    if (this.place.gate === null) this.#send();
  }

  turn(): void {
    this.turns++;
    if (this.onTurn === null) this.#send();
    else this.onTurn();
  }

  #send(): void {
    for (; this.#left > 0; this.#left--) {
      if (!this.#gate.pass(this.messageBytes, this.#clock.monotonicMs())) {
        this.#gate.wait(this);
        return;
      }
      this.sent++;
      const offeredMs = this.#offered.shift();
      if (offeredMs !== undefined)
        this.waitedMsMax = Math.max(this.waitedMsMax, this.#clock.monotonicMs() - offeredMs);
    }
  }
}
