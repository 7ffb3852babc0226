import { describe, expect, test } from 'vitest';
import { ratePlan } from '../../../../simulator/run/rate-plan.ts';
import { parseScenario } from '../../../../simulator/scenario/load-scenario.ts';

/** [from, factor] of each change for a group, of a timeline as it is written. */
function planOf(timeline: string, group = 'a'): [number, number][] {
  const devices = '{devices: 1, profile: {type: flood}, payload: {type: bytes}}';
  const loaded = parseScenario(
    `name: x\nwhy: y\nsystem: {type: sluice}\ngroups: {a: ${devices}, b: ${devices}}\ntimeline: ${timeline}`,
  );
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return ratePlan(loaded.scenario.timeline, group).map(({ fromMs, factor }) => [fromMs, factor]);
}

describe('the rates of a group', () => {
  test('do not change where no phase and no fault changes them', () => {
    expect(planOf('[{name: p, for: 10s, faults: [{type: link-cut}]}, {name: q, for: 10s}]')).toEqual([]);
  });

  test('follow the phases, one after the other', () => {
    const timeline = '[{name: p, for: 10s, rate: 2}, {name: q, for: 5s, rate: 0}, {name: r, for: 1s}]';
    expect(planOf(timeline)).toEqual([
      [0, 2],
      [10_000, 0],
      [15_000, 1],
    ]);
  });

  test('are changed by a fault on top of its phase, for its groups and its time', () => {
    const fault = '{type: rate, groups: [b], percent: 300, after: 1s, for: 1s}';
    const timeline = `[{name: p, for: 10s, rate: 2, faults: [${fault}]}]`;
    expect(planOf(timeline, 'a')).toEqual([[0, 2]]);
    expect(planOf(timeline, 'b')).toEqual([
      [0, 2],
      [1000, 6],
      [2000, 2],
    ]);
  });

  test('are changed to the end of the phase where nothing else is said', () => {
    const timeline = '[{name: p, for: 10s, faults: [{type: rate, percent: 50}]}, {name: q, for: 10s}]';
    expect(planOf(timeline)).toEqual([
      [0, 0.5],
      [10_000, 1],
    ]);
  });

  test('are changed by two at once by both, and each ends by itself', () => {
    const faults = '[{type: rate, percent: 200, for: 3s}, {type: rate, percent: 200, after: 1s, for: 1s}]';
    expect(planOf(`[{name: p, for: 10s, faults: ${faults}}]`)).toEqual([
      [0, 2],
      [1000, 4],
      [2000, 2],
      [3000, 1],
    ]);
  });

  test('are nothing in a silence, whatever others say', () => {
    const faults = '[{type: silence, after: 1s, for: 3s}, {type: rate, percent: 500, after: 2s, for: 3s}]';
    expect(planOf(`[{name: p, for: 10s, faults: ${faults}}]`)).toEqual([
      [1000, 0],
      [4000, 5],
      [5000, 1],
    ]);
  });
});
