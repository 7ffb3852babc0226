import { describe, expect, onTestFinished, test } from 'vitest';
import { days } from '../../../../../config/limits.ts';
import { createLogger } from '../../../../../config/logger.ts';
import { DailyUsage } from '../../../../../gateway/admission/quota/daily-usage.ts';
import { quotaBounds } from '../../../../../gateway/admission/quota/quota-bounds.ts';
import { Quotas } from '../../../../../gateway/admission/quota/quotas.ts';
import { quotaReason, verdict } from '../../../../../gateway/admission/quota/verdict.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';
import { seededRun } from '../../../../support/seeded-run.ts';
import { TemporaryDirectory } from '../../../../support/temporary-directory.ts';
import { type QuotaConnection, QuotaRig } from './quota-rig.ts';
import { quotaSettings } from './quota-settings.ts';

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

describe('with delay', () => {
  test.each([0.1, 1, 10, 100, 1000])(
    'a device gets its rate of %d/s within 2 %, and nothing is lost',
    (rate) => {
      const rig = new QuotaRig({
        devices: [{ messagesPerS: rate < 1 ? '6/m' : `${rate}/s`, messagesBurst: 1 }],
      });
      const one = rig.connect();
      one.send(rate * 70 + 100);
      rig.clock.advance(2000);
      const before = one.kept;
      rig.clock.advance(60_000);
      expect(Math.abs(one.kept - before - rate * 60)).toBeLessThanOrEqual(Math.max(1, rate * 60 * 0.02));
      rig.clock.advance(2_000_000);
      expect(one.kept).toBe(rate * 70 + 100);
      expect(one.left).toBe(0);
    },
  );

  test('it is the device that waits: another one and a second connection of it are what they are', () => {
    const rig = new QuotaRig({ devices: [{ messagesPerS: '10/s' }] });
    const [one, other, again] = [
      rig.connect({ clientId: 'a' }),
      rig.connect({ clientId: 'b' }),
      rig.connect({ clientId: 'a' }),
    ];
    one.send(20);
    other.send(10);
    again.send(1);
    expect([one.kept, other.kept, again.kept]).toEqual([10, 10, 0]);
  });

  test('one who comes back has neither a fresh bucket nor a fresh day', () => {
    const rig = new QuotaRig({ devices: [{ messagesPerS: '10/s', dailyBytesMax: 1500 }] });
    const first = rig.connect({ clientId: 'a' });
    first.send(15);
    first.close();
    const second = rig.connect({ clientId: 'a' });
    second.send(15);
    expect([first.kept, second.kept]).toEqual([10, 0]);
    rig.clock.advance(10_000);
    expect(second.kept).toBe(5);
  });
});

describe('a message', () => {
  test('that finds no room is charged once, whenever it is kept', () => {
    const rig = new QuotaRig({
      devices: [{ messagesPerS: '100/s', dailyBytesMax: 100_000 }],
      groups: { default: { messagesPerS: '50/s' } },
      gateway: { messagesPerS: '20/s' },
    });
    rig.room = 0;
    const one = rig.connect();
    one.send(1);
    for (let i = 0; i < 100; i++) one.work();
    const { totals } = rig.quotas.status();
    expect([one.noRoom, one.handle.quota.dayBytes]).toEqual([101, 0]);
    expect([totals.groups.default.messages, totals.gateway.messages]).toEqual([1, 1]);
    rig.room = Infinity;
    one.send(19);
    expect(one.kept).toBe(20);
    expect(rig.quotas.status().totals.gateway.messages).toBe(20);
    expect(one.handle.quota.dayBytes).toBe(2000);
  });

  test('that was paid for and is never kept is given back', () => {
    const rig = new QuotaRig({ groups: { default: { messagesPerS: '1/m' } } });
    rig.room = 0;
    const one = rig.connect();
    one.send(1);
    one.close();
    rig.room = Infinity;
    const other = rig.connect();
    other.send(1);
    expect(other.kept).toBe(1);
    expect(rig.quotas.status().totals.gateway).toMatchObject({ messages: 1, bytes: 100 });
  });

  test('that is given up for another reason pays for the next one of its size, and for no other', () => {
    const rig = new QuotaRig({ gateway: { bytesPerS: 1000 } });
    rig.room = 0;
    const one = rig.connect();
    one.send(1, { bytes: 400 });
    one.giveUp();
    rig.room = Infinity;
    one.send(1, { bytes: 100 });
    expect(rig.quotas.status().totals.gateway).toMatchObject({ messages: 1, bytes: 100 });
  });

  test('is counted as delayed once, however often it is asked about', () => {
    const rig = new QuotaRig({ devices: [{ messagesPerS: '1/s' }] });
    const one = rig.connect();
    one.send(2);
    for (let i = 0; i < 10; i++) one.work();
    expect(rig.quotas.status().delayed).toEqual({ messageRate: 1 });
    rig.clock.advance(5000);
    one.send(10);
    expect(rig.quotas.status().delayed).toEqual({ messageRate: 2 });
  });
});

