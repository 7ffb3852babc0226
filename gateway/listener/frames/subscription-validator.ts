// Judges SUBSCRIBE and UNSUBSCRIBE: packet id, properties, at least one filter, every filter and its options
// (MQTT 5.0 3.8 and 3.10, 3.1.1: 3.8 and 3.10). Answering and keeping subscriptions is the session engine's.

import type { Frame } from './fixed-header.ts';
import type { FrameRules } from './frame-rules.ts';
import { PropertyValues, scanProperties } from './properties.ts';
import { place } from './property-table.ts';
import { type Reason, reason } from './reasons.ts';
import { isSharedFilter, judgeTopicFilter } from './topic-filter.ts';

const packetIdBytes = 2;
const properties = new PropertyValues();

export function validateSubscribe(buffer: Buffer, frame: Frame, rules: FrameRules): Reason {
  return validate(buffer, frame, rules, true);
}

export function validateUnsubscribe(buffer: Buffer, frame: Frame, rules: FrameRules): Reason {
  return validate(buffer, frame, rules, false);
}

function validate(buffer: Buffer, frame: Frame, rules: FrameRules, isSubscribe: boolean): Reason {
  const end = frame.bodyEnd;
  let at = frame.bodyStart + packetIdBytes;
  if (at > end) return reason.truncated;
  if (buffer[at - 2] === 0 && buffer[at - 1] === 0) return reason.packetIdZero;
  if (rules.version === 5) {
    const where = isSubscribe ? place.subscribe : place.unsubscribe;
    const refused = scanProperties(buffer, at, end, where, properties);
    if (refused !== reason.ok) return refused;
    at = properties.end;
  }
  if (at === end) return reason.filterMissing;

  for (let filters = 1; at < end; filters++) {
    if (filters > rules.filtersMax) return reason.filtersTooMany;
    const filterStart = at + 2;
    if (filterStart > end) return reason.truncated;
    const filterEnd = filterStart + buffer.readUInt16BE(at);
    at = isSubscribe ? filterEnd + 1 : filterEnd;
    if (at > end) return reason.truncated;
    const refused = judgeTopicFilter(buffer, filterStart, filterEnd, rules);
    if (refused !== reason.ok) return refused;
    if (!isSubscribe) continue;
    const isShared = isSharedFilter(buffer, filterStart, filterEnd);
    const refusedOptions = judgeOptions(buffer[filterEnd]!, rules.version, isShared);
    if (refusedOptions !== reason.ok) return refusedOptions;
  }
  return reason.ok;
}

/**
 * QoS in bits 0 and 1; in MQTT 5 also no-local (2), retain-as-published (3), retain handling (4, 5)
 * (3.8.3.1).
 */
function judgeOptions(options: number, version: FrameRules['version'], isShared: boolean): Reason {
  if ((options & (version === 5 ? 0xc0 : 0xfc)) !== 0) return reason.subscriptionOptions;
  if ((options & 0x03) === 3) return reason.subscriptionQos3;
  if ((options & 0x30) === 0x30) return reason.retainHandling3;
  return isShared && (options & 0x04) !== 0 ? reason.sharedNoLocal : reason.ok;
}

/** The filters of a validated SUBSCRIBE, in its order. */
export function subscribeFiltersOf(buffer: Buffer, frame: Frame, rules: FrameRules): string[] {
  return filtersOf(buffer, frame, rules, 1);
}

/** The filters of a validated UNSUBSCRIBE, in its order. */
export function unsubscribeFiltersOf(buffer: Buffer, frame: Frame, rules: FrameRules): string[] {
  return filtersOf(buffer, frame, rules, 0);
}

function filtersOf(buffer: Buffer, frame: Frame, rules: FrameRules, optionBytes: number): string[] {
  let at = frame.bodyStart + packetIdBytes;
  if (rules.version === 5) {
    const where = optionBytes === 1 ? place.subscribe : place.unsubscribe;
    scanProperties(buffer, at, frame.bodyEnd, where, properties);
    at = properties.end;
  }
  const filters: string[] = [];
  while (at < frame.bodyEnd) {
    const end = at + 2 + buffer.readUInt16BE(at);
    filters.push(buffer.toString('utf8', at + 2, end));
    at = end + optionBytes;
  }
  return filters;
}
