import { describe, expect, test } from 'vitest';
import type { ProfileStep } from '../../../../simulator/profile/profile.ts';
import { every, groupUnderTest } from '../../../support/simulated-devices.ts';

function noteOf(lates: number[]): (lateMs: number) => void {
  return (lateMs) => void lates.push(lateMs);
}

describe('a group of devices', () => {
  test('switches its devices on one after the other, and runs what is due in the order of time', () => {
    let nowMs = 0;
    const { group, clients } = groupUnderTest({
      devices: 3,
      nowMs: () => nowMs,
      startMs: (member) => member * 100,
      steps: () => every(1000),
    });
    group.runDue(100, () => {});
    expect(clients.map(({ isConnected }) => isConnected)).toEqual([true, false, false]);
    nowMs = 1150;
    expect(group.runDue(2000, () => {})).toBe(true);
    expect(clients.map(({ isConnected }) => isConnected)).toEqual([true, true, true]);
    expect(clients.map(({ messages }) => messages.length)).toEqual([1, 1, 0]); // its own time began later
  });

  test('leaves a device asleep until its profile connects it', () => {
    function* steps(): Generator<ProfileStep> {
      yield { atMs: 500, kind: 'connect' };
    }
    let nowMs = 400;
    const { group, clients } = groupUnderTest({ nowMs: () => nowMs, connectsAtStart: false, steps });
    group.runDue(1000, () => {});
    expect(clients[0]!.calls).toEqual([]);
    nowMs = 500;
    group.runDue(1000, () => {});
    expect(clients[0]!.calls).toEqual(['connect']);
  });

  test('tells how late each step was done, at any speed', () => {
    let nowMs = 0;
    const { group } = groupUnderTest({ nowMs: () => nowMs, steps: () => every(100) });
    group.runDue(10, () => {});
    const lates: number[] = [];
    nowMs = 250;
    group.runDue(1000, noteOf(lates));
    expect(lates).toEqual([150, 50]);
    group.clock.setFactor(10, 250); // one every 10 ms, the next 5 ms on
    lates.length = 0;
    nowMs = 268;
    group.runDue(1000, noteOf(lates));
    expect(lates).toEqual([13, 3]);
  });

  test('does not make more of being late when its time goes slower meanwhile', () => {
    let nowMs = 0;
    const { group, clients } = groupUnderTest({ nowMs: () => nowMs, steps: () => every(100) });
    group.runDue(10, () => {});
    group.clock.setFactor(0.001, 103);
    const lates: number[] = [];
    nowMs = 104;
    group.runDue(1000, noteOf(lates));
    expect(lates).toEqual([4]);
    expect(clients[0]!.messages).toHaveLength(1);
  });

  test('does nothing while its time stands still, and goes on where it was', () => {
    let nowMs = 0;
    const { group, clients } = groupUnderTest({ nowMs: () => nowMs, steps: () => every(100) });
    group.runDue(10, () => {});
    group.clock.setFactor(0, 50);
    nowMs = 10_000;
    expect(group.runDue(20_000, () => {})).toBe(true);
    expect(clients[0]!.messages).toHaveLength(0);
    group.clock.setFactor(1, 10_000);
    nowMs = 10_050;
    const lates: number[] = [];
    group.runDue(20_000, noteOf(lates));
    expect(lates).toEqual([0]);
  });

  test('stops at the end of its turn and says that more is due', () => {
    let nowMs = 0;
    const { group, counters } = groupUnderTest({
      devices: 10,
      nowMs: () => nowMs++, // every look at the clock takes a ms
      steps: () => every(1),
    });
    nowMs = 100;
    expect(group.runDue(104, () => {})).toBe(false);
    expect(counters.connections).toBe(5);
    nowMs = 104;
    expect(group.runDue(109, () => {})).toBe(false);
    expect(counters.connections).toBe(10);
  });

  test('says that nothing more is due when its turn ends with the last of it', () => {
    let nowMs = 100;
    const { group } = groupUnderTest({ nowMs: () => nowMs++, steps: () => every(1000) });
    expect(group.runDue(100, () => {})).toBe(true);
  });

  test('drops all connections', () => {
    const { group, clients, counters } = groupUnderTest({ devices: 3, nowMs: () => 0 });
    group.runDue(10, () => {});
    expect(group.connected).toBe(3);
    group.drop();
    expect(clients.map(({ isConnected }) => isConnected)).toEqual([false, false, false]);
    expect(counters.connected).toBe(0);
  });

  test('hands out acknowledgement latencies once, and sums up the bytes of its devices', () => {
    let nowMs = 0;
    const { group, clients } = groupUnderTest({ devices: 2, nowMs: () => nowMs, steps: () => every(10) });
    group.acked(5);
    group.acked(6);
    expect(group.takeRecentAck().count).toBe(2);
    expect(group.takeRecentAck().count).toBe(0);
    nowMs = 10;
    group.runDue(100, () => {});
    expect(group.bytesSent).toBe(clients[0]!.bytesSent + clients[1]!.bytesSent);
    expect(group.bytesSent).toBeGreaterThan(0);
  });

  test('says goodbye for all, gives up what they had, and remembers how many were connected', async () => {
    let nowMs = 0;
    const { group, clients, counters } = groupUnderTest({
      devices: 2,
      nowMs: () => nowMs,
      steps: () => every(10),
      change: { storeReadings: 5 },
    });
    group.runDue(10, () => {});
    for (const client of clients) client.window = 0;
    nowMs = 30;
    group.runDue(100, () => {});
    expect(group.owes).toBe(true);
    await group.stop(100);
    expect(clients[0]!.calls).toEqual(['connect', 'disconnect', 'destroy']);
    expect(group).toMatchObject({ owes: false, connected: 2 });
    expect(counters).toMatchObject({ skipped: 6, connected: 0 });
  });
});
