import { expect, test } from 'vitest';
import { KeepAliveFeed } from '../../../../gateway/listener/keep-alive-feed.ts';

const T0 = 1_700_000_000_000;

test('the engine is fed twice within the keep-alive, counted from the last packet it has seen', () => {
  const feed = new KeepAliveFeed();
  feed.set(10);
  feed.fed(T0);
  expect([0, 1000, 4999, 5000, 9000].map((ms) => feed.isDue(T0 + ms))).toEqual([
    false,
    false,
    false,
    true,
    true,
  ]);
  feed.fed(T0 + 5000);
  expect(feed.isDue(T0 + 9999)).toBe(false);
  expect(feed.isDue(T0 + 10_000)).toBe(true);
});

test('a client without a keep-alive needs none', () => {
  const feed = new KeepAliveFeed();
  expect(feed.isDue(T0)).toBe(false);
  feed.set(0);
  expect(feed.isDue(T0)).toBe(false);
});

test('a clock that is put back does not let the client starve', () => {
  const feed = new KeepAliveFeed();
  feed.set(10);
  feed.fed(T0);
  expect(feed.isDue(T0 - 3_600_000)).toBe(true);
  feed.fed(T0 - 3_600_000);
  expect(feed.isDue(T0 - 3_596_000)).toBe(false);
});

test('feeding pings the engine in the place of the client when it is time, and not before', () => {
  let pings = 0;
  const engine = { pingAsAedesKeepAlive: () => void pings++ };
  const feed = new KeepAliveFeed();
  feed.set(10);
  feed.fed(T0);
  for (let ms = 0; ms <= 20_000; ms += 100) feed.feed(T0 + ms, engine);
  expect(pings).toBe(4);
});
