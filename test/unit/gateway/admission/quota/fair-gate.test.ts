import { describe, expect, test } from 'vitest';
import { FairGate } from '../../../../../gateway/admission/quota/fair-gate.ts';
import { RoomBudget } from '../../../../../gateway/admission/quota/room-budget.ts';
import {
  noTotalLimits,
  type TotalLimits,
  TotalQuota,
} from '../../../../../gateway/admission/quota/total-quota.ts';
import { UtcDay } from '../../../../../gateway/admission/quota/utc-day.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';
import { seededRun } from '../../../../support/seeded-run.ts';
import { FairPublisher } from './fair-publisher.ts';

function rig(limits: Partial<TotalLimits>) {
  const clock = new FakeClock();
  const quota = new TotalQuota(new UtcDay(0));
  const set = (to: Partial<TotalLimits>) => quota.set({ ...noTotalLimits, ...to }, clock.monotonicMs());
  set(limits);
  const gate = new FairGate(quota, clock);
  const publisher = (options?: { weight?: number; messageBytes?: number }) =>
    new FairPublisher(gate, clock, options);
  return { clock, quota, gate, set, publisher };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** What each gets of `total` by its weight, if nobody gets more than it wants and nothing is left over. */
function maxMin(total: number, wants: readonly { demand: number; weight: number }[]): number[] {
  const shares = wants.map(() => 0);
  let hungry = wants.map((_, i) => i);
  for (let left = total; hungry.length > 0 && left > 1e-9; ) {
    const perWeight = left / sum(hungry.map((i) => wants[i].weight));
    for (const i of hungry) {
      const more = Math.min(perWeight * wants[i].weight, wants[i].demand - shares[i]);
      shares[i] += more;
      left -= more;
    }
    hungry = hungry.filter((i) => wants[i].demand - shares[i] > 1e-9);
  }
  return shares;
}

describe('while nobody waits', () => {
  test('messages pass at once, and without a timer', () => {
    const { clock, publisher } = rig({ messagesPerS: 100 });
    const one = publisher();
    one.offer(100);
    expect([one.sent, clock.timers]).toEqual([100, 0]);
    one.offer(1);
    expect([one.sent, clock.timers]).toEqual([100, 1]);
    clock.advance(1000);
    expect([one.sent, clock.timers]).toEqual([101, 0]);
  });

  test('without limits nobody ever does', () => {
    const { gate, publisher } = rig({});
    const one = publisher();
    one.offer(10_000);
    expect([one.sent, gate.waits]).toEqual([10_000, 0]);
  });
});

test('a newcomer joins the tail, even when there is enough for it', () => {
  const { clock, gate, publisher } = rig({ messagesPerS: 1000, messagesBurst: 100 });
  const [first, second] = [publisher(), publisher()];
  first.offer(109);
  clock.advance(5); // five more are there, and it is not yet time to look
  second.offer(1);
  expect([first.sent, second.sent, gate.waiting]).toEqual([100, 0, 2]);
  clock.advance(15);
  expect([first.sent, second.sent]).toEqual([109, 1]);
});

test('newcomers do not put off the turn of those who wait', () => {
  const { clock, publisher } = rig({ messagesPerS: 10 });
  const first = publisher();
  first.offer(11);
  for (let i = 0; i < 12; i++) {
    publisher().offer(1);
    clock.advance(10);
  }
  expect(first.sent).toBe(11);
});

test('500 slow ones get all they want beside one that always wants more, which gets the rest', () => {
  const { clock, publisher } = rig({ messagesPerS: 1000, messagesBurst: 100 });
  const slow = Array.from({ length: 500 }, () => publisher());
  const greedy = publisher();
  greedy.offer(1_000_000);
  const seconds = 20;
  // One message a second of each, spread over the second.
  for (let tick = 0; tick < seconds * 100; tick++) {
    clock.advance(10);
    for (let i = 0; i < 5; i++) slow[(tick * 5 + i) % 500].offer(1);
  }
  clock.advance(100);
  expect(slow.map(({ sent }) => sent)).toEqual(Array(500).fill(seconds));
  expect(Math.max(...slow.map(({ waitedMsMax }) => waitedMsMax))).toBeLessThanOrEqual(50);
  const rest = seconds * 500;
  expect(Math.abs(greedy.sent - rest)).toBeLessThanOrEqual(rest * 0.02 + 150);
});

describe('those who always want more', () => {
  test.each([
    [1000, 'many messages a tick'],
    [37, 'less than one message a tick'],
  ])('get what their weights say, at %d/s: %s', (messagesPerS) => {
    const { clock, publisher } = rig({ messagesPerS });
    const weights = [1, 1, 2, 5, 10];
    const all = weights.map((weight) => publisher({ weight }));
    for (const one of all) one.offer(1e6);
    clock.advance(2000);
    const before = all.map(({ sent }) => sent);
    clock.advance(300_000);
    const got = all.map(({ sent }, i) => sent - before[i]);
    const total = messagesPerS * 300;
    expect(Math.abs(sum(got) - total)).toBeLessThanOrEqual(total * 0.005);
    for (const [i, weight] of weights.entries()) {
      const share = (total * weight) / sum(weights);
      expect(Math.abs(got[i] - share), `weight ${weight}: ${got[i]}`).toBeLessThanOrEqual(share * 0.02);
    }
  });

  test('get as many bytes as their weights say where bytes are what is short', () => {
    const { clock, publisher } = rig({ bytesPerS: 100_000 });
    const all = [
      { weight: 1, messageBytes: 50 },
      { weight: 1, messageBytes: 20_000 },
      { weight: 3, messageBytes: 777 },
    ].map((options) => publisher(options));
    for (const one of all) one.offer(1e6);
    clock.advance(300_000);
    const total = sum(all.map(({ sentBytes }) => sentBytes));
    for (const { sentBytes, weight, messageBytes } of all) {
      const share = (total * weight) / 5;
      expect(Math.abs(sentBytes - share), `${messageBytes}: ${sentBytes}`).toBeLessThanOrEqual(share * 0.02);
    }
    expect(Math.abs(total - 100_000 * 301)).toBeLessThanOrEqual(0.02 * 100_000 * 300);
  });

  test('of messages and bytes, count by what each of their messages needs most of', () => {
    const { clock, publisher } = rig({ messagesPerS: 1000, bytesPerS: 100_000 });
    const [many, large] = [publisher({ messageBytes: 1 }), publisher({ messageBytes: 1000 })];
    for (const one of [many, large]) one.offer(1e6);
    clock.advance(100_000);
    // A large message is a hundredth of a second's bytes, a small one a thousandth of its messages.
    expect(many.sent / large.sent).toBeGreaterThan(9);
    expect(many.sent / large.sent).toBeLessThan(11);
  });
});

test('one who leaves after each large message owes for it when it comes back', () => {
  const { clock, publisher } = rig({ bytesPerS: 100_000 });
  const [steady, brief] = [publisher({ messageBytes: 100 }), publisher({ messageBytes: 10_000 })];
  steady.offer(1e6);
  for (let i = 0; i < 10_000; i++) {
    if (brief.place.gate === null) brief.offer(1);
    clock.advance(10);
  }
  expect(brief.sentBytes).toBeLessThan(steady.sentBytes * 1.02);
  expect(brief.sentBytes).toBeGreaterThan(steady.sentBytes * 0.8);
});

test('a turn can be made worth more, so that there are fewer of them', () => {
  const clock = new FakeClock();
  const quota = new TotalQuota(new UtcDay(0));
  quota.set({ ...noTotalLimits, messagesPerS: 10_000 }, clock.monotonicMs());
  const gate = new FairGate(quota, clock, 10);
  const all = [1, 3].map((weight) => new FairPublisher(gate, clock, { weight }));
  for (const one of all) one.offer(1e6);
  clock.advance(10_000);
  const turns = sum(all.map((one) => one.turns));
  expect(turns).toBeLessThan(sum(all.map(({ sent }) => sent)) / 9);
  expect(Math.abs(all[1].sent - 3 * (all[0].sent - 10_000))).toBeLessThan(2000);
});

test('a large message is not overtaken for ever by small ones', () => {
  const { clock, publisher } = rig({ bytesPerS: 10_000, bytesBurst: 10_000 });
  const small = Array.from({ length: 20 }, () => publisher({ messageBytes: 100 }));
  const large = publisher({ messageBytes: 50_000 });
  for (const one of small) one.offer(1e5);
  large.offer(1);
  clock.advance(30_000);
  expect(large.sent).toBe(1);
  clock.advance(30_000);
  expect(small.every(({ sent }) => sent > 0)).toBe(true);
});

test('shares are max-min fair, whoever wants how much', () =>
  seededRun(async (random) => {
    for (let round = 0; round < 5; round++) {
      const messagesPerS = random.between(200, 2000);
      const { clock, publisher } = rig({ messagesPerS, messagesBurst: 20 });
      const wants = random.list(3, 12, () => ({
        demand: random.between(1, 10) * random.pick([5, 20, 100]),
        weight: random.between(1, 4),
      }));
      const all = wants.map(({ weight }) => publisher({ weight }));
      const owed = wants.map(() => 0);
      const seconds = 60;
      for (let tick = 0; tick < seconds * 50; tick++) {
        for (const [i, { demand }] of wants.entries()) {
          owed[i] += demand / 50;
          all[i].offer(Math.floor(owed[i]));
          owed[i] -= Math.floor(owed[i]);
        }
        clock.advance(20);
      }
      const fair = maxMin(messagesPerS, wants);
      for (const [i, one] of all.entries()) {
        const expected = fair[i] * seconds;
        const what = JSON.stringify({ messagesPerS, wants, i, sent: one.sent, expected });
        expect(Math.abs(one.sent - expected), what).toBeLessThanOrEqual(expected * 0.02 + 25);
      }
    }
  }));

describe('one who waits', () => {
  test('keeps its place when it asks again, and is forgotten when it is removed', () => {
    const { clock, gate, publisher } = rig({ messagesPerS: 10 });
    const [first, second] = [publisher(), publisher()];
    first.offer(12);
    second.offer(1);
    gate.wait(first);
    expect(gate.waiting).toBe(2);
    gate.remove(first);
    gate.remove(first);
    clock.advance(120);
    expect([first.sent, second.sent, gate.waiting]).toEqual([10, 1, 0]);
    expect(first.place.gate).toBeNull();
  });

  test('and does nothing with its turn is no longer there', () => {
    const { clock, gate, publisher } = rig({ messagesPerS: 10 });
    const [idle, other] = [publisher(), publisher()];
    idle.offer(11);
    other.offer(1);
    idle.onTurn = () => {};
    clock.advance(120);
    expect([other.sent, gate.waiting, clock.timers]).toEqual([1, 0, 0]);
  });

  test('and goes away in its turn, or waits somewhere else, leaves the others theirs', () => {
    const { clock, gate, publisher } = rig({ messagesPerS: 10 });
    const elsewhere = rig({ messagesPerS: 1 });
    const [gone, moved, other] = [publisher(), publisher(), publisher()];
    gone.offer(11);
    for (const one of [moved, other]) one.offer(1);
    gone.onTurn = () => gate.remove(gone);
    moved.onTurn = () => elsewhere.gate.wait(moved);
    clock.advance(300);
    expect([other.sent, gate.waiting, elsewhere.gate.waiting]).toEqual([1, 0, 1]);
    expect(moved.place.gate).toBe(elsewhere.gate);
  });

  test('and asks again and goes away in one turn is gone', () => {
    const { clock, gate, publisher } = rig({ messagesPerS: 10 });
    const [gone, other] = [publisher(), publisher()];
    gone.offer(11);
    other.offer(1);
    gone.onTurn = () => {
      gate.wait(gone);
      gate.remove(gone);
    };
    clock.advance(500);
    expect([other.sent, gate.waiting, gone.turns]).toEqual([1, 0, 1]);
  });

  test('and removes another one in its turn, who then has none', () => {
    const { clock, gate, publisher } = rig({ messagesPerS: 10 });
    const [first, second, third] = [publisher(), publisher(), publisher()];
    first.offer(11);
    for (const one of [second, third]) one.offer(1);
    first.onTurn = () => gate.remove(second);
    clock.advance(500);
    expect([second.turns, third.sent, gate.waiting]).toEqual([0, 1, 0]);
  });

  test('and throws in its turn is out of the queue; the others are served', () => {
    const { clock, gate, publisher } = rig({ messagesPerS: 10 });
    const [bad, good] = [publisher(), publisher()];
    bad.offer(11);
    good.offer(1);
    bad.onTurn = () => {
      throw new Error('of the waiter');
    };
    expect(() => clock.advance(120)).toThrow('of the waiter');
    clock.advance(120);
    expect([good.sent, gate.waiting]).toEqual([1, 0]);
  });

  test('and asks for turns without using them holds nobody up, and does not keep the process busy', () => {
    const { clock, gate, publisher } = rig({ messagesPerS: 10 });
    const [odd, good] = [publisher(), publisher()];
    odd.offer(11);
    good.offer(5);
    odd.onTurn = () => gate.wait(odd);
    clock.advance(1000);
    expect(good.sent).toBe(5);
    expect(odd.turns).toBeLessThan(1000);
  });
});

test('other limits hold at once for those who wait', () => {
  const { clock, gate, set, publisher } = rig({ messagesPerS: 0.01 });
  const one = publisher();
  one.offer(50);
  clock.advance(5000);
  expect(one.sent).toBe(1);
  set({ messagesPerS: 1000, messagesBurst: 1000 });
  gate.changed();
  clock.advance(20);
  expect(one.sent).toBe(50);
});

test('after stop there is no queue and no timer', () => {
  const { clock, gate, publisher } = rig({ messagesPerS: 1 });
  const all = Array.from({ length: 5 }, () => publisher());
  for (const one of all) one.offer(5);
  gate.stop();
  expect([gate.waiting, clock.timers]).toEqual([0, 0]);
  expect(all.every(({ place }) => place.gate === null)).toBe(true);
});

describe('room in the batch', () => {
  /** A batch with room for so many records, opened by hand. */
  function roomRig(records: number) {
    const clock = new FakeClock();
    const budget = new RoomBudget({ recordsMax: 100, bytesMax: 1000 });
    const gate = new FairGate(budget, clock);
    let left = records;
    const batch = {
      gate,
      pass(bytes: number, nowMs: number): boolean {
        if (!gate.pass(bytes, nowMs)) return false;
        if (left > 0) {
          left--;
          return true;
        }
        budget.full();
        gate.notTaken(0, nowMs); // whoever finds no room need not know for what
        return false;
      },
      wait: (waiter: FairPublisher) => gate.wait(waiter),
    };
    const publisher = (weight = 1) => new FairPublisher(batch as unknown as FairGate, clock, { weight });
    const commit = () => {
      left = records;
      budget.opened();
      gate.serve();
    };
    return { clock, gate, publisher, commit };
  }

  test('is shared by turns, whoever wants how much, and commit after commit to the record', () => {
    const { clock, publisher, commit } = roomRig(7);
    const all = [publisher(), publisher(), publisher(2)];
    for (const one of all) one.offer(1000);
    for (let i = 0; i < 200; i++) commit();
    const got = all.map(({ sent }) => sent);
    expect(sum(got)).toBe(7 * 201);
    // The first had the whole of the first batch, before anybody else wanted any.
    expect([got[0] - 7, got[1], got[2]]).toEqual([350, 350, 700]);
    expect(clock.timers).toBe(0); // it is told when there is room, and does not ask
  });

  test('goes to those who wait before it goes to newcomers', () => {
    const { publisher, commit } = roomRig(2);
    const [first, late] = [publisher(), publisher()];
    first.offer(5);
    commit();
    late.offer(1);
    expect([first.sent, late.sent]).toEqual([4, 0]);
    commit();
    expect([first.sent, late.sent]).toEqual([5, 1]);
  });
});
