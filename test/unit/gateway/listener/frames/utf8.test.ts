import { isUtf8 } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { reason } from '../../../../../gateway/listener/frames/reasons.ts';
import { judgeName, judgeText } from '../../../../../gateway/listener/frames/utf8.ts';

const text = (bytes: Buffer) => judgeText(bytes, 0, bytes.length);
const name = (bytes: Buffer) => judgeName(bytes, 0, bytes.length);

describe('strings', () => {
  test('every code point but U+0000 and surrogates is text (MQTT 5.0 1.5.4)', () => {
    for (let codePoint = 1; codePoint <= 0x10ffff; codePoint++) {
      if (codePoint >= 0xd800 && codePoint <= 0xdfff) continue;
      if (text(Buffer.from(String.fromCodePoint(codePoint))) !== reason.ok) {
        expect.fail(`U+${codePoint.toString(16)} was refused`);
      }
    }
  });

  test('exactly the control and non-character code points are refused in a name (MQTT 5.0 1.5.4)', () => {
    const disallowed = /[\p{Cc}\p{Noncharacter_Code_Point}]/u;
    for (let codePoint = 1; codePoint <= 0x10ffff; codePoint++) {
      if (codePoint >= 0xd800 && codePoint <= 0xdfff) continue;
      const character = String.fromCodePoint(codePoint);
      const expected = disallowed.test(character) ? reason.characterDisallowed : reason.ok;
      if (name(Buffer.from(character)) !== expected) expect.fail(`U+${codePoint.toString(16)} was misjudged`);
    }
  });

  test('U+0000 is refused wherever it stands (MQTT 5.0 1.5.4)', () => {
    for (const bytes of [[0], [0x61, 0], [0xc3, 0xa9, 0, 0x61]]) {
      expect(text(Buffer.from(bytes))).toBe(reason.utf8Null);
      expect(name(Buffer.from(bytes))).toBe(reason.utf8Null);
    }
  });

  test('a byte order mark is part of the string (MQTT 5.0 1.5.4)', () => {
    expect(name(Buffer.from([0xef, 0xbb, 0xbf, 0x61]))).toBe(reason.ok);
  });

  test('all two-byte and three-byte sequences are judged as a strict decoder judges them (RFC 3629)', () => {
    const telling = [
      0x01, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xaf, 0xb7, 0xbe, 0xbf, 0xc0, 0xc2, 0xe0, 0xf4, 0xff,
    ];
    for (let lead = 1; lead < 256; lead++) {
      for (let second = 1; second < 256; second++) {
        const two = Buffer.from([lead, second]);
        if ((text(two) === reason.ok) !== isUtf8(two)) expect.fail(two.toString('hex'));
        for (const third of telling) {
          const three = Buffer.from([lead, second, third]);
          if ((text(three) === reason.ok) !== isUtf8(three)) expect.fail(three.toString('hex'));
        }
      }
    }
    for (const lead of [0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5]) {
      for (let second = 0x70; second < 0xd0; second++) {
        for (const third of telling) {
          for (const fourth of telling) {
            const four = Buffer.from([lead, second, third, fourth]);
            if ((text(four) === reason.ok) !== isUtf8(four)) expect.fail(four.toString('hex'));
          }
        }
      }
    }
  });

  test('a sequence that the end of the field cuts off is invalid, though the buffer goes on', () => {
    const euro = Buffer.from('a€');
    expect(judgeText(euro, 0, 4)).toBe(reason.ok);
    expect(judgeText(euro, 0, 3)).toBe(reason.utf8Invalid);
    expect(judgeText(euro, 0, 2)).toBe(reason.utf8Invalid);
    expect(judgeText(Buffer.from('é'), 0, 1)).toBe(reason.utf8Invalid);
    const emoji = Buffer.from('📈');
    expect(judgeText(emoji, 0, 3)).toBe(reason.utf8Invalid);
  });

  test('invalid bytes outweigh a control character before them', () => {
    expect(name(Buffer.from([0x01, 0xff]))).toBe(reason.utf8Invalid);
    expect(name(Buffer.from([0x01, 0x00]))).toBe(reason.utf8Null);
  });
});