describe('what is over', () => {
  const over = (settings: object) => new QuotaRig({ devices: [{ messagesPerS: '1/s', ...settings }] });
  const counted = (one: QuotaConnection) =>
    Object.fromEntries(Object.entries(one.counts).filter(([, count]) => count > 0));

  test('is refused in MQTT 5; without an acknowledgement there is nothing to refuse with', () => {
    const rig = over({ over: 'refuse' });
    const one = rig.connect({ version: 5 });
    one.send(3, { qos: 1 });
    one.send(1, { qos: 2 });
    one.send(4, { qos: 0 });
    expect(counted(one)).toEqual({ accept: 1, refuse: 3, drop: 4 });
    expect(one.handle.reason).toBe(quotaReason.messageRate);
    expect(rig.quotas.status()).toMatchObject({ refused: { messageRate: 3 }, dropped: { messageRate: 4 } });
  });

  test.each([
    ['drop', { accept: 1, drop: 3 }, { dropped: { messageRate: 3 }, disconnected: {} }],
    ['disconnect', { accept: 1, disconnect: 2, drop: 1 }, { disconnected: { messageRate: 2 } }],
  ])('is refused in MQTT 3 as it says: %s', (refuseMqtt3, counts, status) => {
    const rig = over({ over: 'refuse', refuseMqtt3 });
    const one = rig.connect({ version: 4 });
    one.send(3, { qos: 1 });
    one.send(1, { qos: 0 });
    expect(counted(one)).toEqual(counts);
    expect(rig.quotas.status()).toMatchObject(status);
  });

  test('is dropped if it is QoS 0, and waits if not', () => {
    const one = over({ over: 'drop-qos0' }).connect();
    one.send(5, { qos: 0 });
    one.send(1, { qos: 1 });
    expect(counted(one)).toEqual({ accept: 1, drop: 4 });
    expect(one.isWaiting).toBe(true);
  });

  test('is sampled one in N; totals hold for what is kept', () => {
    const rig = new QuotaRig({
      devices: [{ messagesPerS: '1/s', over: 'sample', sampleOneIn: 10 }],
      gateway: { messagesPerS: '4/s' },
    });
    const one = rig.connect();
    one.send(100);
    expect(counted(one)).toEqual({ accept: 1, keep: 3, thin: 27 });
    expect(one.isWaiting).toBe(true);
    rig.clock.advance(100_000);
    expect(one.left).toBe(0);
    expect(one.kept + one.counts.thin).toBe(100);
    const { accepted, sampled, sampledAway } = rig.quotas.status();
    expect([accepted, sampled, sampledAway]).toEqual([one.kept, one.counts.keep, one.counts.thin]);
  });
});

