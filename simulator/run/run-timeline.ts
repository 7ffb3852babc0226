// The phases of a run, one after the other at their planned times, each with what goes wrong in it. What begins with a
// phase begins before what ends with the one before it, so that a fault that goes on is not healed in between.

import type { PhaseSpan } from '../report/report.ts';
import type { Phase } from '../scenario/scenario-settings.ts';
import type { FaultStage } from './fault-stage.ts';
import { runFault } from './run-fault.ts';
import { wait } from './wait.ts';

export interface TimelineOptions {
  timeline: readonly Phase[];
  stage: FaultStage;
  /** A phase begins. */
  enter: (span: PhaseSpan) => void;
  /** Something of it cannot be carried out. */
  fail: (error: unknown) => void;
  /** Ends it early. */
  stop: AbortSignal;
}

/** As the scenario has them, from the run's start. */
export function plannedPhases(timeline: readonly Phase[]): PhaseSpan[] {
  let atMs = 0;
  return timeline.map(({ name, for: lengthMs }) => {
    const span = { name, fromMs: atMs, toMs: atMs + lengthMs };
    atMs += lengthMs;
    return span;
  });
}

/** Resolves when everything in it is over: a gateway that is being started when it ends has then come up. */
export async function runTimeline({ timeline, stage, enter, fail, stop }: TimelineOptions): Promise<void> {
  const faults: Promise<void>[] = [];
  let before = new AbortController();
  for (const [i, span] of plannedPhases(timeline).entries()) {
    if (!(await wait(span.fromMs - stage.nowMs(), stop))) break;
    enter({ ...span });
    const end = new AbortController();
    const phase = { fromMs: span.fromMs, toMs: span.toMs, end: AbortSignal.any([stop, end.signal]) };
    for (const fault of timeline[i]!.faults) faults.push(runFault(fault, stage, phase).catch(fail));
    await Promise.resolve(); // those that begin at once have begun
    before.abort();
    before = end;
    await wait(span.toMs - stage.nowMs(), stop);
  }
  before.abort();
  await Promise.all(faults);
}
