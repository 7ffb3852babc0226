import { expect, test } from 'vitest';
import { formatDataRate, parseDataRate } from '../../../../simulator/faults/data-rate.ts';

test.each([
  ['50kbit/s', 6250],
  ['2.5 Mbit/s', 312_500],
  ['8bit/s', 1],
  ['400kB/s', 400_000],
  ['100KiB/s', 102_400],
  ['10 B/s', 10],
])('%s is a bandwidth of %i bytes a second', (text, bytesPerSecond) => {
  expect(parseDataRate(text)).toBe(bytesPerSecond);
});

test.each(['50', '50kbit', '50 kb/s', '-1kbit/s', '0kbit/s', '1bit/s', '', 'constructor/s', '1toString/s'])(
  '%j is no bandwidth',
  (text) => {
    expect(parseDataRate(text)).toBeUndefined();
  },
);

test('a bandwidth is told in bits', () => {
  expect([6250, 312_500, 1, 125e6].map(formatDataRate)).toEqual([
    '50 kbit/s',
    '2.5 Mbit/s',
    '8 bit/s',
    '1 Gbit/s',
  ]);
});
