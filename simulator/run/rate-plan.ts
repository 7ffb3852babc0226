// How fast the time of a group passes in the course of a scenario: the rate of each phase, times those of the faults
// `rate` that last, and nothing at all in a `silence`. From the scenario alone, for the whole run.

import type { RateChange } from '../fleet/group-clock.ts';
import type { Phase } from '../scenario/scenario-settings.ts';

/** By the run's planned times, in order, without changes that change nothing. */
export function ratePlan(timeline: readonly Phase[], group: string): RateChange[] {
  const plan: RateChange[] = [];
  let fromMs = 0;
  for (const phase of timeline) {
    for (const change of changesIn(phase, group))
      if (change.factor !== (plan.at(-1)?.factor ?? 1))
        plan.push({ fromMs: fromMs + change.fromMs, factor: change.factor });
    fromMs += phase.for;
  }
  return plan;
}

interface Slowdown {
  fromMs: number;
  toMs: number;
  factor: number;
}

/** Times from the phase's beginning. */
function changesIn(phase: Phase, group: string): RateChange[] {
  const slowdowns = phase.faults.flatMap((fault): Slowdown[] => {
    if (fault.type !== 'rate' && fault.type !== 'silence') return [];
    if (fault.type === 'rate' && fault.groups.length > 0 && !fault.groups.includes(group)) return [];
    const toMs = fault.for === 0 ? phase.for : fault.after + fault.for;
    return [{ fromMs: fault.after, toMs, factor: fault.type === 'rate' ? fault.percent / 100 : 0 }];
  });
  const edges = new Set([0, ...slowdowns.flatMap(({ fromMs, toMs }) => [fromMs, toMs])]);
  return [...edges]
    .filter((edgeMs) => edgeMs < phase.for)
    .sort((a, b) => a - b)
    .map((edgeMs) => ({
      fromMs: edgeMs,
      factor: slowdowns
        .filter(({ fromMs, toMs }) => fromMs <= edgeMs && edgeMs < toMs)
        .reduce((product, { factor }) => product * factor, phase.rate),
    }));
}
