import { describe, expect, test } from 'vitest';
import { DeviceFleet } from '../../../../simulator/fleet/device-fleet.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { every, type GroupPlan, groupUnderTest } from '../../../support/simulated-devices.ts';

const ZERO_MS = new FakeClock().monotonicMs();

function fleetUnderTest(clock: FakeClock, ...plans: Omit<GroupPlan, 'nowMs'>[]) {
  const nowMs = () => clock.monotonicMs() - ZERO_MS;
  const made = plans.map((plan) => groupUnderTest({ nowMs, ...plan }));
  const groups = made.map(({ group }) => group);
  const fleet = new DeviceFleet({ groups, nowMs, after: (delayMs, fn) => clock.after(delayMs, fn) });
  return { fleet, groups, clients: made.flatMap(({ clients }) => clients) };
}

const perSecond = { steps: () => every(1000) };

describe('the fleet', () => {
  test('lets every device speak when it is due', () => {
    const clock = new FakeClock();
    const { fleet, clients } = fleetUnderTest(
      clock,
      { devices: 2, ...perSecond },
      { steps: () => every(100) },
    );
    fleet.start();
    clock.advance(10_000);
    expect(clients.map(({ messages }) => messages.length)).toEqual([10, 10, 20]); // its window is full
    expect(fleet.totals()).toMatchObject({ devices: 3, connected: 3, connections: 3, sent: 40 });
  });

  test('is told how late it was: one tick at most when it can keep up', () => {
    const clock = new FakeClock();
    const { fleet } = fleetUnderTest(clock, { steps: () => every(7) });
    fleet.start();
    clock.advance(1000);
    expect(fleet.lateness.count).toBe(142); // readings; to connect is slow by itself
    expect(fleet.lateness.maxMs).toBeLessThanOrEqual(5);
    expect(fleet.takeWorstLateMs()).toBeGreaterThan(0);
    expect(fleet.takeWorstLateMs()).toBe(0);
  });

  test('does what it has missed, and admits how late that was', () => {
    const clock = new FakeClock();
    let isStuck = true;
    const after = (delayMs: number, fn: () => void) => clock.after(isStuck ? 3000 : delayMs, fn);
    const nowMs = () => clock.monotonicMs() - ZERO_MS;
    const { group, clients } = groupUnderTest({ nowMs, ...perSecond });
    const fleet = new DeviceFleet({ groups: [group], nowMs, after });
    fleet.start();
    isStuck = false;
    clock.advance(3000);
    expect(clients[0]!.messages).toHaveLength(3);
    expect(fleet.takeWorstLateMs()).toBe(2000);
  });

  test('speeds a group up and leaves the others as they are', () => {
    const clock = new FakeClock();
    const faster = { ...perSecond, rates: [{ fromMs: 1000, factor: 10 }] };
    const { fleet, clients } = fleetUnderTest(clock, faster, perSecond);
    for (const client of clients) client.window = 1000;
    fleet.start();
    clock.advance(10_000);
    expect(clients.map(({ messages }) => messages.length)).toEqual([91, 10]);
    expect(fleet.lateness.maxMs).toBeLessThanOrEqual(5);
  });

  test('gives sockets their turn when there is more to do than time, and goes on at once', () => {
    const clock = new FakeClock();
    const nowMs = () => {
      clock.advance(0.5); // every step takes half a ms
      return clock.monotonicMs() - ZERO_MS;
    };
    const delays: number[] = [];
    const { group, counters } = groupUnderTest({ devices: 100, nowMs });
    const fleet = new DeviceFleet({
      groups: [group],
      nowMs,
      after: (delayMs) => {
        delays.push(delayMs);
        return { clear: () => {} };
      },
    });
    fleet.start();
    expect(delays).toEqual([0]);
    expect(counters.connections).toBeGreaterThan(30);
    expect(counters.connections).toBeLessThan(45);
  });

  test('gives every group a turn when there is more to do than time', () => {
    const clock = new FakeClock();
    const nowMs = () => {
      clock.advance(0.5);
      return clock.monotonicMs() - ZERO_MS;
    };
    const busy = { devices: 100, nowMs, steps: () => every(1) };
    const made = [groupUnderTest(busy), groupUnderTest(busy)];
    const turns: (() => void)[] = [];
    const after = (_delayMs: number, fn: () => void) => {
      turns.push(fn);
      return { clear: () => {} };
    };
    const fleet = new DeviceFleet({ groups: made.map(({ group }) => group), nowMs, after });
    fleet.start();
    for (let tick = 0; tick < 20; tick++) turns.shift()!();
    const [first, second] = fleet.groups.map(({ counters }) => counters.connections + counters.sent);
    expect(second).toBeGreaterThan(first! / 2);
  });

  test('takes no readings from its end on, and knows when nothing is owed any more', () => {
    const clock = new FakeClock();
    const { fleet, clients } = fleetUnderTest(clock, perSecond);
    fleet.endAt(2500);
    fleet.start();
    clock.advance(2499);
    expect(clock.timers).toBe(1);
    clock.advance(10_000);
    expect(clock.timers).toBe(0);
    expect(clients[0]!.messages).toHaveLength(2);
    expect(fleet.owes).toBe(true);
    clients[0]!.ack(2);
    expect(fleet.owes).toBe(false);
  });

  test('says goodbye for all of its devices, repeatedly if need be', async () => {
    const clock = new FakeClock();
    const { fleet, clients } = fleetUnderTest(clock, { devices: 2, ...perSecond });
    fleet.start();
    await fleet.stop(100);
    await fleet.stop(0);
    expect(clients.every(({ isConnected }) => !isConnected)).toBe(true);
    expect(fleet.totals()).toMatchObject({ connected: 0, skipped: 0 });
    expect(clock.timers).toBe(0);
  });

  test('tells what became of the messages of each device, by its index in the fleet', () => {
    const clock = new FakeClock();
    const { fleet, clients } = fleetUnderTest(clock, perSecond, {
      first: 1,
      ...perSecond,
      change: { qos: 0 },
    });
    fleet.start();
    clock.advance(3000);
    clients[0]!.ack(2);
    const outcomes = fleet.outcomes();
    expect(outcomes.map(({ sentCount, qos0 }) => [sentCount, qos0])).toEqual([
      [3, false],
      [3, true],
    ]);
    expect(outcomes.map(({ acked }) => acked.size)).toEqual([2, 0]);
  });
});
