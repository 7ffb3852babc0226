// Rules between the settings of `pressure`: the steps of its ladder are taken in their order, so each one's level is
// at least that of those before it, and each can be taken back. A level of 1 is never, wherever it stands.

import type { Finding } from './finding.ts';
import type { Config } from './settings.ts';

/** In the order in which they are taken. */
export const pressureSteps = [
  'lowerReceiveMaximum',
  'shedQos0',
  'holdLowLanes',
  'refuseConnections',
  'stopReading',
] as const;
const NEVER = 1;

export function pressureRelations({ pressure }: Config): Finding[] {
  const taken = pressureSteps.filter((step) => pressure[step] < NEVER);
  const findings: Finding[] = [];
  for (const [i, step] of taken.entries()) {
    const level = pressure[step];
    const before = taken[i - 1];
    if (before !== undefined && level < pressure[before]) {
      findings.push({
        severity: 'problem',
        paths: [`pressure.${step}`, `pressure.${before}`],
        message: `${level} is less than pressure.${before}, ${pressure[before]}, a step that comes before it`,
        hint: `Raise it to ${pressure[before]} or more; 1 is never.`,
      });
    }
    if (level > 0 && level <= pressure.ease) {
      findings.push({
        severity: 'problem',
        paths: [`pressure.${step}`, 'pressure.ease'],
        message: `${level} is not above pressure.ease, ${pressure.ease}: the step would never be taken back`,
        hint: 'Raise it, or lower pressure.ease.',
      });
    }
  }
  return findings;
}