describe('sample latest', () => {
  const settings = { messagesPerS: '2/s', over: 'sample', sample: 'latest', sampleEveryMs: '1s' };

  test('keeps the last of each topic when the interval ends, and none before it', () => {
    const rig = new QuotaRig({ devices: [settings] });
    const one = rig.connect();
    one.send(2);
    for (const topic of ['a', 'b', 'a', 'a', 'b']) one.send(1, { topic });
    expect([one.counts.accept, one.counts.hold]).toEqual([2, 5]);
    rig.clock.advance(990);
    expect(one.keptLatest).toEqual([]);
    rig.clock.advance(20);
    expect(one.keptLatest).toEqual(['a=3', 'b=4']);
    expect(rig.quotas.status()).toMatchObject({ accepted: 4, sampled: 2, sampledAway: 3 });
    expect(one.handle.latest).toBeNull();
  });

  test('holds everything while it holds something: nothing newer goes ahead of something older', () => {
    const rig = new QuotaRig({ devices: [settings] });
    const one = rig.connect();
    one.send(3);
    rig.clock.advance(900); // there would be enough again
    one.send(1);
    expect([one.counts.accept, one.counts.hold]).toEqual([2, 2]);
    rig.clock.advance(200);
    expect(one.keptLatest).toEqual(['a=1']);
    one.send(1);
    expect(one.counts.accept).toBe(3);
  });

  test('does not use up the rate, but the totals', () => {
    const rig = new QuotaRig({
      devices: [settings],
      groups: { line: {} },
      gateway: { messagesPerS: '3/m', messagesBurst: 3 },
    });
    const one = rig.connect({ group: 'line' });
    one.send(3);
    rig.clock.advance(2000);
    expect(one.keptLatest).toHaveLength(1);
    expect(rig.quotas.status().totals.groups.line).toMatchObject({ messages: 3, storedBytes: 300 });
    one.send(1);
    expect(one.isWaiting).toBe(true);
    expect(one.handle.reason).toBe(quotaReason.gatewayTotal);
  });

  test('tries again when there is no room, and gives up at the end of the connection', () => {
    const rig = new QuotaRig({ devices: [settings] });
    const one = rig.connect();
    one.send(2);
    for (const topic of ['a', 'b', 'c']) one.send(1, { topic });
    rig.room = 1;
    rig.clock.advance(1500);
    expect(one.keptLatest).toEqual(['a=0']);
    rig.room = 1;
    rig.clock.advance(100);
    expect(one.keptLatest).toEqual(['a=0', 'b=1']);
    one.close();
    expect(rig.quotas.status().sampledAway).toBe(1);
    expect(rig.clock.timers).toBe(0);
  });
});

describe('totals', () => {
  test('are shared: one that sends without end costs the members of its group and the others nothing', () => {
    const rig = new QuotaRig({
      groups: { line: { messagesPerS: '200/s', messagesBurst: 20 } },
      gateway: { messagesPerS: '300/s', messagesBurst: 30 },
    });
    const greedy = rig.connect({ group: 'line' });
    const members = Array.from({ length: 10 }, () => rig.connect({ group: 'line' }));
    const others = Array.from({ length: 10 }, () => rig.connect({ group: 'other' }));
    greedy.send(100_000);
    for (let second = 0; second < 20; second++) {
      for (let part = 0; part < 5; part++) {
        for (const one of [...members, ...others]) one.send(1);
        rig.clock.advance(200);
      }
    }
    rig.clock.advance(100);
    expect([...members, ...others].map(({ kept }) => kept)).toEqual(Array(20).fill(100));
    expect(greedy.kept).toBeGreaterThan(150 * 20 * 0.97);
    expect(greedy.kept).toBeLessThan(150 * 20 * 1.03 + 40);
  });

  test('are shared by the weights of the groups', () => {
    const rig = new QuotaRig({ gateway: { messagesPerS: '200/s' } }, { heavy: { weight: 3 }, light: {} });
    const all = ['heavy', 'light', 'none'].map((group) => rig.connect({ group }));
    for (const one of all) one.send(100_000);
    rig.clock.advance(100_000);
    const total = sum(all.map(({ kept }) => kept));
    expect(Math.abs(total - 20_000)).toBeLessThanOrEqual(400);
    for (const [i, share] of [0.6, 0.2, 0.2].entries()) {
      expect(Math.abs(all[i].kept - total * share)).toBeLessThanOrEqual(total * share * 0.02 + 200);
    }
  });

  test('of group and gateway, both short: everybody moves, and as much as both allow', () => {
    const rig = new QuotaRig({
      groups: { line: { messagesPerS: '100/s' }, hall: { messagesPerS: '100/s' } },
      gateway: { messagesPerS: '150/s' },
    });
    const all = Array.from({ length: 12 }, (_, i) => rig.connect({ group: i % 3 === 0 ? 'hall' : 'line' }));
    for (const one of all) one.send(100_000);
    rig.clock.advance(5000); // without the bursts, which are for those who come first
    const before = all.map(({ kept }) => kept);
    rig.clock.advance(60_000);
    const kept = all.map((one, i) => one.kept - before[i]);
    const hall = kept.filter((_, i) => i % 3 === 0);
    const line = kept.filter((_, i) => i % 3 > 0);
    expect(Math.abs(sum(kept) - 9000)).toBeLessThanOrEqual(90);
    expect(sum(line)).toBeLessThanOrEqual(6060);
    for (const members of [hall, line])
      expect(Math.max(...members)).toBeLessThan(Math.min(...members) * 1.02 + 2);
  });

  test('of a day and of stored bytes hold for all members together', () => {
    const rig = new QuotaRig({
      groups: { line: { storedBytesMax: 1000 } },
      gateway: { dailyBytesMax: 3000 },
    });
    const [one, two] = ['one', 'two'].map((clientId) => rig.connect({ clientId, group: 'line' }));
    one.send(6);
    two.send(6);
    expect([one.kept, two.kept]).toEqual([6, 4]);
    rig.quotas.setStored(one.handle, 0);
    rig.clock.advance(1000);
    expect([one.kept, two.kept]).toEqual([6, 6]);
    rig.quotas.setStored(two.handle, 0);
    const other = rig.connect();
    other.send(100);
    expect(other.kept).toBe(18);
    expect(other.handle.reason).toBe(quotaReason.gatewayTotal);
  });
});

