// The verdict: what the scenario wants against what was found.

import { formatCount, formatMs } from '../report/number-format.ts';
import type { Check, GroupTotals, Sample, Totals } from '../report/report.ts';
import type { Verdict } from '../scenario/scenario-settings.ts';
import { undisturbedChecks } from './undisturbed.ts';

export interface CheckContext {
  totals: Totals;
  groups: readonly Pick<GroupTotals, 'name' | 'phases'>[];
  samples: readonly Pick<Sample, 'phase' | 'generatorLateMs'>[];
  isVerified: boolean;
  /** The generator itself was late: what it measured of others says little. */
  isGeneratorLate: boolean;
  /** The receiver has seen everything that has reached the upstream: what is missing is missing. */
  isReceiverSure: boolean;
}

const LATE = 'the generator was late itself';
const NOT_VERIFIED = 'not verified: no upstream was given';

interface CountOptions {
  needsUpstream?: boolean;
  /** Why more of them may be nobody's fault; empty: it is. */
  excuse?: string;
}

export function checksOf(verdict: Verdict, context: CheckContext): Check[] {
  const { totals, isVerified, isGeneratorLate, isReceiverSure } = context;
  const checks: Check[] = [];
  const count = (name: string, most: number, gotCount: number, options: CountOptions = {}) => {
    const { needsUpstream = true, excuse = '' } = options;
    if (most < 0) return;
    const wanted = `at most ${formatCount(most)}`;
    if (needsUpstream && !isVerified) return void checks.push({ name, wanted, got: NOT_VERIFIED, ok: null });
    const isGood = gotCount <= most;
    const isExcused = !isGood && excuse !== '';
    const got = `${formatCount(gotCount)}${isExcused ? `, but ${excuse}` : ''}`;
    checks.push({ name, wanted, got, ok: isExcused ? null : isGood });
  };
  const time = (name: string, mostMs: number, gotMs: number | null, none: string) => {
    if (mostMs === 0) return;
    const wanted = `at most ${formatMs(mostMs)}`;
    if (!isVerified && name !== 'p99Ack')
      return void checks.push({ name, wanted, got: NOT_VERIFIED, ok: null });
    if (gotMs === null) return void checks.push({ name, wanted, got: none, ok: null });
    const isGood = gotMs <= mostMs;
    const excuse = !isGood && isGeneratorLate ? `, but ${LATE}` : '';
    const got = `${formatMs(gotMs)}${excuse}`;
    checks.push({ name, wanted, got, ok: isGood || !isGeneratorLate ? isGood : null });
  };
  const excuse = isReceiverSure ? '' : 'the receiver may have missed messages';
  count('loss', verdict.loss, totals.lost, { excuse });
  count('lossQos0', verdict.lossQos0, totals.lostQos0, { excuse });
  count('reorder', verdict.reorder, totals.reordered);
  count('duplicates', verdict.duplicates, totals.duplicatesNewName);
  count('namesReused', verdict.namesReused, totals.namesReused);
  count('damaged', verdict.damaged, totals.damaged);
  count('refused', verdict.refused, totals.refused, { needsUpstream: false });
  count('unacked', verdict.unacked, totals.unacked, { needsUpstream: false });
  count('skipped', verdict.skipped, totals.skipped, { needsUpstream: false });
  count('unsent', verdict.unsent, totals.unsent, {
    needsUpstream: false,
    excuse: isGeneratorLate ? LATE : '',
  });
  if (verdict.delivered >= 0 && isVerified) {
    const { delivered } = totals;
    const wanted = `at least ${formatCount(verdict.delivered)}`;
    checks.push({
      name: 'delivered',
      wanted,
      got: formatCount(delivered),
      ok: delivered >= verdict.delivered,
    });
  }
  time('p99Ack', verdict.p99Ack, p99Of(totals.ack), 'nothing was acknowledged');
  time('p99EndToEnd', verdict.p99EndToEnd, p99Of(totals.endToEnd), 'nothing arrived');
  time(
    'p99Live',
    verdict.p99Live,
    p99Of(totals.liveWhileDraining),
    'nothing new was sent while a backlog drained',
  );
  time('drain', verdict.drain, totals.drainMs, 'there was no backlog to drain');
  checks.push(
    ...undisturbedChecks(verdict.undisturbed, {
      phasesOf: (group) => context.groups.find(({ name }) => name === group)?.phases ?? [],
      lateMsIn: (phase) =>
        Math.max(0, ...context.samples.flatMap((s) => (s.phase === phase ? [s.generatorLateMs] : []))),
      excuse: isGeneratorLate ? LATE : '',
    }),
  );
  return checks;
}

function p99Of(latency: { count: number; p99: number } | null): number | null {
  return latency === null || latency.count === 0 ? null : latency.p99;
}

/** Something wrong is wrong, whatever else could not be judged. */
export function verdictOf(checks: readonly Check[]): 'pass' | 'fail' | 'inconclusive' {
  if (checks.some(({ ok }) => ok === false)) return 'fail';
  return checks.some(({ ok }) => ok === null) ? 'inconclusive' : 'pass';
}
