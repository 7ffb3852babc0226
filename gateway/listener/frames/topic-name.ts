// Judges the topic name of a PUBLISH or a will in one pass over its bytes, without allocating: UTF-8,
// characters, wildcards, length and levels. A fault of form is reported before a mere refusal (too long, too
// deep, reserved), because a refused publish is answered and the connection goes on, while a malformed one
// ends it.

import type { FrameRules } from './frame-rules.ts';
import { type Reason, reason } from './reasons.ts';
import { illFormed, sequenceBytes } from './utf8.ts';

const ordinary = 0;
const separator = 1;
const wildcard = 2;
const control = 3;
const nul = 4;
const multiByte = 5;

const byteKinds = new Uint8Array(256);
byteKinds.fill(control, 0x01, 0x20);
byteKinds.fill(multiByte, 0x80);
byteKinds[0x00] = nul;
byteKinds[0x7f] = control;
byteKinds[0x23] = wildcard; // #
byteKinds[0x2b] = wildcard; // +
byteKinds[0x2f] = separator; // /

/**
 * Judges `buffer[start, end)` as a topic name (MQTT 5.0 1.5.4, 3.3.2.1, 4.7.1, 4.7.3; 3.1.1: 1.5.3, 3.3.2.1).
 * An empty one is the caller's to judge: MQTT 5 has it with an alias.
 */
export function judgeTopicName(buffer: Buffer, start: number, end: number, rules: FrameRules): Reason {
  const levels = countLevels(buffer, start, end);
  if (levels < 0) return -levels as Reason;
  if (end - start > rules.topicBytesMax) return reason.topicTooLong;
  if (levels > rules.topicLevelsMax) return reason.topicTooDeep;
  return buffer[start] === 0x24 && isReserved(buffer, start, end) ? reason.topicReserved : reason.ok;
}

/** Judges a response topic, which others will publish to: only its form (MQTT 5.0 3.3.2.3.5, 4.7.3). */
export function judgeResponseTopic(buffer: Buffer, start: number, end: number): Reason {
  if (start === end) return reason.propertyValue;
  const levels = countLevels(buffer, start, end);
  if (levels === -reason.topicWildcard) return reason.responseTopicWildcard;
  return levels < 0 ? (-levels as Reason) : reason.ok;
}

/** The number of levels of a topic name, or the negated reason why it is not one. */
function countLevels(buffer: Buffer, start: number, end: number): number {
  let levels = 1;
  let disallowed = false;
  let at = start;
  while (at < end) {
    const kind = byteKinds[buffer[at]!];
    if (kind === ordinary) {
      at++;
    } else if (kind === separator) {
      levels++;
      at++;
    } else if (kind === multiByte) {
      const bytes = sequenceBytes(buffer, at, end);
      if (bytes === illFormed) return -reason.utf8Invalid;
      if (bytes < 0) disallowed = true;
      at += bytes < 0 ? -bytes : bytes;
    } else if (kind === control) {
      disallowed = true;
      at++;
    } else {
      return kind === wildcard ? -reason.topicWildcard : -reason.utf8Null;
    }
  }
  return disallowed ? -reason.characterDisallowed : levels;
}

/**
 * `$SYS` is the server's own (MQTT 5.0 4.7.2), and what is published below `$share` no filter can match
 * (4.8.2). Other topics that begin with `$` have no meaning to MQTT; bridges and clouds use them, so they
 * pass.
 */
function isReserved(buffer: Buffer, start: number, end: number): boolean {
  return isLevel(buffer, start, end, '$SYS') || isLevel(buffer, start, end, '$share');
}

function isLevel(buffer: Buffer, start: number, end: number, level: string): boolean {
  const after = start + level.length;
  if (after > end || (after < end && buffer[after] !== 0x2f)) return false;
  for (let i = 0; i < level.length; i++) {
    if (buffer[start + i] !== level.charCodeAt(i)) return false;
  }
  return true;
}
