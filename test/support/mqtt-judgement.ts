// What the gateway's own parsers make of one frame, as plain fields that can be compared with mqtt-packet's
// reading.

import type { Connect, Will } from '../../gateway/listener/frames/connect.ts';
import { parseConnect } from '../../gateway/listener/frames/connect-parser.ts';
import {
  disconnectSessionExpiryS,
  packetIdOf,
  reasonCodeOf,
  validateControl,
} from '../../gateway/listener/frames/control-validator.ts';
import { cutFrame, Frame, incomplete, packetType } from '../../gateway/listener/frames/fixed-header.ts';
import type { FrameRules } from '../../gateway/listener/frames/frame-rules.ts';
import { PublishView, parsePublish } from '../../gateway/listener/frames/publish-parser.ts';
import { type Reason, reason } from '../../gateway/listener/frames/reasons.ts';
import {
  subscribeFiltersOf,
  unsubscribeFiltersOf,
} from '../../gateway/listener/frames/subscription-validator.ts';
import { type ClientVersion, packetMaxima } from './mqtt-frame-packets.ts';
import { decodePublishProperties, groupUserProperties } from './mqtt-reference.ts';

const frame = new Frame();
const view = new PublishView();

export interface Accepted {
  readonly verdict: 'accepted';
  readonly fields: Record<string, unknown>;
  readonly end: number;
}
export type Judgement =
  | Accepted
  | { readonly verdict: 'incomplete' }
  | { readonly verdict: 'refused'; readonly why: Reason };

const rulesFor = (version: FrameRules['version']): FrameRules => ({ version, ...packetMaxima });

/** What the gateway makes of the first frame in `bytes`, as fields named like mqtt-packet's. */
export function judgeFrame(bytes: Buffer, version: ClientVersion): Judgement {
  const isConnect = bytes.length > 0 && bytes[0]! >> 4 === packetType.connect;
  const rules = rulesFor(isConnect ? 0 : version);
  // What follows in the socket's buffer must not matter, whatever it is.
  const buffer = Buffer.concat([bytes, Buffer.alloc(8, bytes.length % 2 === 0 ? 0x00 : 0x80)]);
  const cut = cutFrame(buffer, 0, bytes.length, frame, rules);
  if (cut === incomplete) return { verdict: 'incomplete' };
  if (cut !== reason.ok) return { verdict: 'refused', why: cut };
  const end = frame.bodyEnd;
  if (isConnect) {
    const result = parseConnect(buffer, frame, rules);
    if (!result.ok) return { verdict: 'refused', why: result.reason };
    return { verdict: 'accepted', fields: connectFields(result.connect), end };
  }
  const isPublish = frame.type === packetType.publish;
  const why = isPublish ? parsePublish(buffer, frame, view, rules) : validateControl(buffer, frame, rules);
  if (why !== reason.ok) return { verdict: 'refused', why };
  return {
    verdict: 'accepted',
    fields: isPublish ? publishFields(buffer) : controlFields(buffer, rules),
    end,
  };
}

function publishFields(bytes: Buffer): Record<string, unknown> {
  return {
    cmd: 'publish',
    qos: view.qos,
    dup: view.dup,
    retain: view.retain,
    topic: bytes.toString('utf8', view.topicStart, view.topicEnd),
    messageId: view.packetId === 0 ? undefined : view.packetId,
    properties: decodePublishProperties(bytes.subarray(view.propsStart, view.propsEnd)),
    payload: Buffer.from(bytes.subarray(view.payloadStart, view.payloadEnd)),
    topicAlias: view.topicAlias === 0 ? undefined : view.topicAlias,
    messageExpiryInterval: view.messageExpirySeconds === -1 ? undefined : view.messageExpirySeconds,
    payloadFormatIndicator: view.payloadFormatUtf8,
    hasContentProps: view.hasContentProps,
  };
}

function controlFields(bytes: Buffer, rules: FrameRules): Record<string, unknown> {
  switch (frame.type) {
    case packetType.subscribe:
      return { filters: subscribeFiltersOf(bytes, frame, rules), messageId: packetIdOf(bytes, frame) };
    case packetType.unsubscribe:
      return { filters: unsubscribeFiltersOf(bytes, frame, rules), messageId: packetIdOf(bytes, frame) };
    case packetType.disconnect:
      return { sessionExpiry: rules.version === 5 ? disconnectSessionExpiryS(bytes, frame) : undefined };
    case packetType.pingreq:
    case packetType.auth:
      return {};
    default:
      return { messageId: packetIdOf(bytes, frame), reasonCode: reasonCodeOf(bytes, frame) };
  }
}

function connectFields(connect: Connect): Record<string, unknown> {
  return { ...connect, will: connect.will && willFields(connect.will) };
}

function willFields(will: Will): Record<string, unknown> {
  const userProperties =
    will.userProperties.length === 0 ? undefined : groupUserProperties(will.userProperties);
  return { ...will, userProperties };
}