describe('topics', () => {
  test('beyond the limit are refused, whatever `over` says, also after coming back', () => {
    const rig = new QuotaRig({ devices: [{ topicsMax: 3 }] });
    const admitted = (one: QuotaConnection, hashes: number[]) =>
      hashes.map((hash) => rig.quotas.admitsTopic(one.handle, hash));
    const one = rig.connect({ clientId: 'a', version: 4 });
    expect(admitted(one, [1, 2, 1, 3, 4, 2])).toEqual([true, true, true, true, false, true]);
    const outcome = rig.quotas.refusal(one.handle, quotaReason.topics, 1);
    expect(outcome).toBe(verdict.drop);
    rig.quotas.settle(one.handle, outcome, 100, 0);
    expect(rig.quotas.status().dropped).toEqual({ topics: 1 });
    one.close();
    expect(admitted(rig.connect({ clientId: 'a' }), [4, 3])).toEqual([false, true]);
    expect(admitted(rig.connect({ clientId: 'b' }), [4])).toEqual([true]);
  });

  test('of devices that are forgotten are forgotten', () => {
    const rig = new QuotaRig({ devicesMax: 100, devices: [{ topicsMax: 5 }] });
    for (let i = 0; i < 1000; i++) {
      const one = rig.connect();
      for (const hash of [1, 2, 3]) rig.quotas.admitsTopic(one.handle, hash);
      one.close();
    }
    expect(rig.quotas.status()).toMatchObject({ countedTopics: 300, uncountedTopics: 0 });
  });

  test('are not counted where there is no limit', () => {
    const rig = new QuotaRig({ devices: [{ topicsMax: 0 }] });
    const { handle } = rig.connect();
    for (let hash = 0; hash < 1000; hash++) expect(rig.quotas.admitsTopic(handle, hash)).toBe(true);
    expect(rig.quotas.status().countedTopics).toBe(0);
  });
});

describe('when the device table is full of connected devices', () => {
  const settings = {
    devicesMax: 100,
    devices: [{ messagesPerS: '10/s', topicsMax: 2, storedBytesMax: 5000 }],
  };

  test('newcomers of a group share one quota, so that the limits hold', () => {
    const rig = new QuotaRig(settings);
    const known = Array.from({ length: 100 }, () => rig.connect());
    const flood = Array.from({ length: 50 }, () => rig.connect());
    const other = rig.connect({ group: 'other' });
    for (const one of [...known, ...flood, other]) one.send(10);
    expect(known.every(({ kept }) => kept === 10)).toBe(true);
    expect([sum(flood.map(({ kept }) => kept)), other.kept]).toEqual([10, 10]);
    expect(rig.quotas.status().devices).toMatchObject({ known: 100, overflowed: 51 });
    rig.clock.advance(30_000);
    // By turns: the first has had its ten messages, the others have six each of the 300 in half a minute.
    const kept = flood.map((one) => one.kept);
    expect(kept[0]).toBe(10);
    expect(Math.abs(sum(kept) - 310)).toBeLessThanOrEqual(10);
    expect(Math.min(...kept)).toBeGreaterThanOrEqual(5);
    expect(Math.max(...kept.slice(1))).toBeLessThanOrEqual(8);
  });

  test('what nobody can say of them singly does not block them', () => {
    const rig = new QuotaRig(settings);
    for (let i = 0; i < 100; i++) rig.connect();
    const newcomer = rig.connect();
    newcomer.send(200);
    rig.clock.advance(60_000);
    expect(newcomer.kept).toBe(200); // more than may be stored of one device
    for (let hash = 0; hash < 10; hash++) expect(rig.quotas.admitsTopic(newcomer.handle, hash)).toBe(true);
    expect(rig.quotas.status().uncountedTopics).toBe(10);
  });
});

