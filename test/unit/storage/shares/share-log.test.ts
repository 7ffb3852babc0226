import { describe, expect, test } from 'vitest';
import { damageOf } from '../../../../storage/open/damage.ts';
import { salvage } from '../../../../storage/open/salvage.ts';
import { seededRun } from '../../../support/seeded-run.ts';
import { GROUP, MiB, ShareHarness } from './share-harness.ts';

const DEVICES = ['dev-1', 'dev-2', 'dev-3', 'dev-4'];

describe('bytes that wait in the log', () => {
  test('are those of topic, properties and payload, of each device and of the group', () => {
    using h = new ShareHarness().open();
    h.commit([
      { device: 'dev-1', topic: 'é', payload: 'four' },
      { device: 'dev-2', payload: 'x', properties: Buffer.from([1, 0]) },
      { device: 'dev-1', payload: '' },
    ]);
    expect([h.bytesOf('dev-1'), h.bytesOf('dev-2')]).toEqual([2 + 4 + 3, 3 + 1 + 2]);
    expect(h.shares.bytesOf(h.shares.groupKey(GROUP))).toBe(9 + 6);
  });

  test('are gone when the slowest sink that owes them has delivered the last record of their batch', () => {
    using h = new ShareHarness().open();
    h.commit([
      { device: 'dev-1', payload: 'one' },
      { device: 'dev-1', payload: 'two' },
    ]);
    h.delivered('cloud', 'main', 2);
    h.delivered('audit', 'main', 1);
    expect(h.bytesOf('dev-1')).toBe(12);
    h.delivered('audit', 'main', 1);
    expect(h.bytesOf('dev-1')).toBe(0);
  });

  test('do not count what is kept already and sent again', () => {
    using h = new ShareHarness().open();
    h.commit([{ device: 'dev-1', payload: 'one', packetId: 1 }]);
    h.commit([{ device: 'dev-1', payload: 'one', packetId: 1, dup: true }]);
    expect(h.bytesOf('dev-1')).toBe(6);
  });

  test('stay for ever in a lane that no sink takes', () => {
    using h = new ShareHarness().open({ sinks: [] });
    h.commit([{ device: 'dev-1', payload: 'one' }]);
    h.tick();
    expect(h.bytesOf('dev-1')).toBe(6);
    h.reopen('crash', { sinks: [] }).countAll();
    expect(h.bytesOf('dev-1')).toBe(6);
  });

  test('have no rows on disk when they are delivered before the next flush', () => {
    using h = new ShareHarness().open();
    h.commit([{ device: 'dev-1', payload: 'one' }], 1);
    h.delivered('cloud', 'bulk', 1);
    h.tick();
    expect(h.rows()).toBe(0);
  });

  test('have rows on disk as long as they wait, and none afterwards', () => {
    using h = new ShareHarness().open();
    for (let i = 0; i < 200; i++) h.commit([{ device: 'dev-1', payload: 'one' }], 1);
    h.tick();
    expect(h.rows()).toBe(200);
    h.delivered('cloud', 'bulk', 150);
    h.tick();
    h.tick();
    expect([h.rows(), h.bytesOf('dev-1')]).toEqual([50, 300]);
  });

  test('are not written anywhere when nobody asks', () => {
    using h = new ShareHarness().open({ countsShares: false });
    h.commit([{ device: 'dev-1', payload: 'one' }]);
    h.tick();
    expect(h.bytesOf('dev-1')).toBe(0);
    expect(h.db.prepare("SELECT name FROM sqlite_schema WHERE name = 'shares'").all()).toEqual([]);
  });

  test('leave nothing behind when nobody asks any more, as they are delivered', () => {
    using h = new ShareHarness().open();
    for (let i = 0; i < 4; i++) h.commit([{ device: 'dev-1', payload: 'one' }], 1);
    h.reopen('stop', { countsShares: false });
    expect(h.rows()).toBe(4);
    h.delivered('cloud', 'bulk', 3);
    h.tick();
    h.tick();
    expect(h.rows()).toBe(1);
    expect(h.shares.bytesOf(h.shares.deviceKey('dev-1'))).toBe(0);
  });
});

