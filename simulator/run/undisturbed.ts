// Whether a group kept its rate and its latency while others made trouble: beside itself in a quiet phase.

import { formatMs } from '../report/number-format.ts';
import type { Check, PhaseOfGroup } from '../report/report.ts';
import type { Verdict } from '../scenario/scenario-settings.ts';

export interface UndisturbedContext {
  phasesOf(group: string): readonly PhaseOfGroup[];
  /** How late the generator itself was in that phase, at worst. */
  lateMsIn(phase: string): number;
  /** Why what was measured says nothing; empty: it does. */
  excuse: string;
}

type Undisturbed = Verdict['undisturbed'][number];

export function undisturbedChecks(
  wanted: readonly Undisturbed[],
  { phasesOf, lateMsIn, excuse }: UndisturbedContext,
): Check[] {
  return wanted.flatMap(({ group, quiet, during, p99AckTimes, rateShare }) => {
    const phases = phasesOf(group);
    const before = phases.find(({ name }) => name === quiet);
    const then = phases.find(({ name }) => name === during);
    const checks: Check[] = [];
    const judge = (what: string, bound: string, told: string, isGood: boolean, excuse: string) =>
      checks.push({
        name: `${group} ${what}`,
        wanted: `${during} ${bound} ${quiet}`,
        got: isGood || excuse === '' ? told : `${told}, but ${excuse}`,
        ok: isGood || excuse === '' ? isGood : null,
      });
    if (before === undefined || then === undefined || before.ack.count === 0) {
      const got = before !== undefined && then !== undefined ? 'nothing to compare with' : 'not reached';
      return [{ name: group, wanted: `${during} as ${quiet}`, got, ok: null }];
    }
    if (p99AckTimes > 0) {
      const told = `${(then.ack.p99 / before.ack.p99).toFixed(2)} x (${formatMs(then.ack.p99)})`;
      const mostMs = p99AckTimes * before.ack.p99;
      const lateMs = lateMsIn(during);
      // What the generator was late by itself may be all that there is too much.
      const mayBeItsOwn = then.ack.p99 - lateMs <= mostMs && then.ack.count > 0;
      const own = mayBeItsOwn ? `the generator was up to ${formatMs(lateMs)} late itself` : '';
      // Nothing acknowledged is no short time.
      const isGood = then.ack.count > 0 && then.ack.p99 <= mostMs;
      judge('p99Ack', `at most ${p99AckTimes} x`, told, isGood, excuse === '' ? own : excuse);
    }
    if (rateShare > 0) {
      const share = perSecond(then) / perSecond(before);
      const told = `${percent(share)} (${perSecond(then).toFixed(1)}/s)`;
      judge('rate', `at least ${percent(rateShare)} of`, told, share >= rateShare, excuse);
    }
    return checks;
  });
}

function perSecond({ ack, lengthMs }: PhaseOfGroup): number {
  return (ack.count / Math.max(1, lengthMs)) * 1000;
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))} %`;
}
