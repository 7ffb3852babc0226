import { describe, expect, test } from 'vitest';
import {
  formatQuantity,
  parseQuantity,
  quantityPattern,
  quantityUnits,
} from '../../../../config/schema/units.ts';

describe('rates', () => {
  test.each([
    ['2/s', 2],
    ['2', 2],
    ['0.5/s', 0.5],
    ['10/m', 10 / 60],
    ['10 / m', 10 / 60],
    ['1/h', 1 / 3600],
    ['1/d', 1 / 86_400],
    ['100000/s', 100_000],
    ['0.000001/s', 0.000001],
    ['0/s', 0],
  ])('%s is %d per second', (text, expected) => {
    expect(parseQuantity('rate', text)).toBe(expected);
  });

  test.each([
    '',
    '/s',
    's',
    '-1/s',
    '1/ms',
    '1/S',
    '2 per s',
    '1e3/s',
    '1,5/s',
    '.5/s',
    '0.0000001/s',
    '1/s/s',
  ])('%j is not a rate', (text) => {
    expect(parseQuantity('rate', text)).toBeUndefined();
  });

  test.each([
    [2, '2/s'],
    [0.5, '0.5/s'],
    [10 / 60, '10/m'],
    [1 / 3600, '1/h'],
    [1 / 86_400, '1/d'],
    [0, '0/s'],
  ])('%d per second is written %s', (value, expected) => {
    expect(formatQuantity('rate', value)).toBe(expected);
  });

  test('what is written is read back as the same number, for every rate that could be read', () => {
    for (const unit of ['s', 'm', 'h', 'd']) {
      for (let count = 0.000007; count < 1e8; count *= 3.7) {
        const read = parseQuantity('rate', `${count.toFixed(6)}/${unit}`)!;
        expect(parseQuantity('rate', formatQuantity('rate', read))).toBe(read);
      }
    }
  });

  test('the pattern for editors accepts what is written, and hints name the units', () => {
    const pattern = new RegExp(quantityPattern('rate'), 'u');
    for (const good of ['2/s', '0.5 / m', '3']) expect(good).toMatch(pattern);
    for (const bad of ['2/min', '/s', '2 s']) expect(bad).not.toMatch(pattern);
    expect(quantityUnits('rate')).toBe('/s, /m, /h or /d');
  });
});
