import { expect, test } from 'vitest';
import { receiveMaximumUnder } from '../../../../../gateway/admission/pressure/receive-maximum.ts';

test.each([
  [0.5, 256, 256],
  [0.4, 256, 256],
  [0.75, 256, 132],
  [0.99, 256, 13],
  [1, 256, 8],
  [0.75, 8, 8],
  [1, 5, 5],
  [1, 65_535, 8],
])('at pressure %f it falls from %i to %i', (pressure, full, expected) => {
  expect(receiveMaximumUnder(pressure, { full, level: 0.5 })).toBe(expected);
});
