import { expect, test } from 'vitest';
import { RoomWaiters } from '../../../storage/room-waiters.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));

test('those who wait are told once, in order and not at once', async () => {
  const waiters = new RoomWaiters();
  const told: string[] = [];
  waiters.add(() => told.push('first'));
  waiters.add(() => told.push('second'));
  waiters.tell();
  expect(told).toEqual([]);
  waiters.tell();
  await turn();
  expect(told).toEqual(['first', 'second']);
});

test('one that goes away is forgotten', async () => {
  const waiters = new RoomWaiters();
  let told = 0;
  const gone = (): void => {
    told++;
  };
  for (let i = 0; i < 3; i++) waiters.add(gone);
  expect(waiters.count).toBe(1);
  waiters.remove(gone);
  expect(waiters.count).toBe(0);
  waiters.tell();
  await turn();
  expect(told).toBe(0);
});

test('one that waits again while it is told is told again', async () => {
  const waiters = new RoomWaiters();
  let told = 0;
  const again = (): void => {
    told++;
    if (told === 1) waiters.add(again);
  };
  waiters.add(again);
  waiters.tell();
  await turn();
  waiters.tell();
  await turn();
  expect(told).toBe(2);
});
