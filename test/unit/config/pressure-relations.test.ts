import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../../config/load.ts';

function said(pressure: string): string[] {
  const result = loadConfig({ text: `pressure: {${pressure}}`, env: {} });
  const [severity, found] = result.ok ? ['warning', result.warnings] : ['problem', result.problems];
  const said = found.map(({ path, message }) => `${severity} ${path}: ${message}`);
  return said.filter((line) => line.includes(' pressure.'));
}

describe('the steps of the ladder', () => {
  test.each(['', 'shedQos0: 0.5', 'shedQos0: 1', 'lowerReceiveMaximum: 0', 'stopReading: 1, ease: 0.4'])(
    '{%s} is fine',
    (settings) => {
      expect(said(settings)).toEqual([]);
    },
  );

  test('a step may not come before one that is before it', () => {
    expect(said('shedQos0: 0.4')).toEqual([
      'problem pressure.shedQos0: 0.4 is less than pressure.lowerReceiveMaximum, 0.5, a step that comes before it',
    ]);
  });

  test('a step that is never is no neighbour', () => {
    expect(said('shedQos0: 1, holdLowLanes: 0.3')).toEqual([
      'problem pressure.holdLowLanes: 0.3 is less than pressure.lowerReceiveMaximum, 0.5, a step that comes before it',
    ]);
  });

  test('every step can be taken back', () => {
    expect(said('lowerReceiveMaximum: 0.2, ease: 0.2')).toEqual([
      'problem pressure.lowerReceiveMaximum: 0.2 is not above pressure.ease, 0.2: the step would never be taken back',
    ]);
  });
});
