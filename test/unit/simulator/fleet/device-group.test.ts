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

  test("switches its devices on in the run's time, however fast theirs passes", () => {
    let nowMs = 0;
    const { group, clients } = groupUnderTest({
      devices: 3,
      nowMs: () => nowMs,
      startMs: (member) => member * 100,
      steps: () => every(1000),
      rates: [
        { fromMs: 0, factor: 0 },
        { fromMs: 500, factor: 10 },
      ],
    });
    group.endAt(700);
    group.runDue(100, () => {});
    expect(clients.map(({ isConnected }) => isConnected)).toEqual([true, false, false]);
    nowMs = 200;
    group.runDue(300, () => {});
    expect(clients.map(({ isConnected }) => isConnected)).toEqual([true, true, true]);
    nowMs = 605;
    group.runDue(700, () => {});
    expect(clients.map(({ messages }) => messages.length)).toEqual([1, 1, 1]);
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
    const rates = [{ fromMs: 250, factor: 10 }]; // one every 10 ms, the first of them 5 ms on
    const { group } = groupUnderTest({ nowMs: () => nowMs, steps: () => every(100), rates });
    group.runDue(10, () => {});
    const lates: number[] = [];
    nowMs = 250;
    group.runDue(1000, noteOf(lates));
    expect(lates).toEqual([150, 50]);
    lates.length = 0;
    nowMs = 268;
    group.runDue(1000, noteOf(lates));
    expect(lates).toEqual([13, 3]);
  });

  test('does not make more of being late when its time goes slower meanwhile', () => {
    let nowMs = 0;
    const rates = [{ fromMs: 103, factor: 0.001 }];
    const { group, clients } = groupUnderTest({ nowMs: () => nowMs, steps: () => every(100), rates });
    group.runDue(10, () => {});
    const lates: number[] = [];
    nowMs = 104;
    group.runDue(1000, noteOf(lates));
    expect(lates).toEqual([4]);
    expect(clients[0]!.messages).toHaveLength(1);
  });

  test('does nothing while its time stands still, and goes on where it was', () => {
    let nowMs = 0;
    const rates = [
      { fromMs: 50, factor: 0 },
      { fromMs: 10_000, factor: 1 },
    ];
    const { group, clients } = groupUnderTest({ nowMs: () => nowMs, steps: () => every(100), rates });
    group.runDue(10, () => {});
    nowMs = 10_000;
    expect(group.runDue(20_000, () => {})).toBe(true);
    expect(clients[0]!.messages).toHaveLength(0);
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

  test('drops all connections', async () => {
    const { group, clients, counters } = groupUnderTest({ devices: 3, nowMs: () => 0 });
    group.runDue(10, () => {});
    expect(group.connected).toBe(3);
    group.drop();
    await new Promise<void>((resolve) => setImmediate(resolve)); // a few at a time
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
    expect(counters).toMatchObject({ skipped: 6, givenUp: 6, unreached: 0, connected: 0 });
  });
});

describe('the end of a group', () => {
  test.each([0, 1, 250, 10_000])('gives as many readings when it comes %i ms late', (lateMs) => {
    let nowMs = 0;
    const { group, clients } = groupUnderTest({ nowMs: () => nowMs, steps: () => every(100) });
    group.endAt(1000);
    for (nowMs = 0; nowMs < 750; nowMs += 5) group.runDue(nowMs + 20, () => {});
    for (nowMs = 1000 + lateMs; group.isReading; nowMs += 5) group.runDue(nowMs + 20, () => {});
    expect(clients[0]!.messages).toHaveLength(9); // at 100 to 900: that of 1000 is due no more
    nowMs += 10_000;
    group.runDue(nowMs + 1000, () => {});
    expect(clients[0]!.messages).toHaveLength(9);
  });

  test('is not there before what was due is reached, also when that takes several turns', () => {
    let nowMs = 0;
    const { group, clients } = groupUnderTest({ nowMs: () => nowMs++, steps: () => every(10) });
    clients[0]!.window = 1000;
    group.endAt(1000);
    nowMs = 5000;
    expect(group.runDue(nowMs + 20, () => {})).toBe(false);
    expect(group).toMatchObject({ owes: true, isReading: true });
    while (!group.runDue(nowMs + 20, () => {}));
    expect(clients[0]!.messages).toHaveLength(99);
    expect(group.isReading).toBe(false);
  });

  test('has its place in the time of the devices, whatever the rate is there', () => {
    let nowMs = 0;
    const rates = [
      { fromMs: 500, factor: 10 },
      { fromMs: 800, factor: 0 },
    ];
    const { group, clients } = groupUnderTest({ nowMs: () => nowMs, steps: () => every(100), rates });
    clients[0]!.window = 1000;
    group.endAt(700);
    nowMs = 5000;
    while (!group.runDue(nowMs + 20, () => {}));
    expect(clients[0]!.messages).toHaveLength(24); // due before 2500 of their own
  });

  test('can come earlier than planned, and not later', () => {
    let nowMs = 0;
    const { group, clients } = groupUnderTest({ nowMs: () => nowMs, steps: () => every(100) });
    group.endAt(1000);
    group.endAt(450);
    group.endAt(2000);
    nowMs = 3000;
    group.runDue(4000, () => {});
    expect(clients[0]!.messages).toHaveLength(4);
  });

  test('wakes up who still has something to send once everything is taken', () => {
    function* steps(): Generator<ProfileStep> {
      for (const atMs of [100, 200, 1500]) yield { atMs, kind: 'hold' };
    }
    let nowMs = 0;
    const { group, clients } = groupUnderTest({
      nowMs: () => nowMs,
      steps,
      connectsAtStart: false,
      change: { storeReadings: 10, flushesOnly: true },
    });
    group.endAt(1000);
    nowMs = 1000;
    group.runDue(2000, () => {});
    expect(clients[0]!.messages).toHaveLength(2);
  });

  test('that nobody waits for counts what was due and not reached among what was skipped', async () => {
    let nowMs = 0;
    const { group, clients, counters } = groupUnderTest({ nowMs: () => nowMs, steps: () => every(100) });
    group.runDue(10, () => {});
    group.endAt(1000);
    nowMs = 450; // busy with other things
    await group.stop(0);
    expect(clients[0]!.messages).toHaveLength(0);
    expect(counters).toMatchObject({ skipped: 4, unreached: 4, givenUp: 0 }); // those by now
    expect(group.owes).toBe(false);
  });
});