describe('after a start', () => {
  test('the groups are counted as well when the last stop was in order', () => {
    using h = new ShareHarness().open();
    h.commit([{ device: 'dev-1', payload: 'one' }]);
    h.reopen('stop');
    expect(h.shares.bytesOf(h.shares.groupKey(GROUP))).toBe(0);
    h.countAll();
    expect(h.shares.bytesOf(h.shares.groupKey(GROUP))).toBe(6);
  });

  test('a store made without accounts is opened as it is, and counted from its batches', () => {
    using h = new ShareHarness().open({ countsShares: false });
    for (let i = 0; i < 20; i++) h.commit([{ device: DEVICES[i % 2], payload: `${i}` }]);
    h.reopen('stop');
    expect(h.report.outcome).toBe('opened');
    h.countAll();
    expect(DEVICES.map((device) => h.bytesOf(device))).toEqual([45, 45, 0, 0]);
    expect(h.rows()).toBe(20);
  });

  test('what is delivered before it is counted is not counted', () => {
    using h = new ShareHarness().open();
    for (let i = 0; i < 20; i++) h.commit([{ device: 'dev-1', payload: 'one' }], 1);
    h.reopen('stop').tick();
    h.delivered('cloud', 'bulk', 15);
    h.countAll();
    expect(h.bytesOf('dev-1')).toBe(30);
  });

  test('a batch that cannot be read counts as nothing', () => {
    using h = new ShareHarness().open({ countsShares: false });
    for (let i = 0; i < 3; i++) h.commit([{ device: 'dev-1', payload: `${i}` }]);
    h.db.prepare('UPDATE log SET bytes = zeroblob(50) WHERE first = 1').run();
    h.reopen('crash').countAll();
    expect(h.bytesOf('dev-1')).toBe(8);
  });

  test('a store that was salvaged is counted from what could be read', () => {
    using h = new ShareHarness().open();
    for (let i = 0; i < 20; i++) h.commit([{ device: DEVICES[i % 2], payload: `${i}` }]);
    h.tick();
    h.close('stop');
    h.spoil();
    h.open();
    expect(h.report.outcome).toBe('salvaged');
    expect(h.report.salvage).toMatchObject({ batches: 20 });
    h.countAll();
    expect(DEVICES.map((device) => h.bytesOf(device))).toEqual(DEVICES.map((device) => h.owed(device)));
    expect(h.bytesOf('dev-1')).toBe(45);
  });

  test('a store that is damaged anywhere can be counted', () =>
    seededRun(async (random) => {
      for (let run = 0; run < 6; run++) {
        using h = new ShareHarness().open();
        for (let i = 0; i < 60; i++) h.commit([{ device: random.pick(DEVICES), payload: random.bytes(300) }]);
        h.close('stop');
        h.flip(random, random.between(1, 20));
        let salvages = 0;
        for (let isDone = false; !isDone; ) {
          try {
            h.open().countAll();
            isDone = true;
          } catch (error) {
            const damage = damageOf(error);
            if (damage === undefined || ++salvages > 3) throw error;
            h.close('crash');
            salvage(h.directory.path, damage, { nowMs: h.nowMs });
          }
        }
        expect(h.engine.shares.isCounted).toBe(true);
      }
    }));

  test.each([
    ['before its first record', 'first - 3'],
    ['after its first record', 'first + 1'],
    ['beyond its last', 'first + 300'],
  ])('a row that is said to begin %s is counted once', (_, first) => {
    using h = new ShareHarness().open();
    const publish = { device: 'dev-1', payload: 'one' };
    for (let i = 0; i < 10; i++) h.commit([publish, publish, publish]);
    h.tick();
    h.db.exec(`UPDATE shares SET first = ${first} WHERE id = 14`);
    h.reopen('crash').countAll();
    expect(h.bytesOf('dev-1')).toBe(180);
    h.deliverAll();
    expect([h.shares.owners, h.shares.uncountedBytes]).toEqual([0, 0]);
  });

  test('with a new secret, rows of the old one are nobody’s, and do not disturb', () => {
    using h = new ShareHarness().open();
    h.commit([{ device: 'dev-1', payload: 'old' }]);
    h.tick();
    h.db.prepare("DELETE FROM meta WHERE key = 'share-secret'").run();
    h.reopen('crash');
    h.commit([{ device: 'dev-1', payload: 'new' }]);
    h.countAll();
    expect(h.bytesOf('dev-1')).toBe(6);
    for (const sink of ['cloud', 'audit']) h.delivered(sink, 'main', 2);
    h.tick();
    expect([h.bytesOf('dev-1'), h.shares.owners, h.shares.uncountedBytes]).toEqual([0, 0, 0]);
  });
});

