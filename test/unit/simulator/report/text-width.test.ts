import { describe, expect, test } from 'vitest';
import { clip, padEnd, padStart, printable, textWidth } from '../../../../simulator/report/text-width.ts';

describe('text in a terminal', () => {
  test.each([
    ['device-7', 8],
    ['Zähler', 6],
    ['e\u0301', 1],
    ['温度', 4],
    ['🔥', 2],
    ['━╋─▁█', 5],
  ])('%s is %d cells wide', (text, cells) => {
    expect(textWidth(text)).toBe(cells);
  });

  test('is cut to a width, never in the middle of a character', () => {
    expect(clip('upstream cut', 20)).toBe('upstream cut');
    expect(clip('upstream cut', 8)).toBe('upstrea…');
    expect(clip('温度温度', 6)).toBe('温度…');
    expect(clip('abc', 0)).toBe('');
  });

  test('is padded by cells', () => {
    expect(padEnd('温', 4)).toBe('温  ');
    expect(padStart('7', 3)).toBe('  7');
  });

  test('does nothing to the terminal once it is printable', () => {
    expect(printable('a\u001b[31mb\r\nc\u202ed\u009be')).toBe('a\ufffd[31mb\ufffd\ufffdc\ufffdd\ufffde');
  });
});
