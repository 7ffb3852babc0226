import { describe, expect, test } from 'vitest';
import {
  ArrivalAccount,
  type ArrivalAccountOptions,
  type ArrivalFault,
  LANES_MAX,
} from '../../../../simulator/receive/arrival-account.ts';
import { seededRandom } from '../../../../simulator/seeded-random.ts';

interface Told {
  device?: number;
  sequence: number;
  /** `<gateway>/<lane>`; without it there is no name. */
  lane?: string;
  offset?: number;
  timeMs?: number;
  receivedAtMs?: number;
  run?: string;
}

function accountOf(options: Partial<ArrivalAccountOptions> = {}): ArrivalAccount {
  return new ArrivalAccount({ run: 'r1', groupOfDevice: new Uint16Array(3), ...options });
}

function enter(account: ArrivalAccount, ...arrivals: Told[]): void {
  for (const {
    device = 0,
    sequence,
    lane,
    offset = 0,
    timeMs = 0,
    receivedAtMs = 0,
    run = 'r1',
  } of arrivals) {
    account.enter({
      mark: { run, device, sequence, timeMs },
      lane: lane === undefined ? account.nameless : account.laneOf(lane),
      offset,
      receivedAtMs,
    });
  }
}

const NOTHING: Record<ArrivalFault, number> = {
  duplicatesSameName: 0,
  duplicatesNewName: 0,
  namesReused: 0,
  reordered: 0,
  unaccounted: 0,
};

describe('arrival account', () => {
  test('finds nothing wrong with what arrives once and in order', () => {
    const account = accountOf();
    for (let i = 0; i < 30; i++) {
      enter(account, { device: i % 3, sequence: Math.floor(i / 3), lane: 'gw/main', offset: i });
    }
    expect(account.totals()).toMatchObject({ ...NOTHING, delivered: 30, foreign: 0, isComplete: true });
    expect(account.deliveredOf(1).gapsBelow(10).size).toBe(0);
    expect(account.lanes()).toEqual([{ name: 'gw/main', records: 30, missing: 0 }]);
  });

  test('tells a duplicate under its own name from one under a new name', () => {
    const account = accountOf();
    const first = { device: 2, sequence: 5, lane: 'gw/main', offset: 40 };
    enter(account, first, first, { ...first, offset: 41 }, { ...first, lane: 'gw/alarm' });
    expect(account.totals()).toMatchObject({
      ...NOTHING,
      delivered: 1,
      duplicatesSameName: 1,
      duplicatesNewName: 2,
    });
    expect(account.examples()).toMatchObject({
      duplicatesSameName: [{ device: 2, sequence: 5 }],
      duplicatesNewName: [
        { device: 2, sequence: 5 },
        { device: 2, sequence: 5 },
      ],
    });
  });

  test('takes every duplicate without names for one that nobody can tell', () => {
    const account = accountOf();
    enter(account, { sequence: 0 }, { sequence: 0 });
    expect(account.totals()).toMatchObject({ ...NOTHING, delivered: 1, duplicatesNewName: 1 });
  });

  test('finds a name that is used for another message, and delivers that one', () => {
    const account = accountOf();
    enter(
      account,
      { sequence: 0, lane: 'gw/main', offset: 9 },
      { device: 1, sequence: 4, lane: 'gw/main', offset: 9 },
    );
    expect(account.totals()).toMatchObject({ ...NOTHING, delivered: 2, namesReused: 1 });
    expect(account.examples().namesReused).toEqual([{ device: 1, sequence: 4 }]);
  });

  test('finds what comes first after a later one of its device and lane, and only that', () => {
    const account = accountOf();
    enter(
      account,
      { sequence: 2, lane: 'gw/main', offset: 0 },
      { sequence: 1, lane: 'gw/main', offset: 1 }, // late
      { sequence: 1, lane: 'gw/main', offset: 1 }, // again: no first delivery
      { sequence: 0, lane: 'gw/alarm', offset: 0 }, // another lane
      { device: 1, sequence: 0, lane: 'gw/main', offset: 2 }, // another device
      { sequence: 3, lane: 'gw/main', offset: 3 },
    );
    expect(account.totals()).toMatchObject({ ...NOTHING, reordered: 1, duplicatesSameName: 1 });
    expect(account.examples().reordered).toEqual([{ device: 0, sequence: 1 }]);
  });

  test('counts what is not of this run as foreign, and nothing else of it', () => {
    const account = accountOf();
    enter(account, { sequence: 0, run: 'r0' }, { device: 3, sequence: 0 });
    account.enter({ mark: undefined, lane: account.laneOf('gw/main'), offset: 0, receivedAtMs: 0 });
    expect(account.totals()).toMatchObject({ ...NOTHING, delivered: 0, foreign: 3, intervals: 0 });
    expect(account.lanes()).toEqual([]);
  });

  test('keeps the first examples of each fault and counts the others', () => {
    const account = accountOf({ examplesMax: 2 });
    for (let sequence = 9; sequence >= 0; sequence--) enter(account, { sequence });
    expect(account.totals().reordered).toBe(9);
    expect(account.examples().reordered.map(({ sequence }) => sequence)).toEqual([8, 7]);
  });

  test('is as a table of all arrivals would be, for duplicates, losses and any order', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seededRandom(seed);
      const account = accountOf();
      const sequences = new Set<string>();
      const names = new Set<number>();
      const highest = new Map<number, number>();
      const model = { ...NOTHING, delivered: 0 };
      for (let i = 0; i < 300; i++) {
        const device = Math.floor(random() * 3);
        const sequence = Math.floor(random() * 60);
        const offset = random() < 0.8 ? device * 60 + sequence : Math.floor(random() * 250);
        const isNew = !sequences.has(`${device} ${sequence}`);
        const isNamed = names.has(offset);
        if (isNew) model.delivered++;
        if (isNew && sequence < (highest.get(device) ?? -1)) model.reordered++;
        if (isNew && isNamed) model.namesReused++;
        if (!isNew) model[isNamed ? 'duplicatesSameName' : 'duplicatesNewName']++;
        if (isNew) highest.set(device, Math.max(sequence, highest.get(device) ?? -1));
        sequences.add(`${device} ${sequence}`);
        names.add(offset);
        enter(account, { device, sequence, lane: 'gw/main', offset });
      }
      expect(account.totals(), `seed ${seed}`).toMatchObject(model);
    }
  });
});

