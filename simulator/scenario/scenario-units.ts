// Bounds and units that the declarations of a scenario share.

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** Timers of Node end at 2^31 ms, which is 24.8 days. */
export const DURATION = { min: 0, max: 24 * DAY, needsUnit: true } as const;
export const COUNT = { min: 0, max: 1_000_000_000 } as const;
