// How long acknowledgements took, by phase and group: one group in one phase is compared with itself in another.

import { LatencyHistogram } from '../latency-histogram.ts';
import type { PhaseOfGroup } from '../report/report.ts';

interface Phase {
  name: string;
  fromMs: number;
  toMs: number;
  readonly groups: readonly LatencyHistogram[];
}

export class PhaseLatencies {
  readonly #groups: number;
  readonly #phases: Phase[] = [];

  constructor(groups: number) {
    this.#groups = groups;
  }

  /** What is added from now on belongs to it, until the next one. */
  enter(name: string, atMs: number): void {
    this.leave(atMs);
    const groups = Array.from({ length: this.#groups }, () => new LatencyHistogram());
    this.#phases.push({ name, fromMs: atMs, toMs: atMs, groups });
  }

  leave(atMs: number): void {
    const current = this.#phases.at(-1);
    if (current !== undefined) current.toMs = atMs;
  }

  add(group: number, ack: LatencyHistogram): void {
    this.#phases.at(-1)?.groups[group]?.merge(ack);
  }

  of(group: number): PhaseOfGroup[] {
    return this.#phases.map(({ name, fromMs, toMs, groups }) => ({
      name,
      lengthMs: toMs - fromMs,
      ack: groups[group]!.summary(),
    }));
  }
}
