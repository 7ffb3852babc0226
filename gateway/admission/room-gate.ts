// Who goes on when the open batch was full: those who wait get their turns one after the other (quota/fair-gate.ts), so
// that one who sends as fast as it can gets its share of each commit and leaves the others theirs.

import type { Clock } from '../../config/clock.ts';
import { KiB } from '../../config/limits.ts';
import type { Config } from '../../config/settings.ts';
import type { AdmittedClient } from './guest.ts';
import { FairGate } from './quota/fair-gate.ts';
import type { Quotas } from './quota/quotas.ts';
import { RoomBudget } from './quota/room-budget.ts';

/**
 * A turn is worth about as much as a device has under way, so that a round of hundreds of them is not hundreds of
 * rounds.
 */
const TURN_BYTES = 16 * KiB;

export class RoomGate {
  readonly #budget: RoomBudget;
  readonly #gate: FairGate;
  readonly #quotas: Quotas;
  #whenRoom: ((callback: () => void) => void) | null = null;
  #isAsked = false;

  constructor(commit: Config['commit'], quotas: Quotas, clock: Clock) {
    this.#budget = new RoomBudget(commit);
    this.#gate = new FairGate(this.#budget, clock, TURN_BYTES);
    this.#quotas = quotas;
  }

  /** Connections that wait for room. */
  get waiting(): number {
    return this.#gate.waiting;
  }

  /** `whenRoom` calls back once when there is room again. */
  connect(whenRoom: (callback: () => void) => void): void {
    this.#whenRoom = whenRoom;
  }

  /** False: others wait, and it is not its turn. */
  pass(bytes: number, nowMs: number): boolean {
    return (this.#gate.isIdle && this.#budget.tryTake()) || this.#gate.pass(bytes, nowMs);
  }

  /** It is not its turn: its link is called when it is. */
  waitForTurn({ quota }: AdmittedClient): void {
    quota.gate = this.#gate;
    this.#quotas.wait(quota);
  }

  /** There was no room for what the client has sent: its link is called when it is to try again. */
  waitForRoom(client: AdmittedClient, nowMs: number): void {
    this.#budget.full();
    this.#gate.notTaken(0, nowMs);
    this.waitForTurn(client);
    if (this.#isAsked) return;
    this.#isAsked = true;
    this.#whenRoom?.(() => {
      this.#isAsked = false;
      this.#budget.opened();
      this.#gate.serve();
    });
  }

  stop(): void {
    this.#gate.stop();
  }
}