describe('without room', () => {
  test('deliveries still make some: what waits is cleared away and not written', () => {
    const sinks = [{ name: 'cloud', lanes: [] }];
    using h = new ShareHarness().open({ bytesMax: 4 * MiB, sinks, compression: 'none' });
    const payload = Buffer.alloc(300_000, 7);
    let commits = 0;
    for (; !h.events.includes('stalled buffer-full') && commits < 100; commits++)
      h.commit([{ device: DEVICES[commits % 4], payload }]);
    expect(commits).toBeGreaterThan(3);
    expect(commits).toBeLessThan(100);
    for (let i = 0; i < 10; i++) h.tick();
    h.delivered('cloud', 'main', 2);
    for (let i = 0; i < 3; i++) h.tick();
    expect(h.events.at(-1)).toBe('committed 1');
    const each = 3 + payload.length;
    const total = DEVICES.reduce((sum, device) => sum + h.bytesOf(device), 0);
    expect(total).toBe((commits - 2) * each);
    expect(h.engine.usedBytes()).toBeLessThanOrEqual(4 * MiB);
  });
});

describe('whatever happens', () => {
  const SEEDS = 4;
  const STEPS = 150;

  test('every device’s bytes are those of a plain map of what was kept and not delivered', () =>
    seededRun(async (random) => {
      for (let run = 0; run < SEEDS; run++) {
        using h = new ShareHarness().open();
        for (let step = 0; step < STEPS; step++) {
          const dice = random.int(100);
          if (dice < 50) {
            const publishes = random.list(1, 6, () => ({
              device: random.pick(DEVICES),
              topic: random.pick(['a/b', 'plant/é/temperature']),
              payload: random.bytes(random.int(40)),
            }));
            h.commit(publishes, random.int(2));
          } else if (dice < 75) {
            const { sink, lane, nextOffset } = random.pick(h.engine.books());
            const end = h.engine.lanes.find(({ name }) => name === lane)!.nextOffset;
            const records = random.int(end - nextOffset + 1);
            if (records > 0) h.delivered(sink, lane, records);
          } else if (dice < 85) h.tick(random.int(400));
          else if (dice < 95) h.answer();
          else if (dice < 97) h.reopen('stop');
          else if (dice < 99) h.reopen('crash');
          else {
            // A run without accounts, as by an older build.
            h.reopen(random.pick(['stop', 'crash']), { countsShares: false });
            for (let i = random.int(4); i >= 0; i--)
              h.commit([{ device: random.pick(DEVICES), payload: 'uncounted' }], random.int(2));
            h.reopen(random.pick(['stop', 'crash']));
          }
          // While an answer is under way, nothing that was delivered meanwhile is taken off.
          if (!h.isAsked)
            for (const device of DEVICES) expect(h.bytesOf(device)).toBeLessThanOrEqual(h.owed(device));
        }
        h.countAll();
        const owed = DEVICES.map((device) => h.owed(device));
        expect(DEVICES.map((device) => h.bytesOf(device))).toEqual(owed);
        expect(h.shares.uncountedBytes).toBe(0);
        expect(h.rows()).toBe(h.batches.filter(({ lane, last }) => last >= h.floor(lane)).length);
      }
    }));
});
