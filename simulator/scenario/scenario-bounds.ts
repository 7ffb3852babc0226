// Bounds that the declarations of a scenario share.

import { days } from '../../config/limits.ts';

/** Timers of Node end at 2^31 ms, which is 24.8 days. */
export const DURATION = { min: 0, max: 24 * days, needsUnit: true } as const;
export const COUNT = { min: 0, max: 1_000_000_000 } as const;
