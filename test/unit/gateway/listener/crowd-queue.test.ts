import { expect, test } from 'vitest';
import { clientLimits } from '../../../../config/limits.ts';
import { CrowdQueue } from '../../../../gateway/listener/crowd-queue.ts';

const { crowdMsPerTurn } = clientLimits;
const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

function queueUnderTest() {
  const time = { nowMs: 1000 };
  const counters = { crowdWaits: 0 };
  const queue = new CrowdQueue({ monotonicMs: () => time.nowMs }, counters);
  const served: number[] = [];
  /** A task of so many milliseconds. */
  const task = (id: number, tookMs: number) => () => {
    served.push(id);
    time.nowMs += tookMs;
  };
  return { time, counters, queue, served, task };
}

test('who comes while there is time does not wait', () => {
  const { queue, served, task, counters } = queueUnderTest();
  queue.run(task(1, crowdMsPerTurn / 2));
  queue.run(task(2, crowdMsPerTurn / 4));
  expect(served).toEqual([1, 2]);
  expect(counters.crowdWaits).toBe(0);
});

test('who comes when the time of the turn is used up waits for the next turn', async () => {
  const { queue, served, task, counters } = queueUnderTest();
  queue.run(task(1, crowdMsPerTurn));
  queue.run(task(2, 1));
  expect(served).toEqual([1]);
  expect(queue.length).toBe(1);
  expect(counters.crowdWaits).toBe(1);
  await nextTurn();
  expect(served).toEqual([1, 2]);
  expect(queue.length).toBe(0);
});

test('nobody overtakes those who wait, though there is time again', async () => {
  const { queue, served, task, time } = queueUnderTest();
  queue.run(task(1, crowdMsPerTurn));
  for (let id = 2; id <= 4; id++) queue.run(task(id, crowdMsPerTurn));
  await nextTurn();
  time.nowMs += 1000;
  queue.run(task(5, 0));
  while (queue.length > 0) await nextTurn();
  expect(served).toEqual([1, 2, 3, 4, 5]);
});

test('a turn takes as many as it has time for, and one at least', async () => {
  const { queue, served, task } = queueUnderTest();
  queue.run(task(0, crowdMsPerTurn));
  for (let id = 1; id <= 40; id++) queue.run(task(id, crowdMsPerTurn / 4));
  for (let id = 41; id <= 43; id++) queue.run(task(id, 10 * crowdMsPerTurn));
  const perTurn: number[] = [];
  for (let before = 1; queue.length > 0; before = served.length) {
    await nextTurn();
    perTurn.push(served.length - before);
  }
  expect(served).toEqual(Array.from({ length: 44 }, (_, id) => id));
  expect(Math.max(...perTurn)).toBeLessThanOrEqual(4);
  expect(perTurn.slice(-2)).toEqual([1, 1]); // each took longer than a turn has
});

test('what a task leaves to be done behind it belongs to its turn', async () => {
  const { queue, served, time } = queueUnderTest();
  const leavesWork = (id: number) => () => {
    served.push(id);
    process.nextTick(() => {
      time.nowMs += crowdMsPerTurn;
    });
  };
  queue.run(leavesWork(1));
  await new Promise<void>((resolve) => process.nextTick(resolve));
  for (let id = 2; id <= 4; id++) queue.run(leavesWork(id));
  await nextTurn();
  expect(served).toEqual([1, 2]);
});

test('who is called may ask once whether it may go on', async () => {
  const { queue, task, time } = queueUnderTest();
  const answers: boolean[] = [];
  queue.run(task(1, crowdMsPerTurn));
  queue.wait(() => {
    time.nowMs += crowdMsPerTurn;
    answers.push(queue.admits(), queue.admits());
  });
  await nextTurn();
  expect(answers).toEqual([true, false]);
});

test('a fault in one does not keep the others from being served', async () => {
  const { queue, served, task } = queueUnderTest();
  queue.run(task(1, crowdMsPerTurn));
  const faults: unknown[] = [];
  const handlers = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.once('uncaughtException', (fault) => faults.push(fault));
  queue.run(() => {
    throw new Error('of one client');
  });
  queue.run(task(2, 0));
  while (queue.length > 0) await nextTurn();
  for (const handler of handlers) process.on('uncaughtException', handler);
  expect(faults).toHaveLength(1);
  expect(served).toEqual([1, 2]);
});

test('thousands in a row are all served, in order', async () => {
  const { queue, served, task } = queueUnderTest();
  queue.run(task(0, crowdMsPerTurn));
  for (let id = 1; id <= 5000; id++) queue.run(task(id, crowdMsPerTurn / 8));
  while (queue.length > 0) await nextTurn();
  expect(served).toEqual(Array.from({ length: 5001 }, (_, id) => id));
});
