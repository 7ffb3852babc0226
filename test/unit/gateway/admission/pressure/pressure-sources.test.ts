import { describe, expect, test } from 'vitest';
import {
  batchPressure,
  bufferPressure,
  commitPressure,
  diskPressure,
  eventLoopPressure,
  memoryPressure,
  smoothed,
  stallPressure,
  waitPressure,
} from '../../../../../gateway/admission/pressure/pressure-sources.ts';

const MiB = 1024 * 1024;

describe('sources of pressure', () => {
  test.each<[string, () => number, number]>([
    ['no stalls', () => stallPressure(0), 0],
    ['stalls half of the time', () => stallPressure(0.5), 0.3],
    ['nothing but stalls: a busy gateway is not in trouble', () => stallPressure(1), 0.6],
    ['a full batch with none in flight', () => batchPressure(2 * MiB, 2 * MiB), 0.3],
    ['full batches in all lanes', () => batchPressure(40 * MiB, 2 * MiB), 0.6],
    ['commits of a quarter of the bound', () => commitPressure(2500, 0, 10_000), 0.25],
    ['a commit in flight that is slower than those before', () => commitPressure(100, 9000, 10_000), 0.9],
    ['a commit in flight beyond the bound', () => commitPressure(0, 60_000, 10_000), 1],
    ['a store that has waited for room half of the bound', () => waitPressure(5000, 10_000), 0.5],
    ['a store that has waited for hours', () => waitPressure(1e7, 10_000), 1],
    ['a buffer that is half full', () => bufferPressure(0.5), 0.5],
    ['a disk with four times its bound free', () => diskPressure(256 * MiB, 64 * MiB), 0],
    ['a disk with more free', () => diskPressure(1e12, 64 * MiB), 0],
    ['a disk halfway down to its bound', () => diskPressure(160 * MiB, 64 * MiB), 0.5],
    ['a disk at its bound', () => diskPressure(64 * MiB, 64 * MiB), 1],
    ['a disk below its bound', () => diskPressure(0, 64 * MiB), 1],
    ['a disk without a bound', () => diskPressure(0, 0), 0],
    ['an event loop that is a quarter of its bound late', () => eventLoopPressure(500, 2000), 0.25],
    ['a third of the memory', () => memoryPressure(100, 300), 1 / 3],
    ['more memory than there should be', () => memoryPressure(400, 300), 1],
    ['what cannot be measured', () => memoryPressure(Number.NaN, 300), 0],
  ])('%s', (_, pressure, expected) => {
    expect(pressure()).toBeCloseTo(expected, 10);
  });

  test('an average moves by 63 % in its time, in however many steps', () => {
    const once = smoothed(0, 1, { elapsedMs: 2000, timeMs: 2000 });
    let often = 0;
    for (let i = 0; i < 20; i++) often = smoothed(often, 1, { elapsedMs: 100, timeMs: 2000 });
    expect(once).toBeCloseTo(1 - 1 / Math.E, 10);
    expect(often).toBeCloseTo(once, 10);
  });
});
