import { isUtf8 } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { isMalformedText } from '../../../../gateway/admission/payload-format.ts';
import { seededRun } from '../../../support/seeded-run.ts';

/** The payload in the midst of other bytes, none of which belongs to it. */
function isMalformed(payload: Buffer | number[], neighbour = 0xff): boolean {
  const bytes = Buffer.from([neighbour, neighbour, ...payload, neighbour, neighbour]);
  const payloadEnd = bytes.length - 2;
  return isMalformedText({ payloadFormatUtf8: true, payloadStart: 2, payloadEnd }, bytes);
}

describe('a payload with the format indicator', () => {
  test.each<[string, Buffer | number[]]>([
    ['empty', []],
    ['ASCII', Buffer.from('{"t": 21.5}')],
    ['U+0000 and control characters, which only a string may not have', [0x00, 0x41, 0x01, 0x7f, 0xc2, 0x80]],
    ['sequences of two, three and four bytes', Buffer.from('°C 状态 🌡')],
    [
      'the first and last of each length',
      Buffer.from('\u0080\u07ff\u0800\ud7ff\ue000\uffff\u{10000}\u{10ffff}'),
    ],
    ['non-characters and the byte order mark', Buffer.from('\ufeff\ufdd0\ufffe\uffff')],
  ])('is well-formed: %s', (_name, payload) => {
    expect(isMalformed(payload)).toBe(false);
    expect(isMalformed(payload, 0x80)).toBe(false);
  });

  test.each<[string, number[]]>([
    ['a byte that is in no sequence', [0x41, 0xff]],
    ['a continuation by itself', [0x80]],
    ['two bytes of which one is missing', [0x41, 0xc3]],
    ['three bytes of which one is missing', [0xe7, 0x8a]],
    ['four bytes of which one is missing', [0xf0, 0x9f, 0x8c]],
    ['a sequence that another one cuts off', [0xe7, 0x8a, 0x41]],
    ['an overlong slash, two bytes', [0xc0, 0xaf]],
    ['an overlong slash, three bytes', [0xe0, 0x80, 0xaf]],
    ['an overlong slash, four bytes', [0xf0, 0x80, 0x80, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['a pair of surrogates', [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]],
    ['a code point beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
  ])('is malformed: %s', (_name, payload) => {
    expect(isMalformed(payload)).toBe(true);
    expect(isMalformed(payload, 0x80)).toBe(true); // what would complete it is not its own
    expect(isMalformed([...Buffer.from('°'.repeat(500)), ...payload])).toBe(true);
  });

  test('is judged as Node judges it', () =>
    seededRun(async (random) => {
      let malformed = 0;
      for (let i = 0; i < 20_000; i++) {
        const payload = Buffer.from('a状°🌡\u0000z');
        const changes = random.int(3);
        for (let n = 0; n < changes; n++) payload[random.int(payload.length)] = random.int(256);
        const cut = payload.subarray(random.int(3), payload.length - random.int(3));
        expect(isMalformed(cut), cut.toString('hex')).toBe(!isUtf8(cut));
        if (!isUtf8(cut)) malformed++;
      }
      expect(malformed).toBeGreaterThan(5000);
      expect(malformed).toBeLessThan(19_000);
    }));
});

test('of a payload without the indicator nothing is said', () => {
  const bytes = Buffer.from([0xff]);
  expect(isMalformedText({ payloadFormatUtf8: false, payloadStart: 0, payloadEnd: 1 }, bytes)).toBe(false);
});
