// What every measure is given, and what it returns.

import type { ChildProcesses } from './child-processes.ts';
import type { Mqload } from './load.ts';
import type { BenchOptions } from './options.ts';
import type { Figure } from './statistics.ts';

export interface BenchContext {
  readonly options: BenchOptions;
  readonly children: ChildProcesses;
  readonly load: Mqload;
  /** Version, or null where it is not installed: then only the gateway is measured. */
  readonly mosquittoVersion: string | null;
  /** Progress, for a person. */
  say(line: string): void;
}

export interface Measurement {
  figures: Figure[];
  /** What each round gave, as the instruments said it. */
  rounds: readonly unknown[];
  notes?: readonly string[];
}

export interface Measure {
  readonly name: string;
  run(context: BenchContext): Promise<Measurement>;
}

export interface Pair<T> {
  sluice: T;
  mosquitto: T | null;
}

/**
 * Runs both sides once a round, one after the other, and changes which goes first: what the machine does
 * besides, and what one run leaves behind, falls on both.
 */
export async function inPairs<T>(
  context: BenchContext,
  what: string,
  sides: { sluice: () => Promise<T>; mosquitto: () => Promise<T> },
): Promise<Pair<T>[]> {
  const pairs: Pair<T>[] = [];
  for (let round = 0; round < context.options.rounds; round++) {
    context.say(`${what}, round ${round + 1} of ${context.options.rounds}`);
    const pair: { sluice?: T; mosquitto?: T } = {};
    const order = round % 2 === 0 ? (['sluice', 'mosquitto'] as const) : (['mosquitto', 'sluice'] as const);
    for (const side of order) {
      if (side === 'mosquitto' && context.mosquittoVersion === null) continue;
      pair[side] = await sides[side]();
    }
    pairs.push({ sluice: pair.sluice as T, mosquitto: pair.mosquitto ?? null });
  }
  return pairs;
}

/** Two settings of the gateway beside each other, as `inPairs`. */
export async function inTurns<T>(
  context: BenchContext,
  what: string,
  sides: readonly [() => Promise<T>, () => Promise<T>],
): Promise<(readonly [T, T])[]> {
  const rounds: (readonly [T, T])[] = [];
  for (let round = 0; round < context.options.rounds; round++) {
    context.say(`${what}, round ${round + 1} of ${context.options.rounds}`);
    const isFirstFirst = round % 2 === 0;
    const early = await sides[isFirstFirst ? 0 : 1]();
    const late = await sides[isFirstFirst ? 1 : 0]();
    rounds.push(isFirstFirst ? [early, late] : [late, early]);
  }
  return rounds;
}

/** One number of every round, for both sides. */
export function seriesOf<T>(
  pairs: readonly Pair<T>[],
  pick: (side: T) => number,
): { sluice: number[]; mosquitto: number[] } {
  return {
    sluice: pairs.map(({ sluice }) => pick(sluice)),
    mosquitto: pairs.flatMap(({ mosquitto }) => (mosquitto === null ? [] : [pick(mosquitto)])),
  };
}

/** Repeats what has no rival. */
export async function inRounds<T>(
  context: BenchContext,
  what: string,
  run: (round: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  for (let round = 0; round < context.options.rounds; round++) {
    context.say(`${what}, round ${round + 1} of ${context.options.rounds}`);
    results.push(await run(round));
  }
  return results;
}
