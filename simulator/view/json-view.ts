// A run as NDJSON, one object a line: {kind: 'phase' | 'fault' | 'sample' | 'report'} and under that name the thing
// itself, as in report.ts. Each sample once, however often it is shown; beside it `verified: false` when nobody listens
// at the upstream end.

import type { FaultSpan, PhaseSpan, Report } from '../report/report.ts';
import type { LiveState, RunView, ViewOutput } from './run-view.ts';

export class JsonView implements RunView {
  readonly #out: ViewOutput;
  #lastAtMs = Number.NEGATIVE_INFINITY;

  constructor(out: ViewOutput) {
    this.#out = out;
  }

  phase(phase: PhaseSpan): void {
    this.#write({ kind: 'phase', phase });
  }

  fault(fault: FaultSpan): void {
    this.#write({ kind: 'fault', fault });
  }

  sample({ sample, isVerified }: LiveState): void {
    if (sample.atMs <= this.#lastAtMs) return;
    this.#lastAtMs = sample.atMs;
    this.#write({ kind: 'sample', sample, ...(isVerified ? {} : { verified: false }) });
  }

  finish(report: Report): void {
    this.#write({ kind: 'report', report });
  }

  [Symbol.dispose](): void {
    // Holds nothing.
  }

  #write(line: unknown): void {
    this.#out.write(`${JSON.stringify(line)}\n`);
  }
}
