// Bounds that the declarations of a scenario share.

import { days } from '../../config/limits.ts';

/** Timers of Node end at 2^31 ms, which is 24.8 days. */
export const DURATION = { min: 0, max: 24 * days, needsUnit: true } as const;
export const COUNT = { min: 0, max: 1_000_000_000 } as const;
/** Devices and other clients of a run, all groups together: some 10 KB each, in one process. */
export const CLIENTS_MAX = 200_000;
