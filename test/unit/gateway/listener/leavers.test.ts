import { expect, test } from 'vitest';
import { Leavers } from '../../../../gateway/listener/leavers.ts';

test('clients stay until what they have sent is handled, as long as it is not too much for all of them', () => {
  const counters = { leaversDropped: 0 };
  const leavers = new Leavers(counters, 1000);
  expect([leavers.stays(600), leavers.stays(400)]).toEqual([true, true]);
  expect(leavers.stays(1)).toBe(false);
  expect(counters.leaversDropped).toBe(1);
  leavers.gone(600);
  expect([leavers.stays(601), leavers.stays(600)]).toEqual([false, true]);
  leavers.gone(400);
  leavers.gone(600);
  expect(leavers.stays(1000)).toBe(true);
  expect(counters.leaversDropped).toBe(2);
});
