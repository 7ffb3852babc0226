// A view of a run that keeps what it is told.

import type { FaultSpan, PhaseSpan, Report } from '../../simulator/report/report.ts';
import type { LiveState, RunView } from '../../simulator/view/run-view.ts';

export class RecordedView implements RunView {
  readonly phases: string[] = [];
  /** "upstream cut begins", "upstream cut ends". */
  readonly faults: string[] = [];
  readonly states: LiveState[] = [];
  report: Report | undefined;

  phase({ name }: PhaseSpan): void {
    this.phases.push(name);
  }

  fault({ name, toMs }: FaultSpan): void {
    this.faults.push(`${name} ${toMs === null ? 'begins' : 'ends'}`);
  }

  sample(state: LiveState): void {
    this.states.push(state);
  }

  finish(report: Report): void {
    this.report = report;
  }

  [Symbol.dispose](): void {
    // Holds nothing.
  }
}
