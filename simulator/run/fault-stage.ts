// Where faults act: the system, the fleet, and the record of what was done when. A fault says what it does through
// `begin` and `end`; what it does to rates is combined here, so that several can act at once.

import type { DeviceFleet } from '../fleet/device-fleet.ts';
import type { DeviceGroup } from '../fleet/device-group.ts';
import type { FaultSpan } from '../report/report.ts';
import type { SystemUnderTest } from './system-under-test.ts';

export interface FaultStageOptions {
  system: SystemUnderTest;
  fleet: DeviceFleet;
  nowMs: () => number;
  onSpan: (span: FaultSpan) => void;
  /** They cannot, or not as before. */
  onLinkBroken: () => void;
  /** Messages can reach the upstream again, from this moment on. */
  onLinkHealed: (atMs: number) => void;
}

export class FaultStage {
  readonly spans: FaultSpan[] = [];
  readonly system: SystemUnderTest;
  readonly #options: FaultStageOptions;
  /** Factors by who asks for them, for each group. */
  readonly #rates = new Map<DeviceGroup, Map<unknown, number>>();
  #lastTurn: Promise<void> = Promise.resolve();

  constructor(options: FaultStageOptions) {
    this.#options = options;
    this.system = options.system;
  }

  get active(): FaultSpan[] {
    return this.spans.filter(({ toMs }) => toMs === null);
  }

  /** All of them when no names are given. */
  groups(names: readonly string[] = []): DeviceGroup[] {
    return this.#options.fleet.groups.filter(({ name }) => names.length === 0 || names.includes(name));
  }

  begin(name: string): FaultSpan {
    const span: FaultSpan = { name, fromMs: this.#options.nowMs(), toMs: null };
    this.spans.push(span);
    this.#options.onSpan(span);
    return span;
  }

  end(span: FaultSpan): void {
    span.toMs = this.#options.nowMs();
    this.#options.onSpan(span);
  }

  /** Of what happens in an instant. */
  instant(name: string): void {
    const nowMs = this.#options.nowMs();
    const span: FaultSpan = { name, fromMs: nowMs, toMs: nowMs };
    this.spans.push(span);
    this.#options.onSpan(span);
  }

  linkBroken(): void {
    this.#options.onLinkBroken();
  }

  linkHealed(): void {
    this.#options.onLinkHealed(this.#options.nowMs());
  }

  /** Two faults of one gateway one after the other: it cannot be stopped while it is being started. */
  async inTurn(act: () => Promise<void>): Promise<void> {
    const turn = this.#lastTurn.then(act);
    this.#lastTurn = turn.catch(() => {}); // whoever's turn it was hears of it
    await turn;
  }

  /** `by` is who asks for it, a fault's span: its factor is multiplied with those of others. */
  setRate(group: DeviceGroup, by: unknown, factor: number): void {
    const factors = this.#rates.get(group) ?? new Map<unknown, number>();
    this.#rates.set(group, factors);
    factors.set(by, factor);
    let product = 1;
    for (const each of factors.values()) product *= each;
    group.clock.setFactor(product, this.#options.nowMs());
  }
}
