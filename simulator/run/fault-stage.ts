// Where faults act: the system, the fleet, and the record of what was done when. A fault says what it does through
// `begin` and `end`; what several do to the link at once is combined in link-harm.ts.

import type { DeviceFleet } from '../fleet/device-fleet.ts';
import type { DeviceGroup } from '../fleet/device-group.ts';
import type { FaultSpan, PhaseSpan } from '../report/report.ts';
import { LinkHarms } from './link-harm.ts';
import type { GatewayControl, SystemUnderTest } from './system-under-test.ts';

export interface FaultStageOptions {
  system: SystemUnderTest;
  fleet: DeviceFleet;
  nowMs: () => number;
  onSpan: (span: FaultSpan) => void;
  /** Something changes that is no harm: a phase of no length. */
  onMark: (mark: PhaseSpan) => void;
  /** Something that could not be done as the scenario has it. */
  onRemark: (remark: string) => void;
  /** Messages cannot reach the upstream any more, or not as before. */
  onLinkBroken: () => void;
  /** Messages can reach the upstream again, from this moment on. */
  onLinkHealed: (atMs: number) => void;
}

export class FaultStage {
  readonly spans: FaultSpan[] = [];
  readonly system: SystemUnderTest;
  /** null: the link is out of reach. */
  readonly linkHarms: LinkHarms | null;
  readonly #options: FaultStageOptions;
  /** Bytes that each fault leaves free. */
  readonly #diskFills = new Map<FaultSpan, number>();
  #lastTurn: Promise<void> = Promise.resolve();

  constructor(options: FaultStageOptions) {
    const { system, nowMs, onLinkBroken, onLinkHealed } = options;
    this.#options = options;
    this.system = system;
    this.linkHarms =
      system.link === null
        ? null
        : new LinkHarms(system.link, { broken: onLinkBroken, healed: () => onLinkHealed(nowMs()) });
  }

  get active(): FaultSpan[] {
    return this.spans.filter(({ toMs }) => toMs === null);
  }

  /** On the run's clock. */
  nowMs(): number {
    return this.#options.nowMs();
  }

  /** All of them when no names are given. */
  groups(names: readonly string[] = []): DeviceGroup[] {
    return this.#options.fleet.groups.filter(({ name }) => names.length === 0 || names.includes(name));
  }

  begin(name: string): FaultSpan {
    const span: FaultSpan = { name, fromMs: this.nowMs(), toMs: null };
    this.spans.push(span);
    this.#options.onSpan(span);
    return span;
  }

  end(span: FaultSpan): void {
    span.toMs = this.nowMs();
    this.#options.onSpan(span);
  }

  /** Of what happens in an instant. */
  instant(name: string): void {
    const nowMs = this.nowMs();
    const span: FaultSpan = { name, fromMs: nowMs, toMs: nowMs };
    this.spans.push(span);
    this.#options.onSpan(span);
  }

  mark(name: string): void {
    const nowMs = this.nowMs();
    this.#options.onMark({ name, fromMs: nowMs, toMs: nowMs });
  }

  remark(text: string): void {
    this.#options.onRemark(text);
  }

  /** Of several at once the one that leaves least counts. `by` is the fault's span. */
  fillDisk(gateway: GatewayControl, by: FaultSpan, leaveFreeBytes: number): void {
    this.#diskFills.set(by, leaveFreeBytes);
    gateway.fillDisk(Math.min(...this.#diskFills.values()));
  }

  releaseDisk(gateway: GatewayControl, by: FaultSpan): void {
    this.#diskFills.delete(by);
    gateway.releaseDisk();
    if (this.#diskFills.size > 0) gateway.fillDisk(Math.min(...this.#diskFills.values()));
  }

  /** Two faults of one gateway one after the other: it cannot be stopped while it is being started. */
  async inTurn(act: () => Promise<void>): Promise<void> {
    const turn = this.#lastTurn.then(act);
    this.#lastTurn = turn.catch(() => {}); // whoever's turn it was hears of it
    await turn;
  }
}
