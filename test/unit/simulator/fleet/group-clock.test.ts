import { describe, expect, test } from 'vitest';
import { GroupClock } from '../../../../simulator/fleet/group-clock.ts';
import { seededRandom } from '../../../../simulator/seeded-random.ts';

describe('the clock of a group', () => {
  test('goes with the run at first', () => {
    const clock = new GroupClock();
    expect(clock.factor).toBe(1);
    expect(clock.toDeviceMs(1234)).toBe(1234);
    expect(clock.toRunMs(1234)).toBe(1234);
  });

  test('goes on from where it is when its speed changes', () => {
    const clock = new GroupClock();
    clock.setFactor(10, 1000);
    expect(clock.toDeviceMs(1000)).toBe(1000);
    expect(clock.toDeviceMs(1100)).toBe(2000);
    clock.setFactor(0.5, 1100);
    expect(clock.toDeviceMs(1100)).toBe(2000);
    expect(clock.toDeviceMs(1300)).toBe(2100);
    expect(clock.toRunMs(2100)).toBe(1300);
  });

  test('stands still at 0, and goes on from there', () => {
    const clock = new GroupClock();
    clock.setFactor(0, 1000);
    expect(clock.toDeviceMs(1000)).toBe(1000);
    expect(clock.toDeviceMs(60_000)).toBe(1000);
    expect(clock.toRunMs(1000)).toBe(1000);
    clock.setFactor(1, 61_000);
    expect(clock.toDeviceMs(61_000)).toBe(1000);
    expect(clock.toRunMs(1500)).toBe(61_500);
  });

  test.each([0.01, 1000, 0])('knows when something late was due before it went on at %d', (factor) => {
    const clock = new GroupClock();
    clock.setFactor(factor, 1000);
    expect(clock.toRunMs(990)).toBe(990);
    clock.setFactor(factor * 2, 1000); // a second change in the same moment
    expect(clock.toRunMs(990)).toBe(990);
  });

  test('never goes back, and tells the time of what is to come either way', () => {
    const random = seededRandom(4);
    const clock = new GroupClock();
    let [runMs, deviceMs] = [0, 0];
    for (let i = 0; i < 200; i++) {
      runMs += random() * 1000;
      expect(clock.toDeviceMs(runMs)).toBeGreaterThanOrEqual(deviceMs);
      deviceMs = clock.toDeviceMs(runMs);
      clock.setFactor(i % 5 === 0 ? 0 : random() * 20, runMs);
      expect(clock.toDeviceMs(runMs)).toBeCloseTo(deviceMs, 6);
      if (clock.factor > 0)
        expect(clock.toDeviceMs(clock.toRunMs(deviceMs + 7))).toBeCloseTo(deviceMs + 7, 6);
    }
  });
});