describe('other settings at run time', () => {
  test('hold for connected devices, also for those who wait', () => {
    const rig = new QuotaRig({ devices: [{ messagesPerS: '1/m' }] });
    const one = rig.connect();
    one.send(500);
    expect(one.kept).toBe(1);
    rig.reconfigure({ devices: [{ messagesPerS: '100/s', messagesBurst: 1 }] });
    rig.clock.advance(1000);
    expect(one.kept).toBeGreaterThan(95);
    expect(one.kept).toBeLessThan(110);
    rig.reconfigure({});
    rig.clock.advance(20);
    expect(one.kept).toBe(500);
  });

  test('can give a group a total, and take it away from those who wait for it', () => {
    const rig = new QuotaRig({});
    const all = Array.from({ length: 5 }, () => rig.connect({ group: 'line' }));
    rig.reconfigure({ groups: { line: { messagesPerS: '1/s' } } });
    for (const one of all) one.send(100);
    rig.clock.advance(3000);
    expect(sum(all.map(({ kept }) => kept))).toBe(4);
    rig.reconfigure({});
    rig.clock.advance(20);
    expect(sum(all.map(({ kept }) => kept))).toBe(500);
    expect(rig.quotas.status().totals.groups).toEqual({});
    expect(rig.clock.timers).toBe(0);
  });

  test('sum up anew what a group has stored', () => {
    const rig = new QuotaRig({});
    const one = rig.connect({ clientId: 'a', group: 'line' });
    one.send(10);
    rig.reconfigure({ groups: { line: { storedBytesMax: 1500 } } });
    rig.reconfigure({ groups: { line: { storedBytesMax: 1500 } } });
    expect(rig.quotas.status().totals.groups.line.storedBytes).toBe(1000);
    one.send(10);
    expect(one.kept).toBe(15);
  });

  test('charge no new total with what was paid to none', () => {
    const rig = new QuotaRig({});
    rig.room = 0;
    const one = rig.connect({ group: 'line' });
    one.send(1);
    rig.reconfigure({ groups: { line: { messagesPerS: '1/s' } } });
    one.close();
    const { groups, gateway } = rig.quotas.status().totals;
    expect([groups.line.messages, gateway.messages]).toEqual([0, 0]);
  });

  test('hold for those who are away when they come back', () => {
    const rig = new QuotaRig({ devices: [{ messagesPerS: '100/s' }] });
    rig.connect({ clientId: 'a' }).close();
    rig.reconfigure({ devices: [{ messagesPerS: '5/s' }] });
    const one = rig.connect({ clientId: 'a' });
    one.send(10);
    expect(one.kept).toBe(5);
  });
});

test('a device whose group changes takes what it has stored with it', () => {
  const rig = new QuotaRig({ groups: { a: {}, b: {} } });
  const one = rig.connect({ clientId: 'x', group: 'a' });
  one.send(3);
  one.close();
  rig.connect({ clientId: 'x', group: 'b' });
  const { groups } = rig.quotas.status().totals;
  expect([groups.a.storedBytes, groups.b.storedBytes]).toEqual([0, 300]);
});

test('the status names those with the most bytes today, and no more than that', () => {
  const rig = new QuotaRig({});
  const order = Array.from({ length: 50 }, (_, i) => (i * 37) % 50);
  for (const i of order) rig.connect({ clientId: `d${i}` }).send(i + 1);
  const { top } = rig.quotas.status();
  expect(top.map(({ device }) => device)).toEqual(
    Array.from({ length: quotaBounds.topConsumers }, (_, i) => `d${49 - i}`),
  );
  expect(top[0]).toMatchObject({ accepted: 50, dayBytes: 5000, connected: true, group: 'default' });
});

