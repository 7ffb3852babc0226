import { expect, test } from 'vitest';
import { ReconnectDelay } from '../../../../simulator/fleet/reconnect-delay.ts';

test('waits twice as long after each failure up to the limit, and from the beginning after a success', () => {
  const delay = new ReconnectDelay({ minMs: 100, maxMs: 500 }, () => 1);
  expect([1, 2, 3, 4, 5].map(() => delay.nextMs())).toEqual([100, 200, 400, 500, 500]);
  delay.succeeded();
  expect(delay.nextMs()).toBe(100);
});

test('waits between half of what is due and all of it', () => {
  const draws = [0, 0.5, 1];
  const delay = new ReconnectDelay({ minMs: 100, maxMs: 100 }, () => draws.shift()!);
  expect([delay.nextMs(), delay.nextMs(), delay.nextMs()]).toEqual([50, 75, 100]);
});
