// Cuts one frame off the inbound byte stream. All that the first byte can tell (type, direction, flags) is
// judged as soon as it is there, and the packet's size as soon as the length is, so that nothing is gathered
// for a frame that will be refused. Allocates nothing. What is inside the frame is judged by the parser of
// its type.
//
//   byte 0: type (4 bits) | flags (4 bits)     bytes 1..4: remaining length, a variable byte integer     body

import type { FrameRules } from './frame-rules.ts';
import { type Reason, reason } from './reasons.ts';

export const packetType = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  unsubscribe: 10,
  unsuback: 11,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
  auth: 15,
} as const;

/** `cutFrame` needs more bytes. */
export const incomplete = -1;

/** Where a frame lies in its buffer; one object is reused for all frames of a connection. */
export class Frame {
  type = 0;
  flags = 0;
  /** Offset of the first byte of the fixed header. */
  start = 0;
  bodyStart = 0;
  /** Offset after the frame. Of an incomplete frame: where it will end, or -1 while its length is unknown. */
  bodyEnd = 0;
}

const dup = 0b1000;
const versions = 6;
const firstByteReasons = new Uint8Array(versions * 256);
for (let version = 0; version < versions; version++) {
  for (let firstByte = 0; firstByte < 256; firstByte++) {
    firstByteReasons[version * 256 + firstByte] = judgeFirstByte(version, firstByte >> 4, firstByte & 0x0f);
  }
}

/**
 * Cuts the frame that begins at `start`; bytes up to `end` have arrived. Returns `reason.ok` with `frame`
 * filled, `incomplete`, or the reason why no frame can begin like this (MQTT 5.0 2.1).
 *
 * MQTT 3.1 sets DUP on a PUBREL, SUBSCRIBE or UNSUBSCRIBE that is sent again (3.1: 2.1, 3.6, 3.8, 3.10),
 * which no later version knows and the session engine refuses. It says nothing to a receiver: it is cleared
 * in the buffer.
 */
export function cutFrame(
  buffer: Buffer,
  start: number,
  end: number,
  frame: Frame,
  rules: FrameRules,
): Reason | typeof incomplete {
  frame.start = start;
  frame.bodyEnd = -1;
  if (start >= end) return incomplete;
  const firstByte = buffer[start]!;
  const refused = firstByteReasons[rules.version * 256 + firstByte]!;
  if (refused !== reason.ok) return refused as Reason;
  frame.type = firstByte >> 4;
  frame.flags = firstByte & 0x0f;

  let length = 0;
  let at = start + 1;
  for (let shift = 0; ; shift += 7) {
    if (shift > 21) return reason.lengthTooLong;
    if (at >= end) return incomplete;
    const byte = buffer[at++]!;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      // Only MQTT 5 demands the shortest form (1.5.5); a CONNECT that turns out to be one is checked by its
      // parser.
      if (byte === 0 && shift > 0 && rules.version === 5) return reason.lengthNotMinimal;
      break;
    }
  }
  frame.bodyStart = at;
  frame.bodyEnd = at + length;
  if (frame.bodyEnd - start > bytesMaxOf(rules)) return reason.packetTooLarge;
  if (frame.bodyEnd > end) return incomplete;
  if (rules.version === 3 && frame.type !== packetType.publish) clearDup(buffer, frame);
  return reason.ok;
}

/** Nobody knows who a client is before its CONNECT is whole: it may not make the gateway keep much for it. */
function bytesMaxOf({ version, heldBytesMax, packetBytesMax }: FrameRules): number {
  return version === 0 && heldBytesMax < packetBytesMax ? heldBytesMax : packetBytesMax;
}

function clearDup(buffer: Buffer, frame: Frame): void {
  buffer[frame.start] = buffer[frame.start]! & ~dup;
  frame.flags &= ~dup;
}

function judgeFirstByte(version: number, type: number, flags: number): Reason {
  if (type === 0) return reason.reservedType;
  if (version === 0) {
    if (type !== packetType.connect) return reason.connectExpected;
    return flags === 0 ? reason.ok : reason.headerFlags;
  }
  switch (type) {
    case packetType.connect:
      return reason.secondConnect;
    case packetType.connack:
    case packetType.suback:
    case packetType.unsuback:
    case packetType.pingresp:
      return reason.serverPacket;
    case packetType.publish:
      if ((flags & 0b0110) === 0b0110) return reason.publishQos3;
      return (flags & 0b1110) === dup ? reason.publishDupQos0 : reason.ok;
    case packetType.pubrel:
    case packetType.subscribe:
    case packetType.unsubscribe:
      return (version === 3 ? flags & ~dup : flags) === 0b0010 ? reason.ok : reason.headerFlags;
    case packetType.auth:
      if (version < 5) return reason.authBeforeMqtt5;
      break;
  }
  return flags === 0 ? reason.ok : reason.headerFlags;
}
