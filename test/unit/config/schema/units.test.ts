import { describe, expect, test } from 'vitest';
import { formatQuantity, parseQuantity, quantityPattern } from '../../../../config/schema/units.ts';

const KiB = 1024;

describe('durations', () => {
  test.each([
    ['2ms', 2],
    ['0', 0],
    ['0s', 0],
    ['10', 10],
    ['30s', 30_000],
    ['1.5s', 1500],
    ['1.001s', 1001],
    ['1.1s', 1100],
    ['0.5m', 30_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['30d', 2_592_000_000],
    ['30 s', 30_000],
    ['007s', 7000],
  ])('%s is %d ms', (text, expected) => {
    expect(parseQuantity('duration', text)).toBe(expected);
  });

  test.each([
    '',
    ' ',
    's',
    '-1s',
    '+1s',
    '1.5ms',
    '1.5',
    '0.0001s',
    '1e3',
    '1_000',
    '1,5s',
    '1S',
    '1M',
    '5min',
    '5 seconds',
    '1h30m',
    '1  s',
    'NaN',
    'Infinity',
    '0x10',
    '１s',
    '9999999999999999s',
    '999999999999999d',
    '1s\n',
  ])('%j is not a duration in whole milliseconds', (text) => {
    expect(parseQuantity('duration', text)).toBeUndefined();
  });
});

describe('sizes', () => {
  test.each([
    ['512', 512],
    ['512B', 512],
    ['64KiB', 64 * KiB],
    ['64KB', 64_000],
    ['64kB', 64_000],
    ['10MB', 10_000_000],
    ['4GiB', 4 * KiB ** 3],
    ['1GB', 1_000_000_000],
    ['1.5MiB', 1.5 * KiB ** 2],
    ['2TiB', 2 * KiB ** 4],
    ['1TB', 1e12],
    ['0.001KB', 1],
  ])('%s is %d bytes', (text, expected) => {
    expect(parseQuantity('bytes', text)).toBe(expected);
  });

  test.each([
    '',
    '64K',
    '64k',
    '64kb',
    '64Kib',
    '1Mb',
    '1GIB',
    '1.5B',
    '0.001KiB',
    '1.0001KB',
    '-1KiB',
    '1 0KiB',
    '10PB',
    '9007199254740992',
  ])('%j is not a size in whole bytes', (text) => {
    expect(parseQuantity('bytes', text)).toBeUndefined();
  });
});

describe('writing', () => {
  test.each([
    ['duration', 0, '0ms'],
    ['duration', 10, '10ms'],
    ['duration', 1500, '1500ms'],
    ['duration', 60_000, '1m'],
    ['duration', 90_000, '90s'],
    ['duration', 2_592_000_000, '30d'],
    ['bytes', 0, '0B'],
    ['bytes', 1000, '1000B'],
    ['bytes', 1024, '1KiB'],
    ['bytes', 4 * KiB ** 3, '4GiB'],
  ] as const)('a %s of %d is written %s', (kind, value, expected) => {
    expect(formatQuantity(kind, value)).toBe(expected);
  });

  test('what is written is read back as the same number', () => {
    for (let value = 1; value < 1e14; value = value * 3 + 1) {
      for (const kind of ['duration', 'bytes'] as const) {
        expect(parseQuantity(kind, formatQuantity(kind, value))).toBe(value);
      }
    }
  });

  test('the pattern for editors accepts what is written', () => {
    expect('1.5 KiB').toMatch(new RegExp(quantityPattern('bytes')));
    expect('1.5KiBs').not.toMatch(new RegExp(quantityPattern('bytes')));
  });
});
