import { describe, expect, test } from 'vitest';
import { Telemetry } from '../../../simulator/telemetry.ts';

function readings(seed: number, count: number) {
  const telemetry = new Telemetry(seed);
  return Array.from({ length: count }, (_, i) => telemetry.next(Date.UTC(2026, 0, 1) + i * 1000));
}

describe('simulated telemetry', () => {
  test('is the same for the same seed, to the byte, and another for another', () => {
    expect(JSON.stringify(readings(7, 100))).toBe(JSON.stringify(readings(7, 100)));
    expect(JSON.stringify(readings(7, 100))).not.toBe(JSON.stringify(readings(8, 100)));
  });

  test('counts its readings from 1 without a gap and has the time that it was given', () => {
    const all = readings(1, 3);
    expect(all.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(all.map(({ time }) => time)[2]).toBe('2026-01-01T00:00:02.000Z');
  });

  test('wanders in small steps within what such a machine could measure', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const all = readings(seed, 2000);
      for (const [i, reading] of all.entries()) {
        expect(reading.temperatureC).toBeGreaterThanOrEqual(15);
        expect(reading.temperatureC).toBeLessThanOrEqual(95);
        expect(reading.pressureHpa).toBeGreaterThanOrEqual(980);
        expect(reading.pressureHpa).toBeLessThanOrEqual(1040);
        if (i > 0) expect(Math.abs(reading.temperatureC - all[i - 1].temperatureC)).toBeLessThanOrEqual(0.41);
      }
      expect(new Set(all.map(({ temperatureC }) => temperatureC)).size).toBeGreaterThan(100);
    }
  });

  test('runs nearly always, and is idle or in a fault now and then', () => {
    const states = readings(3, 20_000).map(({ state }) => state);
    const share = (wanted: string): number =>
      states.filter((state) => state === wanted).length / states.length;
    expect(share('running')).toBeGreaterThan(0.95);
    expect(share('idle')).toBeGreaterThan(0.01);
    expect(share('fault')).toBeGreaterThan(0);
  });
});
