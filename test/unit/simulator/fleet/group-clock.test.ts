import { describe, expect, test } from 'vitest';
import { GroupClock, type RateChange } from '../../../../simulator/fleet/group-clock.ts';
import { seededRandom } from '../../../../simulator/seeded-random.ts';

describe('the clock of a group', () => {
  test('goes with the run where nothing is said of its rate', () => {
    const clock = new GroupClock();
    expect(clock.toDeviceMs(1234)).toBe(1234);
    expect(clock.toRunMs(1234)).toBe(1234);
  });

  test('goes on from where it is when its rate changes', () => {
    const clock = new GroupClock([
      { fromMs: 1000, factor: 10 },
      { fromMs: 1100, factor: 0.5 },
    ]);
    expect(clock.toDeviceMs(1000)).toBe(1000);
    expect(clock.toDeviceMs(1100)).toBe(2000);
    expect(clock.toDeviceMs(1300)).toBe(2100);
    expect(clock.toRunMs(2100)).toBe(1300);
    expect(clock.toRunMs(1500)).toBe(1050); // also when it is asked about what is past
    expect(clock.toDeviceMs(500)).toBe(500);
  });

  test('stands still at 0, and goes on from there', () => {
    const clock = new GroupClock([
      { fromMs: 1000, factor: 0 },
      { fromMs: 61_000, factor: 1 },
    ]);
    expect(clock.toDeviceMs(1000)).toBe(1000);
    expect(clock.toDeviceMs(60_000)).toBe(1000);
    expect(clock.toRunMs(1000)).toBe(1000);
    expect(clock.toDeviceMs(61_000)).toBe(1000);
    expect(clock.toRunMs(1500)).toBe(61_500);
  });

  test('knows that what is due in a time that stands still for ever never comes', () => {
    const clock = new GroupClock([{ fromMs: 0, factor: 0 }]);
    expect(clock.toDeviceMs(60_000)).toBe(0);
    expect(clock.toRunMs(0)).toBe(0);
    expect(clock.toRunMs(1)).toBe(Number.POSITIVE_INFINITY);
  });

  test('has nothing due before the run begins, at whatever rate it does', () => {
    const clock = new GroupClock([{ fromMs: 0, factor: 0 }]);
    expect(clock.toDeviceMs(-5)).toBeLessThan(0);
    expect(clock.toRunMs(-5)).toBeLessThan(0);
  });

  test('tells the time of anything either way, however often the rate has changed since', () => {
    const random = seededRandom(4);
    const changes: RateChange[] = [];
    for (let fromMs = 0, i = 0; i < 200; i++, fromMs += random() * 1000)
      changes.push({ fromMs, factor: i % 5 === 0 ? 0 : random() * 20 });
    const clock = new GroupClock(changes);
    let deviceMs = 0;
    for (let runMs = 0; runMs < 100_000; runMs += 37) {
      expect(clock.toDeviceMs(runMs)).toBeGreaterThanOrEqual(deviceMs);
      deviceMs = clock.toDeviceMs(runMs);
      expect(clock.toDeviceMs(clock.toRunMs(deviceMs))).toBeCloseTo(deviceMs, 6);
    }
    for (let i = 0; i < 1000; i++) {
      const anyMs = random() * deviceMs;
      expect(clock.toDeviceMs(clock.toRunMs(anyMs))).toBeCloseTo(anyMs, 6);
    }
  });
});
