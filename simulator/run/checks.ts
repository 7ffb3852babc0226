// The verdict: what the scenario wants against what was found.

import { formatCount, formatMs } from '../report/number-format.ts';
import type { Check, Totals } from '../report/report.ts';
import type { Verdict } from '../scenario/scenario-settings.ts';

export interface CheckContext {
  totals: Totals;
  isVerified: boolean;
  /** The generator itself was late: what it measured of others says little. */
  isGeneratorLate: boolean;
}

const NOT_VERIFIED = 'not verified: no upstream was given';

export function checksOf(verdict: Verdict, { totals, isVerified, isGeneratorLate }: CheckContext): Check[] {
  const checks: Check[] = [];
  const count = (name: string, most: number, got: number, needsUpstream = true) => {
    if (most < 0) return;
    if (needsUpstream && !isVerified)
      checks.push({ name, wanted: `at most ${formatCount(most)}`, got: NOT_VERIFIED, ok: null });
    else
      checks.push({ name, wanted: `at most ${formatCount(most)}`, got: formatCount(got), ok: got <= most });
  };
  const time = (name: string, mostMs: number, gotMs: number | null, none: string) => {
    if (mostMs === 0) return;
    const wanted = `at most ${formatMs(mostMs)}`;
    if (!isVerified && name !== 'p99Ack')
      return void checks.push({ name, wanted, got: NOT_VERIFIED, ok: null });
    if (gotMs === null) return void checks.push({ name, wanted, got: none, ok: null });
    const isGood = gotMs <= mostMs;
    const excuse = !isGood && isGeneratorLate ? ', but the generator was late itself' : '';
    const got = `${formatMs(gotMs)}${excuse}`;
    checks.push({ name, wanted, got, ok: isGood || !isGeneratorLate ? isGood : null });
  };
  count('loss', verdict.loss, totals.lost);
  count('lossQos0', verdict.lossQos0, totals.lostQos0);
  count('reorder', verdict.reorder, totals.reordered);
  count('duplicates', verdict.duplicates, totals.duplicatesNewName);
  count('namesReused', verdict.namesReused, totals.namesReused);
  count('damaged', verdict.damaged, totals.damaged);
  count('refused', verdict.refused, totals.refused, false);
  count('unacked', verdict.unacked, totals.unacked, false);
  count('skipped', verdict.skipped, totals.skipped, false);
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
