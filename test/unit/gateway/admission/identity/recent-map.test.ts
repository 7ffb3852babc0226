import { expect, test } from 'vitest';
import { RecentMap } from '../../../../../gateway/admission/identity/recent-map.ts';

test('a recent map keeps what is used and holds no more than it may', () => {
  const map = new RecentMap<number>(10);
  map.set('used', 1);
  map.set('unused', 2);
  for (let i = 0; i < 1000; i++) {
    map.set(`${i}`, i);
    if (i % 4 === 0) expect(map.get('used')).toBe(1);
    expect(map.size).toBeLessThanOrEqual(10);
  }
  expect(map.get('unused')).toBeUndefined();
  expect([995, 996, 997, 998, 999].map((i) => map.get(`${i}`))).toContain(999);
});

test('keeps an entry while half as many others as there is room for are used after it', () => {
  for (let before = 0; before < 10; before++) {
    const map = new RecentMap<number>(10);
    for (let i = 0; i < before; i++) map.set(`before ${i}`, i);
    map.set('it', 1);
    for (let i = 0; i < 5; i++) map.set(`after ${i}`, i);
    expect(map.get('it')).toBe(1);
  }
});

test('has the latest value of a key, wherever the key is, and none after it was deleted', () => {
  const map = new RecentMap<number>(4);
  for (const key of ['a', 'b', 'c']) map.set(key, 1);
  for (const key of ['a', 'c']) map.set(key, 2);
  expect([map.get('a'), map.get('b'), map.get('c'), map.size]).toEqual([2, 1, 2, 3]);
  for (const key of ['a', 'b', 'c']) map.delete(key);
  expect([map.get('a'), map.get('b'), map.get('c'), map.size]).toEqual([undefined, undefined, undefined, 0]);
});
