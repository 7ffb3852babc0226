// Reads a PUBLISH in place into a reused view of offsets: the hot path of the gateway, one call per message,
// so it allocates nothing. The frame has been cut, which settled QoS 3 and DUP with QoS 0. The view points
// into the socket's buffer: whatever outlives it is copied by the caller. Resolving a topic alias is the
// caller's.

import type { Frame } from './fixed-header.ts';
import type { FrameRules } from './frame-rules.ts';
import { PropertyValues, propertyBytes, scanProperties } from './properties.ts';
import { bits, place, property } from './property-table.ts';
import { type Reason, reason } from './reasons.ts';
import { judgeResponseTopic, judgeTopicName } from './topic-name.ts';

/** `PublishView.messageExpirySeconds` of a message that does not expire. */
export const noExpiry = -1;

export class PublishView {
  qos: 0 | 1 | 2 = 0;
  dup = false;
  retain = false;
  /** 0 with QoS 0. */
  packetId = 0;
  topicStart = 0;
  /** Equal to `topicStart` when the topic name is empty and `topicAlias` stands for it. */
  topicEnd = 0;
  /** MQTT 5 properties as they were sent, without their length; empty before MQTT 5. */
  propsStart = 0;
  propsEnd = 0;
  payloadStart = 0;
  payloadEnd = 0;
  /** Fixed header and all. */
  packetBytes = 0;
  /** 0 when there is none. */
  topicAlias = 0;
  messageExpirySeconds = noExpiry;
  payloadFormatUtf8 = false;
  /**
   * True when there are properties besides the topic alias: they belong to the message and are kept with it.
   */
  hasContentProps = false;
}

// Scanning is synchronous and its result is copied into the view, so one scratch object serves all
// connections.
const properties = new PropertyValues();
const contentBits = ~bits[property.topicAlias]!;
const topicAliasBytes = 3;

/**
 * Parses the PUBLISH in `frame` (MQTT 5.0 3.3; 3.1.1: 3.3). `reason.ok`, or what is wrong with it; where
 * `isRefusal` holds of that the view is filled nevertheless, so that the publish can be answered.
 */
export function parsePublish(buffer: Buffer, frame: Frame, view: PublishView, rules: FrameRules): Reason {
  const end = frame.bodyEnd;
  const flags = frame.flags;
  const qos = (flags >> 1) & 3;
  view.qos = qos as 0 | 1 | 2;
  view.dup = (flags & 0b1000) !== 0;
  view.retain = (flags & 0b0001) !== 0;
  view.packetBytes = end - frame.start;

  const topicStart = frame.bodyStart + 2;
  if (topicStart > end) return reason.truncated;
  let at = topicStart + ((buffer[topicStart - 2]! << 8) | buffer[topicStart - 1]!);
  if (at > end) return reason.truncated;
  view.topicStart = topicStart;
  view.topicEnd = at;

  if (qos === 0) {
    view.packetId = 0;
  } else {
    if (at + 2 > end) return reason.truncated;
    view.packetId = (buffer[at]! << 8) | buffer[at + 1]!;
    if (view.packetId === 0) return reason.packetIdZero;
    at += 2;
  }

  const refused =
    rules.version === 5 ? parseProperties(buffer, at, end, view, rules) : clearProperties(at, view);
  if (refused !== reason.ok) return refused;
  view.payloadStart = view.propsEnd;
  view.payloadEnd = end;
  if (view.topicEnd === topicStart) return view.topicAlias === 0 ? reason.topicEmpty : reason.ok;
  return judgeTopicName(buffer, topicStart, view.topicEnd, rules);
}

function clearProperties(at: number, view: PublishView): Reason {
  view.propsStart = at;
  view.propsEnd = at;
  view.topicAlias = 0;
  view.messageExpirySeconds = noExpiry;
  view.payloadFormatUtf8 = false;
  view.hasContentProps = false;
  return reason.ok;
}

function parseProperties(
  buffer: Buffer,
  at: number,
  end: number,
  view: PublishView,
  rules: FrameRules,
): Reason {
  // Most MQTT 5 publishes have no property at all.
  if (at < end && buffer[at] === 0) return clearProperties(at + 1, view);
  const refused = scanProperties(buffer, at, end, place.publish, properties);
  if (refused !== reason.ok) return refused;
  view.propsStart = properties.start;
  view.propsEnd = properties.end;
  view.topicAlias = properties.number(property.topicAlias, 0);
  view.messageExpirySeconds = properties.number(property.messageExpiry, noExpiry);
  view.payloadFormatUtf8 = properties.number(property.payloadFormat, 0) === 1;
  view.hasContentProps = (properties.present & contentBits) !== 0;

  if (properties.has(property.topicAlias)) {
    if (view.topicAlias === 0 || view.topicAlias > rules.topicAliasMaximum) return reason.topicAliasInvalid;
  }
  if (!properties.has(property.responseTopic)) return reason.ok;
  const responseTopicStart = properties.starts[property.responseTopic]!;
  return judgeResponseTopic(buffer, responseTopicStart, properties.ends[property.responseTopic]!);
}

/**
 * Copies a view's properties but for the topic alias, which means nothing beyond its connection, to `target`
 * at `at`; returns the offset after them. They have been parsed, and `target` has room for all of them.
 */
export function copyPropertiesWithoutAlias(
  source: Buffer,
  propsStart: number,
  propsEnd: number,
  target: Buffer,
  at: number,
): number {
  let next = propsStart;
  while (next < propsEnd && source[next] !== property.topicAlias) {
    next += propertyBytes(source, next, propsEnd);
  }
  const before = at + source.copy(target, at, propsStart, next);
  if (next >= propsEnd) return before;
  return before + source.copy(target, before, next + topicAliasBytes, propsEnd);
}
