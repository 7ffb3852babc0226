import { expect, test } from 'vitest';
import { type Counts, SummedReport } from '../../../config/summed-report.ts';
import { FakeClock } from '../../support/fake-clock.ts';

type Reason = 'full' | 'expired';

function setUp(singlesMax = 1) {
  const clock = new FakeClock();
  const told: Counts<Reason>[] = [];
  const events = new SummedReport<Reason>({ clock, singlesMax, report: (untold) => told.push(untold) });
  return { clock, told, events };
}

test('the first is told by itself, those that follow in one sum every ten seconds', () => {
  const { clock, told, events } = setUp();
  expect(events.add('full')).toBe(true);
  for (let i = 0; i < 1000; i++) expect(events.add('full')).toBe(false);
  events.add('expired', 7);
  clock.advance(9999);
  expect(told).toEqual([]);
  clock.advance(1);
  expect(told).toEqual([{ full: 1000, expired: 7 }]);
  expect(events.totals).toEqual({ full: 1001, expired: 7 });
});

test('a flood is told in sums alone after the first interval, and by itself again when it is over', () => {
  const { clock, told, events } = setUp(3);
  let singles = 0;
  for (let second = 0; second < 60; second++) {
    for (let i = 0; i < 100; i++) if (events.add('full')) singles++;
    clock.advance(1000);
  }
  expect(singles).toBe(3);
  expect(told.map(({ full }) => full)).toEqual([997, 1000, 1000, 1000, 1000, 1000]);
  expect(events.add('full')).toBe(false);
  clock.advance(10_000);
  expect(told).toHaveLength(7);
  expect(events.add('full')).toBe(true);
  expect(events.totals.full).toBe(6002);
});

test('what comes now and then is always told by itself', () => {
  const { clock, told, events } = setUp(3);
  for (let i = 0; i < 50; i++) {
    expect(events.add('expired')).toBe(true);
    clock.advance(4000);
  }
  expect(told).toEqual([]);
});

test('flush tells what is left, once', () => {
  const { told, events } = setUp();
  events.add('full');
  events.add('full', 4);
  events.flush();
  events.flush();
  expect(told).toEqual([{ full: 4 }]);
});

test('waits for nothing when nothing has come for ten seconds', () => {
  const { clock, events } = setUp();
  events.add('full');
  expect(clock.timers).toBe(1);
  clock.advance(20_000);
  expect(clock.timers).toBe(0);
});
