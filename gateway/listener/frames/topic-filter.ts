// Judges the topic filter of a SUBSCRIBE or UNSUBSCRIBE: UTF-8 and characters, wildcards alone in their level
// and `#` only in the last, length and levels, and the form of a shared subscription in MQTT 5.

import type { FrameRules } from './frame-rules.ts';
import { type Reason, reason } from './reasons.ts';
import { isReservedName } from './reserved-names.ts';
import { judgeName } from './utf8.ts';

const slash = 0x2f;
const hash = 0x23;
const plus = 0x2b;
const sharePrefix = Buffer.from('$share');

/** Judges `buffer[start, end)` (MQTT 5.0 4.7.1, 4.7.3, 4.8.2; 3.1.1: 4.7). */
export function judgeTopicFilter(buffer: Buffer, start: number, end: number, rules: FrameRules): Reason {
  if (start === end) return reason.filterEmpty;
  const characters = judgeName(buffer, start, end);
  if (characters !== reason.ok) return characters;
  if (end - start > rules.topicBytesMax) return reason.filterTooLong;
  if (isReservedName(buffer, start, end)) return reason.filterReserved;

  if (rules.version !== 5 || !isSharedFilter(buffer, start, end)) {
    return judgeLevels(buffer, start, end, rules.topicLevelsMax);
  }
  const filterStart = sharedFilterStart(buffer, start, end);
  if (filterStart < 0) return reason.sharedFilterSyntax;
  return judgeLevels(buffer, filterStart, end, rules.topicLevelsMax);
}

/**
 * True when the first level is `$share`: in MQTT 5 that is a shared subscription, well-formed or not (4.8.2).
 */
export function isSharedFilter(buffer: Buffer, start: number, end: number): boolean {
  const after = start + sharePrefix.length;
  if (after > end || (after < end && buffer[after] !== slash)) return false;
  return sharePrefix.compare(buffer, start, after) === 0;
}

/**
 * Where the filter of `$share/name/filter` begins, or -1 when there is no name, or no filter, or a wildcard
 * name.
 */
export function sharedFilterStart(buffer: Buffer, start: number, end: number): number {
  const nameStart = start + sharePrefix.length + 1;
  let at = nameStart;
  while (at < end && buffer[at] !== slash) {
    if (buffer[at] === hash || buffer[at] === plus) return -1;
    at++;
  }
  return at > nameStart && at + 1 < end ? at + 1 : -1;
}

function judgeLevels(buffer: Buffer, start: number, end: number, levelsMax: number): Reason {
  let levels = 1;
  let levelStart = start;
  for (let at = start; at < end; at++) {
    const byte = buffer[at];
    if (byte === slash) {
      levels++;
      levelStart = at + 1;
    } else if (byte === hash || byte === plus) {
      const isLast = at + 1 === end;
      const isAlone = at === levelStart && (isLast || buffer[at + 1] === slash);
      if (!isAlone || (byte === hash && !isLast)) return reason.filterWildcard;
    }
  }
  return levels > levelsMax ? reason.filterTooDeep : reason.ok;
}
