import { describe, expect, test } from 'vitest';
import { minutes } from '../../../../../config/limits.ts';
import { DeviceQuota } from '../../../../../gateway/admission/quota/device-quota.ts';
import { type DeviceEntry, DeviceTable } from '../../../../../gateway/admission/quota/device-table.ts';
import { quotaBounds } from '../../../../../gateway/admission/quota/quota-bounds.ts';
import { UtcDay } from '../../../../../gateway/admission/quota/utc-day.ts';
import { seededRun } from '../../../../support/seeded-run.ts';
import { deviceLimits } from './quota-settings.ts';

const limits = deviceLimits({ messagesPerS: '1/m', dailyBytesMax: 1000 });

function rig(devicesMax: number) {
  const today = new UtcDay(0);
  const forgotten: string[] = [];
  const table = new DeviceTable({
    devicesMax,
    createQuota: () => {
      const quota = new DeviceQuota(today);
      quota.set(limits, 0);
      return quota;
    },
    onForget: (entry) => forgotten.push(entry.key),
  });
  /** Comes and goes. */
  const visit = (key: string, nowMs: number): DeviceEntry | null => {
    const entry = table.open(key, nowMs);
    if (entry !== null) table.close(entry, nowMs);
    return entry;
  };
  /** Comes and goes, and again two minutes later: from then on it is protected. */
  const settle = (key: string, nowMs: number): DeviceEntry => {
    visit(key, nowMs);
    return visit(key, nowMs + 2 * minutes)!;
  };
  return { table, forgotten, visit, settle, today };
}

function entryOf(table: DeviceTable, key: string): DeviceEntry | undefined {
  return [...table.entries()].find((entry) => entry.key === key);
}

test('a device that comes back finds its quota as it left it', () => {
  const { table, visit } = rig(100);
  const first = visit('a', 0)!;
  first.quota.charge(1, 300, 0);
  const again = table.open('a', 10)!;
  expect(again).toBe(first);
  expect(again.quota.dayBytes).toBe(300);
});

describe('a device is protected', () => {
  test('when it comes back after a minute, not before', () => {
    const { visit } = rig(100);
    visit('a', 0);
    expect(visit('a', quotaBounds.promotionAgeMs)!.isProtected).toBe(false);
    expect(visit('a', quotaBounds.promotionAgeMs + 1)!.isProtected).toBe(true);
  });

  test('when it has sent something over more than a minute', () => {
    const { table } = rig(100);
    const [busy, silent, brief] = ['busy', 'silent', 'brief'].map((key) => table.open(key, 0)!);
    for (let i = 0; i < quotaBounds.promotionMessages; i++) {
      busy.quota.charge(1, 1, i);
      brief.quota.charge(1, 1, i);
    }
    table.close(brief, quotaBounds.promotionAgeMs);
    table.close(busy, quotaBounds.promotionAgeMs + 1);
    table.close(silent, quotaBounds.promotionAgeMs + 1);
    expect([busy, silent, brief].map(({ isProtected }) => isProtected)).toEqual([true, false, false]);
    expect(table.protectedSize).toBe(1);
  });

  test('while there is a place for that, and else in place of the one that has been gone longest', () => {
    const { table, settle } = rig(10);
    const all = Array.from({ length: 8 }, (_, i) => settle(`d${i}`, i));
    expect(all.every(({ isProtected }) => isProtected)).toBe(true);
    const newer = settle('newer', 1000);
    expect(newer.isProtected).toBe(true);
    expect(table.protectedSize).toBe(8);
    expect(all.map(({ isProtected }) => isProtected)).toEqual([false, ...Array(7).fill(true)]);
  });

  test('but not in place of one that has used some of its day', () => {
    const { table, settle } = rig(10);
    for (let i = 0; i < 8; i++) settle(`d${i}`, i).quota.charge(1, 1, 0);
    expect(settle('newer', 1000).isProtected).toBe(false);
    expect(table.protectedSize).toBe(8);
  });
});