describe('memory of the account', () => {
  test('does not grow with what arrives in order', () => {
    const groupOfDevice = new Uint16Array(100);
    const account = new ArrivalAccount({ run: 'r1', groupOfDevice });
    const lane = account.laneOf('gw/main');
    const mark = { run: 'r1', device: 0, sequence: 0, timeMs: 0 };
    for (let i = 0; i < 200_000; i++) {
      mark.device = i % 100;
      mark.sequence = Math.floor(i / 100);
      account.enter({ mark, lane, offset: i, receivedAtMs: 1 });
    }
    expect(account.totals()).toMatchObject({ ...NOTHING, delivered: 200_000, intervals: 101 });
  });

  test('is bounded: beyond it says so, counts what it cannot judge, and takes in what needs no more room', () => {
    const account = accountOf({ intervalsMax: 3 });
    enter(account, { sequence: 0 }, { sequence: 2 }, { sequence: 4 });
    expect(account.totals().isComplete).toBe(true);
    enter(account, { sequence: 6 }, { sequence: 6 }, { sequence: 5 }, { sequence: 4 });
    expect(account.totals()).toMatchObject({
      delivered: 4,
      unaccounted: 2,
      duplicatesNewName: 1,
      isComplete: false,
      intervals: 3,
    });
    enter(account, { sequence: 1 }, { sequence: 8 }); // the first joins two, which makes room
    expect(account.totals()).toMatchObject({ delivered: 6, unaccounted: 2, isComplete: false, intervals: 3 });
  });

  test('accuses nobody when there is no room for a name', () => {
    const account = accountOf({ intervalsMax: 2 });
    enter(account, { sequence: 0, lane: 'gw/main', offset: 0 }, { sequence: 1, lane: 'gw/main', offset: 7 });
    enter(account, { sequence: 1, lane: 'gw/main', offset: 7 });
    expect(account.totals()).toMatchObject({ ...NOTHING, delivered: 2, unaccounted: 2, isComplete: false });
  });

  test('follows only so many lanes; of the others it counts deliveries and judges nothing', () => {
    const account = accountOf();
    for (let i = 0; i < LANES_MAX; i++) enter(account, { sequence: i, lane: `gw-${i}/main` });
    expect(account.totals()).toMatchObject({ ...NOTHING, isComplete: true });
    enter(account, { device: 1, sequence: 5, lane: 'more/a' }, { device: 1, sequence: 4, lane: 'more/b' });
    expect(account.totals()).toMatchObject({
      ...NOTHING,
      delivered: LANES_MAX + 2,
      unaccounted: 2,
      isComplete: false,
    });
  });
});

describe('latency in the account', () => {
  test('counts from when the message was due, by group, for first deliveries only', () => {
    const account = accountOf({ groupOfDevice: new Uint16Array([0, 1, 1]) });
    enter(
      account,
      { device: 0, sequence: 0, timeMs: 100, receivedAtMs: 110 },
      { device: 0, sequence: 0, timeMs: 100, receivedAtMs: 9000 },
      { device: 2, sequence: 0, timeMs: 100, receivedAtMs: 300 },
    );
    const { all, byGroup, live } = account.latency();
    expect([all.count, all.max, live]).toEqual([2, 200, null]);
    expect(byGroup.map(({ count, max }) => [count, max])).toEqual([
      [1, 10],
      [1, 200],
    ]);
    expect(account.totals().deliveredByGroup).toEqual([1, 1]);
  });

  test('of live data is what was due since the switch, while it is on', () => {
    const account = accountOf();
    enter(account, { sequence: 0, timeMs: 500, receivedAtMs: 510 });
    account.liveFromMs = 1000;
    enter(
      account,
      { sequence: 1, timeMs: 999, receivedAtMs: 1001 },
      { sequence: 2, timeMs: 1000, receivedAtMs: 1004 },
    );
    account.liveFromMs = null;
    enter(account, { sequence: 3, timeMs: 1100, receivedAtMs: 1101 });
    expect(account.latency().live).toMatchObject({ count: 1, max: 4 });
  });

  test('since the last question is told apart', () => {
    const account = accountOf();
    enter(account, { sequence: 0, receivedAtMs: 7 });
    expect(account.takeRecentLatency()).toMatchObject({ count: 1, max: 7 });
    enter(account, { sequence: 1, receivedAtMs: 3 });
    expect(account.takeRecentLatency()).toMatchObject({ count: 1, max: 3 });
    expect(account.takeRecentLatency().count).toBe(0);
    expect(account.latency().all.count).toBe(2);
  });
});
