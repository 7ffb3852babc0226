import { expect, test } from 'vitest';
import { type DropCounts, DropReport } from '../../../../gateway/sessions/drop-report.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

function setUp() {
  const clock = new FakeClock();
  const told: DropCounts[] = [];
  return { clock, told, drops: new DropReport(clock, (dropped) => told.push(dropped)) };
}

test('the first drop is told at once, those that follow in one sum every ten seconds', () => {
  const { clock, told, drops } = setUp();
  drops.add('session-queue-full', 1);
  expect(told).toEqual([{ 'session-queue-full': 1 }]);
  for (let i = 0; i < 1000; i++) drops.add('session-queue-full', 1);
  drops.add('message-expired', 7);
  clock.advance(9999);
  expect(told).toHaveLength(1);
  clock.advance(1);
  expect(told[1]).toEqual({ 'session-queue-full': 1000, 'message-expired': 7 });
  expect(drops.totals).toEqual({ 'session-queue-full': 1001, 'message-expired': 7 });
});

test('after ten seconds without a drop the next one is told at once again', () => {
  const { clock, told, drops } = setUp();
  drops.add('retained-full', 1);
  clock.advance(10_000);
  expect(told).toHaveLength(1);
  drops.add('retained-full', 2);
  expect(told[1]).toEqual({ 'retained-full': 2 });
});

test('flush tells what is left, once', () => {
  const { told, drops } = setUp();
  drops.add('queues-full', 1);
  drops.add('queues-full', 4);
  drops.flush();
  drops.flush();
  expect(told).toEqual([{ 'queues-full': 1 }, { 'queues-full': 4 }]);
});
