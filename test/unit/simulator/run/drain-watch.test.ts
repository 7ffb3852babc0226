import { describe, expect, test } from 'vitest';
import { DrainWatch } from '../../../../simulator/run/drain-watch.ts';

const NONE = { backlogDelivered: 0, backlogLastAtMs: null };

function watchUnderTest() {
  const liveFrom: (number | null)[] = [];
  const watch = new DrainWatch({ setLiveFrom: (ms) => void liveFrom.push(ms) });
  return { watch, liveFrom };
}

describe('the watch over a drain', () => {
  test('measures from the moment the link is whole to the arrival of the last that was owed', () => {
    const { watch, liveFrom } = watchUnderTest();
    watch.broken();
    watch.healed(10_000, 100);
    expect(watch.isDraining).toBe(true);
    watch.look(10_500, { backlogDelivered: 40, backlogLastAtMs: 10_490 });
    expect(watch.longestMs).toBeNull();
    watch.look(11_500, { backlogDelivered: 100, backlogLastAtMs: 11_200 });
    expect(watch.longestMs).toBe(1200);
    expect(watch.isDraining).toBe(false);
    expect(liveFrom).toEqual([null, 10_000, null]);
  });

  test('does not begin when nothing is owed', () => {
    const { watch, liveFrom } = watchUnderTest();
    watch.healed(10_000, 0);
    watch.look(11_000, NONE);
    watch.finish(12_000, NONE);
    expect(watch).toMatchObject({ isDraining: false, longestMs: null });
    expect(liveFrom).toEqual([]);
  });

  test('ends without what does not come any more, and does not count the wait for it', () => {
    const { watch } = watchUnderTest();
    watch.healed(10_000, 100);
    watch.look(12_000, { backlogDelivered: 99, backlogLastAtMs: 11_000 });
    watch.look(15_999, { backlogDelivered: 99, backlogLastAtMs: 11_000 });
    expect(watch.isDraining).toBe(true);
    watch.look(16_000, { backlogDelivered: 99, backlogLastAtMs: 11_000 });
    expect(watch).toMatchObject({ isDraining: false, longestMs: 1000 });
  });

  test('waits for a gateway that takes long to connect again', () => {
    const { watch } = watchUnderTest();
    watch.healed(10_000, 100);
    watch.look(25_000, NONE);
    expect(watch.isDraining).toBe(true);
    watch.look(31_000, { backlogDelivered: 100, backlogLastAtMs: 30_500 });
    expect(watch.longestMs).toBe(20_500);
  });

  test('is not deceived by arrivals of the drain before, which it asked for before this one began', () => {
    const { watch } = watchUnderTest();
    watch.healed(10_000, 100);
    watch.look(9_999, { backlogDelivered: 5000, backlogLastAtMs: 9000 });
    expect(watch).toMatchObject({ isDraining: true, longestMs: null });
  });

  test('goes on with what a second outage leaves, counted from its own end, and keeps the longest', () => {
    const { watch, liveFrom } = watchUnderTest();
    watch.healed(10_000, 100);
    watch.broken();
    watch.look(11_000, { backlogDelivered: 100, backlogLastAtMs: 10_900 });
    expect(watch.longestMs).toBeNull();
    watch.healed(20_000, 150);
    watch.look(24_000, { backlogDelivered: 150, backlogLastAtMs: 23_000 });
    watch.healed(30_000, 10);
    watch.look(31_000, { backlogDelivered: 10, backlogLastAtMs: 30_100 });
    expect(watch.longestMs).toBe(3000);
    expect(liveFrom).toEqual([10_000, null, 20_000, null, 30_000, null]);
  });

  test('ends with the run: at the last that came', () => {
    const { watch } = watchUnderTest();
    watch.healed(10_000, 100);
    watch.finish(13_000, { backlogDelivered: 90, backlogLastAtMs: 12_000 });
    expect(watch).toMatchObject({ isDraining: false, longestMs: 2000 });
  });

  test('has lasted to the end of the run when nothing came at all', () => {
    const { watch } = watchUnderTest();
    watch.healed(10_000, 100);
    watch.finish(70_000, NONE);
    expect(watch.longestMs).toBe(60_000);
  });

  test('does without a receiver', () => {
    const watch = new DrainWatch(null);
    watch.broken();
    watch.healed(10_000, 1);
    watch.look(11_000, { backlogDelivered: 1, backlogLastAtMs: 10_300 });
    expect(watch.longestMs).toBe(300);
  });
});