describe('when the table is full', () => {
  test('those on probation go first, the longest gone first', () => {
    const { forgotten, visit, settle } = rig(4);
    settle('old', 0);
    visit('x', 1);
    visit('y', 2);
    visit('z', 3);
    visit('x', 4);
    visit('new1', 5);
    visit('new2', 6);
    expect(forgotten).toEqual(['y', 'z']);
  });

  test('a connected one is never forgotten; when all are, a newcomer is told so', () => {
    const { table, forgotten } = rig(5);
    const all = Array.from({ length: 5 }, (_, i) => table.open(`d${i}`, 0)!);
    expect(table.open('new', 0)).toBeNull();
    expect(table.open('d0', 0)).toBe(all[0]); // a second connection of a known one
    table.close(all[0], 0);
    expect(table.open('new', 0)).toBeNull();
    table.close(all[0], 0);
    expect(table.open('new', 0)).not.toBeNull();
    expect(forgotten).toEqual(['d0']);
  });

  test('a protected one is forgotten only if nothing is lost with it', () => {
    const { table, forgotten, settle } = rig(5);
    const [owing, used, rested] = ['owing', 'used', 'rested'].map((key) => settle(key, 0));
    const nowMs = 10 * minutes;
    used.quota.charge(1, 1, 0);
    owing.quota.set(deviceLimits({ messagesPerS: '1/m' }), nowMs);
    owing.quota.charge(1, 1, nowMs);
    for (const key of ['a', 'b']) table.open(key, nowMs);
    expect(table.open('c', nowMs)).not.toBeNull();
    expect(forgotten).toEqual(['rested']);
    expect(rested.isProtected).toBe(true);
    expect(table.open('d', nowMs)).toBeNull();
    expect(table.open('d', nowMs + 5 * minutes)).not.toBeNull();
    expect(forgotten).toEqual(['rested', 'owing']);
    expect(table.open('e', nowMs + 5 * minutes)).toBeNull();
  });

  test('a smaller bound is reached as newcomers come', () => {
    const { table, visit } = rig(200);
    for (let i = 0; i < 200; i++) visit(`d${i}`, 0);
    table.setMax(100);
    for (let i = 0; i < 3; i++) visit(`new${i}`, 1);
    expect(table.size).toBe(100);
  });
});

test('a flood of a million new names neither grows the table nor pushes out one that is known', () => {
  const { table, visit, settle } = rig(1000);
  const known = Array.from({ length: 500 }, (_, i) => settle(`known-${i}`, i));
  for (const { quota } of known.slice(0, 250)) quota.charge(1, 100, 0);
  const online = Array.from({ length: 100 }, (_, i) => table.open(`online-${i}`, 0)!);
  const startMs = 10 * minutes;
  let sizeMax = 0;
  for (let i = 0; i < 1_000_000; i++) {
    visit(`flood-${i}`, startMs + i / 100);
    if (table.size > sizeMax) sizeMax = table.size;
  }
  expect(sizeMax).toBe(1000);
  for (const entry of [...known, ...online]) expect(entryOf(table, entry.key)).toBe(entry);
  expect(entryOf(table, 'known-0')!.quota.dayBytes).toBe(100);
});

test('a flood of names that all stay connected takes the free places, and everybody after that shares', () => {
  const { table, settle } = rig(100);
  const known = Array.from({ length: 50 }, (_, i) => settle(`known-${i}`, i));
  for (const { quota } of known) quota.charge(1, 1, 0);
  const refused = Array.from({ length: 1000 }, (_, i) => table.open(`flood-${i}`, 10 * minutes)).filter(
    (entry) => entry === null,
  );
  expect(refused).toHaveLength(950);
  for (const entry of known) expect(entryOf(table, entry.key)).toBe(entry);
});

test('whatever comes and goes: within bounds, nobody connected forgotten, no count left behind', () =>
  seededRun(async (random) => {
    const { table, forgotten, today } = rig(30);
    const open: DeviceEntry[] = [];
    let nowMs = 0;
    for (let step = 0; step < 5000; step++) {
      nowMs += random.int(5000);
      today.look(nowMs * 100);
      if (random.chance(50)) {
        const entry = table.open(`d${random.int(60)}`, nowMs);
        if (entry !== null) open.push(entry);
        else expect(table.size).toBe(30);
      } else if (open.length > 0) {
        const [entry] = open.splice(random.int(open.length), 1);
        if (random.chance(50)) entry.quota.charge(1, random.int(100), nowMs);
        table.close(entry, nowMs);
      }
      while (open.length > 40) table.close(open.pop()!, nowMs);
      expect(table.size).toBeLessThanOrEqual(30);
      expect(open.filter((entry) => entryOf(table, entry.key) !== entry)).toEqual([]);
      if (step % 100 > 0) continue;
      const entries = [...table.entries()];
      expect(entries.filter(({ isProtected }) => isProtected)).toHaveLength(table.protectedSize);
      expect(table.protectedSize).toBeLessThanOrEqual(24);
      for (const entry of entries) {
        expect(entry.connections).toBe(open.filter((other) => other === entry).length);
        expect(entry.link.list === null).toBe(entry.connections > 0);
      }
    }
    expect(forgotten.length).toBe(table.forgotten);
    expect(forgotten.length).toBeGreaterThan(0);
  }));
