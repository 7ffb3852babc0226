import { describe, expect, test } from 'vitest';
import { pressureSteps } from '../../../../../config/pressure-relations.ts';
import {
  type LadderSettings,
  PressureLadder,
} from '../../../../../gateway/admission/pressure/pressure-ladder.ts';
import { seededRun } from '../../../../support/seeded-run.ts';

const settings: LadderSettings = {
  lowerReceiveMaximum: 0.5,
  shedQos0: 0.7,
  holdLowLanes: 0.8,
  refuseConnections: 0.9,
  stopReading: 0.97,
  ease: 0.1,
};

/** What changes when pressure takes these values, each at its second: "+step" and "-step". */
function course(values: readonly (readonly [second: number, value: number])[], over = {}): string[] {
  const ladder = new PressureLadder({ ...settings, ...over });
  return values.map(([second, value]) =>
    ladder
      .update(value, 1000 * second)
      .map(({ step, isTaken }) => `${isTaken ? '+' : '-'}${step}`)
      .join(' '),
  );
}

describe('PressureLadder', () => {
  test('takes each step at its level', () => {
    expect(course([0.49, 0.5, 0.69, 0.7, 0.8, 0.9, 0.97].map((value, i) => [i, value]))).toEqual([
      '',
      '+lowerReceiveMaximum',
      '',
      '+shedQos0',
      '+holdLowLanes',
      '+refuseConnections',
      '+stopReading',
    ]);
  });

  test('takes all that are due at once, in their order, and takes them back one by one', () => {
    const easing = [2, 3, 4, 5, 6, 7].map((second) => [second, 0] as const);
    expect(course([[0, 1], ...easing])).toEqual([
      '+lowerReceiveMaximum +shedQos0 +holdLowLanes +refuseConnections +stopReading',
      '-stopReading',
      '-refuseConnections',
      '-holdLowLanes',
      '-shedQos0',
      '-lowerReceiveMaximum',
      '',
    ]);
  });

  test('takes a step back only when pressure has fallen by `ease` below its level', () => {
    const values = [0.5, 0.45, 0.41, 0.39].map((value, i) => [2 * i, value] as const);
    expect(course(values)).toEqual(['+lowerReceiveMaximum', '', '', '-lowerReceiveMaximum']);
  });

  test('stays on a step for a second', () => {
    expect(
      course([
        [0, 0.5],
        [0.5, 0],
        [0.99, 0],
        [1, 0],
      ]),
    ).toEqual(['+lowerReceiveMaximum', '', '', '-lowerReceiveMaximum']);
    expect(
      course([
        [0, 0.7],
        [1, 0.55],
        [1.5, 0],
        [1.6, 0.75],
        [2.5, 0],
        [2.6, 0],
      ]),
    ).toEqual(['+lowerReceiveMaximum +shedQos0', '-shedQos0', '', '+shedQos0', '', '-shedQos0']);
  });

  test('never takes a step of level 1, and those after it all the same', () => {
    const over = { shedQos0: 1, stopReading: 1 };
    expect(
      course(
        [
          [0, 1],
          [2, 0],
        ],
        over,
      ),
    ).toEqual(['+lowerReceiveMaximum +holdLowLanes +refuseConnections', '-refuseConnections']);
  });

  test('a step that other settings make never is given up at once', () => {
    const ladder = new PressureLadder(settings);
    ladder.update(1, 0);
    ladder.settings = { ...settings, refuseConnections: 1 };
    expect(ladder.update(1, 1)).toEqual([{ step: 'refuseConnections', isTaken: false }]);
    expect([ladder.has('refuseConnections'), ladder.has('stopReading')]).toEqual([false, true]);
  });

  test('counts how often each step was taken', () => {
    const ladder = new PressureLadder(settings);
    for (let round = 0; round < 3; round++) {
      ladder.update(0.75, 10_000 * round);
      for (let second = 2; second < 6; second++) ladder.update(0, 10_000 * round + 1000 * second);
    }
    expect(ladder.times).toEqual({
      lowerReceiveMaximum: 3,
      shedQos0: 3,
      holdLowLanes: 0,
      refuseConnections: 0,
      stopReading: 0,
    });
  });

  test('whatever the pressure, a step is taken only with all before it, and no two changes back are close', () =>
    seededRun(async (random) => {
      const ladder = new PressureLadder(settings);
      let changedMs = -1000;
      for (let nowMs = 0; nowMs < 200_000; nowMs += 100) {
        const value = random.int(1001) / 1000;
        const changes = ladder.update(value, nowMs);
        if (changes.some(({ isTaken }) => !isTaken)) {
          expect(changes).toHaveLength(1);
          expect(nowMs - changedMs).toBeGreaterThanOrEqual(1000);
        }
        if (changes.length > 0) changedMs = nowMs;
        const taken = pressureSteps.filter((step) => ladder.has(step));
        expect(taken).toEqual(pressureSteps.slice(0, taken.length));
        for (const step of pressureSteps) if (value >= settings[step]) expect(ladder.has(step)).toBe(true);
      }
    }));
});
