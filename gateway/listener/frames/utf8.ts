// MQTT strings are UTF-8 with more rules than Unicode's own: no U+0000 anywhere (MQTT 5.0 1.5.4). What
// becomes a key in databases and buses (topics, filters, client ids, user names) is a *name* here and may not
// have control or non-character code points either, which 1.5.4 says should not be sent and lets a server
// refuse; free text (a user property, a content type) may. Judges bytes in place, allocates nothing.

import { type Reason, reason } from './reasons.ts';

/** `sequenceBytes`: not UTF-8. */
export const illFormed = 0;

/**
 * The length of the multi-byte sequence at `at`, negated when a name may not have its code point
 * (U+0080..U+009F, U+FDD0..U+FDEF, the last two of every plane), or `illFormed`: overlong, a surrogate,
 * beyond U+10FFFF, cut off at `end` (RFC 3629, 3 and 4).
 */
export function sequenceBytes(buffer: Buffer, at: number, end: number): number {
  const lead = buffer[at]!;
  if (lead < 0xc2 || lead > 0xf4 || at + 1 >= end) return illFormed;
  const second = buffer[at + 1]!;
  if ((second & 0xc0) !== 0x80) return illFormed;
  if (lead < 0xe0) return lead === 0xc2 && second < 0xa0 ? -2 : 2;

  if (at + 2 >= end) return illFormed;
  const third = buffer[at + 2]!;
  if ((third & 0xc0) !== 0x80) return illFormed;
  if (lead < 0xf0) {
    if (lead === 0xe0 && second < 0xa0) return illFormed;
    if (lead === 0xed && second > 0x9f) return illFormed;
    if (lead === 0xef && second === 0xbf && third >= 0xbe) return -3;
    if (lead === 0xef && second === 0xb7 && third >= 0x90 && third <= 0xaf) return -3;
    return 3;
  }

  if (at + 3 >= end) return illFormed;
  const fourth = buffer[at + 3]!;
  if ((fourth & 0xc0) !== 0x80) return illFormed;
  if (lead === 0xf0 && second < 0x90) return illFormed;
  if (lead === 0xf4 && second > 0x8f) return illFormed;
  return (second & 0x0f) === 0x0f && third === 0xbf && fourth >= 0xbe ? -4 : 4;
}

/** Judges `buffer[start, end)` as free text: well-formed, without U+0000. */
export function judgeText(buffer: Buffer, start: number, end: number): Reason {
  return judge(buffer, start, end, false);
}

/** Judges `buffer[start, end)` as a name: text without control and non-character code points. */
export function judgeName(buffer: Buffer, start: number, end: number): Reason {
  return judge(buffer, start, end, true);
}

function judge(buffer: Buffer, start: number, end: number, isName: boolean): Reason {
  // Invalid bytes further on outweigh a character that is merely not wanted, so the scan goes on after one.
  let disallowed = false;
  let at = start;
  while (at < end) {
    const byte = buffer[at]!;
    if (byte < 0x80) {
      if (byte === 0) return reason.utf8Null;
      if (byte < 0x20 || byte === 0x7f) disallowed = true;
      at++;
      continue;
    }
    const bytes = sequenceBytes(buffer, at, end);
    if (bytes === illFormed) return reason.utf8Invalid;
    if (bytes < 0) disallowed = true;
    at += Math.abs(bytes);
  }
  return disallowed && isName ? reason.characterDisallowed : reason.ok;
}
