// A scenario as a file that does the same again, for the report: every setting as it was in effect, whatever file,
// command line and defaults it came from, with the run's mark and its start time, which are otherwise new each time.

import { stringify } from 'yaml';
import { written } from '../../config/check.ts';
import { type Scenario, scenarioSettings } from './scenario-settings.ts';

export interface RunIdentity {
  /** Its mark in the payloads. */
  id: string;
  startedAt: string;
}

const HEAD =
  '# sluice simulate with this file does it again: with the same seed, run and startTime, the same messages.';
const HEAD_MASKED = '# Passwords are masked; put them in again.';

/** YAML; secrets masked. */
export function scenarioText(scenario: Scenario, { id, startedAt }: RunIdentity): string {
  const repeatable = { ...scenario, run: id, startTime: scenario.startTime || startedAt };
  const text = stringify(written(scenarioSettings, repeatable), { lineWidth: 0 });
  const isMasked = /^\s*\w*[pP]assword: "?\*+"?$/m.test(text);
  return [HEAD, ...(isMasked ? [HEAD_MASKED] : []), text].join('\n');
}
