// Scales and their ticks. A tick is a round number: 1, 2 or 5 times a power of ten for values, whole seconds, minutes,
// hours or days for time. A scale maps a value to a share of the axis, 0 at its foot and 1 at its end; what lies
// outside is put on the edge.

export interface Axis {
  ticks: number[];
  share(value: number): number;
}

const VALUE_TICKS_MAX = 5;
const LOG_TICKS_MAX = 6;

/** From 0 to a round number not below `max`. */
export function linearAxis(max: number, smallestStep = 0): Axis {
  const highest = Number.isFinite(max) && max > 0 ? max : smallestStep || 1;
  const step = Math.max(smallestStep, roundUp(highest / (VALUE_TICKS_MAX - 1)));
  const steps = Math.ceil(highest / step - 1e-9);
  const top = steps * step;
  return {
    ticks: Array.from({ length: steps + 1 }, (_, i) => Number((i * step).toPrecision(12))),
    share: (value) => clamp(value / top),
  };
}

/** Between round numbers around `min` and `max`, both above 0; for values that span decades. */
export function logAxis(min: number, max: number): Axis {
  const [foot, top] = [roundDown(min), roundUp(max)];
  const from = Math.log10(foot);
  const width = Math.max(Math.log10(top) - from, 1e-9);
  return {
    ticks: logTicks(foot, top),
    share: (value) => (value > 0 ? clamp((Math.log10(value) - from) / width) : 0),
  };
}

function logTicks(foot: number, top: number): number[] {
  const all: number[] = [];
  for (let power = Math.floor(Math.log10(foot) + 1e-9); 10 ** power <= top * 1.001; power++) {
    for (const factor of [1, 2, 5]) {
      const tick = Number((factor * 10 ** power).toPrecision(6));
      if (tick >= foot * 0.999 && tick <= top * 1.001) all.push(tick);
    }
  }
  if (all.length <= LOG_TICKS_MAX) return all;
  const decades = all.filter((tick) => isPowerOfTen(tick));
  const every = Math.ceil(decades.length / LOG_TICKS_MAX);
  return decades.filter((_, i) => i % every === 0);
}

const TIME_STEPS_MS = [
  100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000,
  1_800_000, 3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000,
];
const DAY_MS = 86_400_000;

/** From 0 to exactly `durationMs`, which need not be a tick. */
export function timeAxis(durationMs: number, ticksMax = 9): Axis {
  const fitting = TIME_STEPS_MS.find((stepMs) => durationMs / stepMs < ticksMax);
  const stepMs = fitting ?? DAY_MS * Math.max(1, roundUp(durationMs / DAY_MS / ticksMax));
  return {
    ticks: Array.from({ length: Math.floor(durationMs / stepMs) + 1 }, (_, i) => i * stepMs),
    share: (atMs) => clamp(durationMs > 0 ? atMs / durationMs : 0),
  };
}

/** The smallest of 1, 2, 5 times a power of ten that is not below `value`. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= value * (1 - 1e-9)) ?? 10;
  return Number((factor * power).toPrecision(6));
}

function roundDown(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  const factor = [5, 2, 1].find((candidate) => candidate * power <= value * (1 + 1e-9)) ?? 1;
  return Number((factor * power).toPrecision(6));
}

function isPowerOfTen(value: number): boolean {
  return Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-6;
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share));
}
