// What shows a run while it goes on. Three implement it: `live-view.ts` in a terminal, `plain-view.ts` for logs,
// `json-view.ts` for machines; `create-view.ts` chooses. A view only writes: it decides nothing about the run, and
// keeps no more than it shows.

import type { FaultSpan, PhaseSpan, Report, Sample, Totals } from '../report/report.ts';

export interface LiveState {
  scenario: string;
  /** As planned, in order. */
  phases: readonly PhaseSpan[];
  /** As planned; a run may take longer, while it drains. */
  durationMs: number;
  elapsedMs: number;
  /** Name of the current one. */
  phase: string;
  /** Those that last at this moment. */
  faults: readonly FaultSpan[];
  /** In the whole fleet. */
  devices: number;
  /** Somebody listens at the upstream end. Otherwise what only it can tell is 0 and means nothing, as in the report. */
  isVerified: boolean;
  /** The latest; its counts are the totals so far. */
  sample: Sample;
  /** Over the last second. */
  perSecond: { sent: number; acked: number; refused: number; delivered: number };
  totals: Pick<Totals, 'skipped' | 'duplicatesSameName' | 'duplicatesNewName' | 'reordered'> & {
    reconnects: number;
  };
}

export interface RunView extends Disposable {
  /** A phase begins; one of no length (`toMs` equal to `fromMs`) is a change within another, such as of its rate. */
  phase(span: PhaseSpan): void;
  /** A fault begins (`toMs` null, or equal to `fromMs` for what happens in an instant), and again when it has ended. */
  fault(span: FaultSpan): void;
  /** As often as there is news; a view shows it as often as makes sense. */
  sample(state: LiveState): void;
  /** The last call before disposal. */
  finish(report: Report): void;
}

/** The part of `process.stdout` that a view uses. */
export interface ViewOutput {
  write(text: string): boolean;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  /** True while the reader is behind: a live view leaves frames out. */
  readonly writableNeedDrain?: boolean;
  on?(event: 'resize', listener: () => void): unknown;
  off?(event: 'resize', listener: () => void): unknown;
}
