import { describe, expect, test } from 'vitest';
import { HeldReadings } from '../../../../simulator/fleet/held-readings.ts';

describe('readings on a device', () => {
  test('go in the order in which they came', () => {
    const held = new HeldReadings(10);
    for (const dueMs of [3, 5, 8]) expect(held.add(dueMs)).toBe(true);
    expect([held.take(), held.take(), held.take()]).toEqual([3, 5, 8]);
    expect(held.count).toBe(0);
  });

  test('are refused when there is no room, and taken when there is room again', () => {
    const held = new HeldReadings(2);
    expect([held.add(1), held.add(2), held.add(3)]).toEqual([true, true, false]);
    expect(held.count).toBe(2);
    held.take();
    expect(held.add(4)).toBe(true);
    expect([held.take(), held.take()]).toEqual([2, 4]);
  });

  test('are not kept at all by a device without a store', () => {
    expect(new HeldReadings(0).add(1)).toBe(false);
  });

  test('keep their order and number through many more than a device holds at once', () => {
    const held = new HeldReadings(3000);
    let [added, taken] = [0, 0];
    for (let round = 0; round < 10; round++) {
      while (held.add(added)) added++;
      for (let i = 0; i < 2500; i++) expect(held.take()).toBe(taken++);
      expect(held.count).toBe(added - taken);
    }
    expect(taken).toBe(25_000);
  });

  test('can be forgotten', () => {
    const held = new HeldReadings(2);
    held.add(1);
    held.add(2);
    held.clear();
    expect(held.count).toBe(0);
    expect(held.add(3)).toBe(true);
    expect(held.take()).toBe(3);
  });
});
