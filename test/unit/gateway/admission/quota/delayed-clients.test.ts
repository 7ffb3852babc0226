import { expect, test } from 'vitest';
import { quotaBounds } from '../../../../../gateway/admission/quota/quota-bounds.ts';
import { QuotaRig } from './quota-rig.ts';

const rated = (): QuotaRig => new QuotaRig({ devices: [{ messagesPerS: '1/s', messagesBurst: 1 }] });
const delaysOf = (rig: QuotaRig) => rig.quotas.status().delays;
const nobody = { delayedClients: 0, mostDelayed: [], waitingForDay: 0, someWaitingForDay: [] };

test('who was made to wait is named with the limit, how often and how long; who was not is not', () => {
  const rig = rated();
  rig.connect({ clientId: 'quick' }).send(1);
  rig.connect({ clientId: 'slow', user: 'u', group: 'g' }).send(3);
  rig.clock.advance(500);
  const slow = { client: 'slow', user: 'u', group: 'g', limit: 'messageRate' };
  const { mostDelayed, ...counts } = delaysOf(rig);
  expect(mostDelayed).toEqual([{ ...slow, times: 1, waitedMs: 500 }]);
  expect(counts).toEqual({ delayedClients: 1, waitingForDay: 0, someWaitingForDay: [] });
  rig.clock.advance(60_000);
  const [{ times, waitedMs }] = delaysOf(rig).mostDelayed;
  expect(times).toBe(2);
  expect(waitedMs).toBeGreaterThan(1800);
  expect(waitedMs).toBeLessThan(2100);
});

test('once they are told it begins anew, also of a wait that is under way', () => {
  const rig = rated();
  const slow = rig.connect({ clientId: 'slow' });
  slow.send(2);
  rig.clock.advance(300);
  rig.quotas.delaysTold();
  rig.clock.advance(200);
  expect(delaysOf(rig).mostDelayed).toEqual([expect.objectContaining({ times: 0, waitedMs: 200 })]);
  rig.clock.advance(10_000);
  rig.quotas.delaysTold();
  expect(delaysOf(rig)).toEqual(nobody);
  expect(slow.handle.delays).toBeNull();
});

test('only the few that waited longest are named, the longest first', () => {
  const rig = rated();
  for (let i = 0; i < 20; i++) {
    rig.connect({ clientId: `c${i}` }).send(2);
    rig.clock.advance(10);
  }
  const { delayedClients, mostDelayed } = delaysOf(rig);
  expect(delayedClients).toBe(20);
  expect(mostDelayed.map(({ client }) => client)).toEqual(['c0', 'c1', 'c2', 'c3', 'c4']);
});

test('one who waits for its day is told apart from those who wait for their rate', () => {
  const rig = new QuotaRig({
    devices: [
      { clients: ['daily'], dailyBytesMax: 1000 },
      { clients: ['*'], messagesPerS: '1/s', messagesBurst: 1 },
    ],
  });
  const daily = rig.connect({ clientId: 'daily' });
  daily.send(11);
  rig.connect({ clientId: 'slow' }).send(10);
  rig.clock.advance(5000);
  const { delayedClients, mostDelayed, waitingForDay, someWaitingForDay } = delaysOf(rig);
  expect([delayedClients, waitingForDay]).toEqual([2, 1]);
  expect(mostDelayed.map(({ client }) => client)).toEqual(['slow']);
  const waits = { client: 'daily', group: 'default', limit: 'dailyBytes', times: 1, waitedMs: 5000 };
  expect(someWaitingForDay).toEqual([waits]);
  daily.close();
  expect(delaysOf(rig)).toMatchObject({ delayedClients: 2, waitingForDay: 0 });
});

test('what one has waited is still known when it has gone, and goes on when it comes back', () => {
  const rig = rated();
  const first = rig.connect({ clientId: 'slow' });
  first.send(2);
  rig.clock.advance(400);
  first.close();
  rig.clock.advance(100);
  expect(delaysOf(rig).mostDelayed).toEqual([expect.objectContaining({ client: 'slow', waitedMs: 400 })]);
  rig.connect({ clientId: 'slow' }).send(2);
  rig.clock.advance(100);
  const again = { client: 'slow', times: 2, waitedMs: 500 };
  expect(delaysOf(rig)).toMatchObject({ delayedClients: 1, mostDelayed: [again] });
});

test('of those who have gone only so many are remembered, the ones that waited longest', () => {
  const rig = rated();
  const leave = (clientId: string, waitedMs: number): void => {
    const client = rig.connect({ clientId });
    client.send(2);
    rig.clock.advance(waitedMs);
    client.close();
  };
  leave('long', 500);
  for (let i = 0; i < 2 * quotaBounds.delayedLeftMax; i++) leave(`c${i}`, 10);
  const { delayedClients, mostDelayed } = delaysOf(rig);
  expect(delayedClients).toBe(quotaBounds.delayedLeftMax);
  expect(mostDelayed[0]).toMatchObject({ client: 'long', waitedMs: 500 });
});

test('a client id of any length is a name of bounded length', () => {
  const rig = rated();
  rig.connect({ clientId: 'x'.repeat(60_000) }).send(2);
  expect(delaysOf(rig).mostDelayed[0].client).toBe(`${'x'.repeat(256)}...`);
});
