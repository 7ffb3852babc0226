// The clock of a run: ms since its start, the same in every thread of the process. Never jumps.

export interface RunClock {
  /** ms since 1970 with a fraction, at the run's start. */
  readonly startEpochMs: number;
  nowMs(): number;
}

export function startRunClock(): RunClock {
  const startEpochMs = performance.timeOrigin + performance.now();
  const startMs = performance.now();
  return { startEpochMs, nowMs: () => performance.now() - startMs };
}
