import { expect, test } from 'vitest';
import { AtOnce } from '../../../../storage/sessions/at-once.ts';

test('who asks is called within the call, and in a row', () => {
  const seen: number[] = [];
  new AtOnce(1)
    .then((value) => {
      seen.push(value);
      return value + 1;
    })
    .then((value) => void seen.push(value));
  expect(seen).toEqual([1, 2]);
});

test('it can be awaited, and leads on to what takes longer', async () => {
  expect(await new AtOnce('here')).toBe('here');
  expect(await new AtOnce(1).then(() => Promise.resolve('later'))).toBe('later');
  expect(await new AtOnce(3).then(null)).toBe(3);
});

test('a fault of who is called is his own', () => {
  const fault = () => {
    throw new Error('of the caller');
  };
  expect(() => new AtOnce(1).then(fault)).toThrow('of the caller');
});
