import { beforeEach, describe, expect, test } from 'vitest';
import { PressureGauge } from '../../../../../gateway/admission/pressure/pressure-gauge.ts';
import type { CommitLoad } from '../../../../../storage/group-commit.ts';

const MiB = 1024 * 1024;
const bounds = {
  commitMs: 10_000,
  eventLoopMs: 2000,
  memoryBytesMax: 1000 * MiB,
  commitBytesMax: 2 * MiB,
  minFreeDiskBytes: 64 * MiB,
};
const nothing: CommitLoad = {
  openBytes: 0,
  inFlightBytes: 0,
  inFlightMs: 0,
  stall: null,
  commits: 0,
  commitMs: 0,
  noRoomMs: 0,
};

describe('PressureGauge', () => {
  let gauge: PressureGauge;
  let nowMs: number;
  let load: CommitLoad;
  beforeEach(() => {
    gauge = new PressureGauge(bounds);
    nowMs = 50_000;
    load = { ...nothing };
    gauge.sample(load, 0, nowMs);
  });

  /** A tenth of a second in which `more` was added to what the store has done, and the rest is so. */
  const pass = (more: Partial<CommitLoad> = {}, delayMs = 0): void => {
    const {
      openBytes = 0,
      inFlightBytes = 0,
      inFlightMs = 0,
      stall = null,
      commits = 0,
      commitMs = 0,
      noRoomMs = 0,
    } = more;
    nowMs += 100;
    load = {
      openBytes,
      inFlightBytes,
      inFlightMs,
      stall,
      commits: load.commits + commits,
      commitMs: load.commitMs + commitMs,
      noRoomMs: load.noRoomMs + noRoomMs,
    };
    gauge.sample(load, delayMs, nowMs);
  };
  const passOften = (seconds: number, more: Partial<CommitLoad> = {}): void => {
    for (let i = 0; i < seconds * 10; i++) pass(more);
  };

  test('is 0 when nothing is going on', () => {
    passOften(1);
    expect(gauge.value).toBe(0);
  });

  test('a store that has no room half of the time makes it 0.3 within seconds, and less when that is over', () => {
    pass({ noRoomMs: 50 });
    expect(gauge.value).toBeLessThan(0.05);
    passOften(8, { noRoomMs: 50 });
    expect(gauge.value).toBeCloseTo(0.3, 1);
    expect(gauge.source).toBe('stalls');
    passOften(4);
    expect(gauge.value).toBeLessThan(0.05);
  });

  test('full batches make it 0.6 and no more', () => {
    passOften(20, { openBytes: 2 * MiB, inFlightBytes: 2 * MiB });
    expect(gauge.value).toBeCloseTo(0.6, 3);
    expect(gauge.source).toBe('batches');
  });

  test('a commit that does not come back makes it rise at once', () => {
    pass({ inFlightMs: 4000 });
    expect([gauge.value, gauge.source]).toEqual([0.4, 'commit']);
  });

  test('a commit that took long counts after it is done, until others were quick or time has passed', () => {
    pass({ commits: 1, commitMs: 9000 });
    expect(gauge.value).toBeGreaterThan(0.85);
    passOften(1, { commits: 10, commitMs: 50 });
    const afterOthers = gauge.value;
    expect(afterOthers).toBeLessThan(0.6);
    passOften(6);
    expect(gauge.value).toBeLessThan(0.05);
  });

  test('while a commit is in flight, what those before took is not forgotten', () => {
    pass({ commits: 1, commitMs: 9000 });
    const before = gauge.value;
    passOften(5, { inFlightMs: 100 });
    expect(gauge.value).toBe(before);
  });

  test('a commit that waits for room counts for what is full, not for the disk being slow, and is over at once', () => {
    gauge.slow({ fill: 0.999, freeDiskBytes: 1000 * MiB, residentBytes: 0 });
    pass({ inFlightMs: 4000, stall: 'buffer-full' });
    expect([gauge.value, gauge.source, gauge.levels.commit]).toEqual([0.999, 'buffer', 0]);
    pass({ inFlightMs: 600_000, stall: 'buffer-full' });
    expect([gauge.value, gauge.source, gauge.levels.commit]).toEqual([1, 'buffer', 0]);
    gauge.slow({ fill: 0.2, freeDiskBytes: 1000 * MiB, residentBytes: 0 });
    pass({ inFlightMs: 10 });
    expect([gauge.value, gauge.source]).toEqual([0.2, 'buffer']);
  });

  test('a store that has no room at all is under pressure though buffer and disk seem to have some', () => {
    gauge.slow({ fill: 0.3, freeDiskBytes: 1000 * MiB, residentBytes: 0 });
    pass({ inFlightMs: 5000, stall: 'disk-full' });
    expect([gauge.value, gauge.source]).toEqual([0.5, 'disk']);
    pass({ inFlightMs: 10_000, stall: 'disk-full' });
    expect(gauge.levels).toMatchObject({ disk: 1, buffer: 0.3, commit: 0 });
  });

  test('a delay of the event loop counts for a while after it is over', () => {
    pass({}, 1000);
    expect([gauge.value, gauge.source]).toEqual([0.5, 'event-loop']);
    pass({}, 1);
    expect(gauge.value).toBeGreaterThan(0.4);
    passOften(8);
    expect(gauge.value).toBeLessThan(0.05);
  });

  test('buffer, disk and memory are as they were measured last; the largest of all is the pressure', () => {
    gauge.slow({ fill: 0.7, freeDiskBytes: 100 * MiB, residentBytes: 500 * MiB });
    pass({ inFlightMs: 4000 });
    expect(gauge.levels).toMatchObject({ buffer: 0.7, memory: 0.5, commit: 0.4 });
    expect([gauge.value, gauge.source]).toEqual([gauge.levels.disk, 'disk']);
    gauge.slow({ fill: 0.9, freeDiskBytes: 1000 * MiB, residentBytes: 500 * MiB });
    pass();
    expect([gauge.value, gauge.source]).toEqual([0.9, 'buffer']);
  });

  test('other bounds hold from the next sample on', () => {
    gauge.bounds = { ...bounds, commitMs: 4000 };
    pass({ inFlightMs: 4000 });
    expect(gauge.value).toBe(1);
  });
});