test('daily use outlives the process and the table, and ends at midnight', async () => {
  const directory = new TemporaryDirectory();
  onTestFinished(() => directory[Symbol.dispose]());
  const clock = new FakeClock(20_000 * days + 1000);
  const log = createLogger(
    { level: 'error', format: 'json' },
    { write: () => expect.fail('nothing to say') },
  );
  const config = quotaSettings({
    devicesMax: 100,
    devices: [{ dailyBytesMax: 1000 }],
    gateway: { dailyBytesMax: 100_000 },
  });
  const begin = async () => {
    const usage = new DailyUsage({ file: directory.file('usage.jsonl'), entriesMax: 1000, clock, log });
    const quotas = new Quotas({ config, clock, usage });
    await quotas.start();
    /** Connects, sends until it is stopped, leaves. */
    const visit = (clientId: string, messages: number) => {
      const link = { resume: () => {}, keepLatest: () => true };
      const client = { clientId, deviceKey: clientId, user: '', group: 'default', version: 5, link } as const;
      const handle = quotas.open(client);
      let count = 0;
      for (; count < messages && quotas.decide(handle, 100, 1, 0) === verdict.accept; count++)
        quotas.settle(handle, verdict.accept, 100, 0);
      quotas.close(handle);
      return count;
    };
    return { quotas, visit };
  };
  const first = await begin();
  expect(first.visit('a', 7)).toBe(7);
  for (let i = 0; i < 200; i++) first.visit(`flood-${i}`, 1);
  expect(first.visit('a', 7)).toBe(3); // it was forgotten, its use was not
  await first.quotas.stop();
  const second = await begin();
  expect(second.visit('a', 7)).toBe(0);
  expect(second.visit('flood-0', 20)).toBe(9);
  expect(second.quotas.status().totals.gateway.dayBytes).toBe(1000 + 200 * 100 + 900);
  clock.advance(days);
  expect(second.visit('a', 20)).toBe(10);
  await second.quotas.stop();
  expect(clock.timers).toBe(0);
});

test('whoever comes, sends, waits, finds no room and goes: nothing is lost, counted twice or left behind', () =>
  seededRun(async (random) => {
    const over = () => random.pick(['delay', 'refuse', 'drop-qos0', 'sample']);
    const settings = () => ({
      devices: [
        { clients: ['c-0', 'c-1'], messagesPerS: `${random.between(1, 50)}/s`, over: over() },
        { clients: ['c-2'], bytesPerS: 5000, over: over() },
        { clients: ['c-3'], messagesPerS: '5/s', over: 'sample', sample: 'latest', sampleEveryMs: '300ms' },
      ],
      groups: random.chance(70) ? { g0: { messagesPerS: `${random.between(20, 200)}/s` } } : {},
      gateway: random.chance(70) ? { bytesPerS: random.between(5000, 50_000) } : {},
    });
    const rig = new QuotaRig(settings());
    const live: QuotaConnection[] = [];
    const all: QuotaConnection[] = [];
    let offered = 0;
    let given = 0;
    for (let step = 0; step < 2500; step++) {
      rig.room = random.chance(80) ? Infinity : random.int(3);
      const one = live[random.int(live.length || 1)];
      if (one === undefined || random.chance(5)) {
        const index = random.int(6);
        const came = rig.connect({
          clientId: `c-${index}`,
          group: `g${index % 2}`,
          version: random.pick([4, 5]),
        });
        live.push(came);
        all.push(came);
      } else if (random.chance(60)) {
        const count = random.int(20);
        offered += count;
        one.send(count, {
          bytes: random.between(10, 1000),
          qos: random.int(3),
          topic: random.pick(['a', 'b']),
        });
      } else if (random.chance(8)) {
        one.close();
        one.close();
        given += one.left;
        live.splice(live.indexOf(one), 1);
      } else if (random.chance(4)) rig.reconfigure(settings());
      else rig.clock.advance(random.int(100));
      for (const waiting of live) if (!waiting.isWaiting) waiting.work();
    }
    rig.room = Infinity;
    rig.reconfigure({});
    for (const one of live) if (!one.isWaiting) one.work();
    rig.clock.advance(2000);
    expect(sum(live.map(({ left }) => left))).toBe(0);
    for (const one of live) one.close();
    const total = (name: keyof QuotaConnection['counts']) => sum(all.map(({ counts }) => counts[name]));
    const settled = ['accept', 'keep', 'refuse', 'drop', 'thin', 'disconnect', 'hold'] as const;
    expect(sum(settled.map(total)) + given).toBe(offered);
    const status = rig.quotas.status();
    const latest = sum(all.map(({ keptLatest }) => keptLatest.length));
    expect(status.accepted).toBe(total('accept') + total('keep') + latest);
    expect(status.sampled).toBe(total('keep') + latest);
    expect(status.sampledAway).toBe(total('thin') + total('hold') - latest);
    expect(sum(Object.values(status.refused))).toBe(total('refuse'));
    expect(sum(Object.values(status.dropped))).toBe(total('drop'));
    expect([status.totals.gateway.messages, status.totals.gateway.bytes]).toEqual([
      status.accepted,
      status.acceptedBytes,
    ]);
    expect(sum(status.top.map(({ accepted }) => accepted))).toBe(status.accepted);
    expect(rig.clock.timers).toBe(0);
  }));
