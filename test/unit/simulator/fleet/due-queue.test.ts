import { describe, expect, test } from 'vitest';
import { DueQueue } from '../../../../simulator/fleet/due-queue.ts';
import { seededRandom } from '../../../../simulator/seeded-random.ts';

describe('the queue of who is due', () => {
  test('has nobody at first', () => {
    const queue = new DueQueue();
    expect(queue).toMatchObject({ size: 0, nextMs: Number.POSITIVE_INFINITY });
    expect(queue.pop()).toBe(-1);
  });

  test.each([1, 2, 3, 4, 5])(
    'gives what a sorted array gives, whatever is pushed and popped (seed %i)',
    (seed) => {
      const random = seededRandom(seed);
      const queue = new DueQueue();
      const model: { timeMs: number; device: number }[] = [];
      for (let i = 0; i < 3000; i++) {
        // It grows first, beyond its first capacity, and is emptied in the end.
        if (random() < (i < 1500 ? 0.7 : 0.3)) {
          const timeMs = Math.floor(random() * 100); // many are due at once
          queue.push(timeMs, i);
          model.push({ timeMs, device: i });
        } else if (model.length > 0) {
          model.sort((a, b) => a.timeMs - b.timeMs);
          const dueMs = model[0]!.timeMs;
          expect(queue.nextMs).toBe(dueMs);
          const device = queue.pop();
          const index = model.findIndex((each) => each.device === device);
          expect(model[index]?.timeMs).toBe(dueMs); // of those due at once, any
          model.splice(index, 1);
        }
        expect(queue.size).toBe(model.length);
      }
      expect(model.length).toBeLessThan(1500);
    },
  );

  test('brings out in order what was put in at random', () => {
    const random = seededRandom(9);
    const times = Array.from({ length: 500 }, () => random() * 1e6);
    const queue = new DueQueue();
    for (const [device, timeMs] of times.entries()) queue.push(timeMs, device);
    const popped = times.map(() => times[queue.pop()]);
    expect(popped).toEqual([...times].sort((a, b) => a - b));
  });
});
