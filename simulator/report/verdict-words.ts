// The verdict and what belongs to it in words, shared by the page, the last lines and the live view: which checks did
// not hold, what a kind of example means, and from when on a late generator is worth a word.

import type { Check, Report } from './report.ts';

/**
 * From here on the generator's own delay shows in what it measured of others. Held against the p99 of a whole run (then
 * its latencies fail nobody) and against the worst of one sample (then it is shown): a run is never late without a
 * sample that is.
 */
const GENERATOR_LATE_FROM_MS = 100;

export function isGeneratorLate(lateMs: number): boolean {
  return lateMs >= GENERATOR_LATE_FROM_MS;
}

/** Of a report without `verified`. */
export const NOT_VERIFIED_SENTENCE =
  'Not verified: nobody listened at the upstream end, so nothing is known of loss, duplicates and order.';

/** One sentence: "2 of 6 checks did not hold: loss, p99Ack." */
export function verdictSentence({ verdict, checks }: Report): string {
  const failed = checks.filter(({ ok }) => ok === false);
  const open = checks.filter(({ ok }) => ok === null);
  const all = checks.length === 1 ? '1 check' : `${checks.length} checks`;
  if (failed.length > 0) return `${failed.length} of ${all} did not hold: ${namesOf(failed)}.`;
  if (open.length > 0) return `${open.length} of ${all} could not be judged: ${namesOf(open)}.`;
  if (checks.length === 0) return 'Nothing was asked of this run: it had no checks.';
  if (verdict === 'pass') return checks.length === 1 ? 'The check held.' : `All ${all} held.`;
  return `All ${all} held, but the remarks say why that is worth less than it seems.`;
}

function namesOf(checks: readonly Check[]): string {
  return checks.map(({ name }) => name).join(', ');
}

export function checkWord({ ok }: Check): 'ok' | 'failed' | 'open' {
  if (ok === null) return 'open';
  return ok ? 'ok' : 'failed';
}

const EXAMPLE_WORDS: Record<string, string> = {
  lost: 'Acknowledged and never delivered',
  lostQos0: 'QoS 0, never delivered',
  duplicatesSameName: 'Delivered again under the same name',
  duplicatesNewName: 'Delivered again under another name',
  namesReused: 'One name for two messages',
  reordered: 'Arrived after a later one',
  deliveredUnacked: 'Delivered and never acknowledged',
  foreign: 'Not of this run',
  damaged: 'Could not be read',
  refusedDelivered: 'Refused, and delivered all the same',
  unaccounted: 'Arrived when the account had no room',
};

/** What a kind of example means; a kind that is not known here speaks for itself. */
export function exampleWords(kind: string): string {
  return Object.hasOwn(EXAMPLE_WORDS, kind) ? EXAMPLE_WORDS[kind] : kind;
}
