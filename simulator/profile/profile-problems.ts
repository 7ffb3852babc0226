// Rules between the settings of a profile. Paths are relative to the profile: whoever reads the scenario puts its
// own path in front, and knows the line.

import type { Problem } from '../../config/schema/problem.ts';
import { formatQuantity } from '../../config/schema/units.ts';
import type { ProfileSettings } from './profile-settings.ts';

export function profileProblems(settings: ProfileSettings): Problem[] {
  switch (settings.type) {
    case 'burst': {
      const lengthMs = (settings.messages - 1) * settings.spacing;
      if (lengthMs < settings.every) return [];
      const message = `a burst takes ${written(lengthMs)}, and the next begins after ${written(settings.every)}`;
      return [{ path: 'spacing', message, hint: 'Lower spacing or messages, or raise every.' }];
    }
    case 'duty-cycle':
      return notLonger('awake', settings.awake, { name: 'every', limitMs: settings.every });
    case 'store-and-flush': {
      const { every, flushEvery, awake, stayConnected } = settings;
      const limit = { name: 'flushEvery', limitMs: flushEvery };
      if (every > flushEvery) return notLonger('every', every, { ...limit, limitMs: flushEvery + 1 });
      return stayConnected ? [] : notLonger('awake', awake, limit);
    }
    case 'diurnal':
      return notLonger('peakAt', settings.peakAt, { name: 'period', limitMs: settings.period + 1 });
    default:
      return [];
  }
}

function notLonger(
  path: string,
  valueMs: number,
  { name, limitMs }: { name: string; limitMs: number },
): Problem[] {
  if (valueMs < limitMs) return [];
  const message = `${written(valueMs)} is too long for ${name}`;
  return [{ path, message, hint: `Lower it to less than ${written(limitMs)}, or raise ${name}.` }];
}

function written(ms: number): string {
  return formatQuantity('duration', ms);
}
