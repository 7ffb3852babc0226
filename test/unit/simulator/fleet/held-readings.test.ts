import { describe, expect, test } from 'vitest';
import { HeldReadings } from '../../../../simulator/fleet/held-readings.ts';

describe('readings on a device', () => {
  test('go in the order in which they came', () => {
    const held = new HeldReadings<number>(10);
    for (const dueMs of [3, 5, 8]) held.add(dueMs);
    expect([held.take(), held.take(), held.take()]).toEqual([3, 5, 8]);
    expect(held.count).toBe(0);
  });

  test('have room for so many, and again for more when one has gone', () => {
    const held = new HeldReadings<string>(2);
    held.add('a');
    expect(held).toMatchObject({ count: 1, isFull: false });
    held.add('b');
    expect(held).toMatchObject({ count: 2, isFull: true });
    held.take();
    expect(held.isFull).toBe(false);
    held.add('c');
    expect([held.take(), held.take()]).toEqual(['b', 'c']);
  });

  test('have no room at all on a device without a store', () => {
    expect(new HeldReadings(0).isFull).toBe(true);
  });

  test('keep their order and number through many more than a device holds at once', () => {
    const held = new HeldReadings<number>(3000);
    let [added, taken] = [0, 0];
    for (let round = 0; round < 10; round++) {
      while (!held.isFull) held.add(added++);
      for (let i = 0; i < 2500; i++) expect(held.take()).toBe(taken++);
      expect(held.count).toBe(added - taken);
    }
    expect(taken).toBe(25_000);
  });

  test('can be forgotten', () => {
    const held = new HeldReadings<number>(2);
    held.add(1);
    held.add(2);
    held.clear();
    expect(held).toMatchObject({ count: 0, isFull: false });
    held.add(3);
    expect(held.take()).toBe(3);
  });
});
