// Judges every packet a client may send after CONNECT other than PUBLISH, before it goes to the session
// engine byte for byte. Validates in place and allocates nothing. SUBSCRIBE and UNSUBSCRIBE have a file of
// their own; whether a packet fits the state of its session (an unknown packet id, AUTH without a method) is
// the caller's to say.

import { SluiceError } from '../../../config/errors.ts';
import { type Frame, packetType } from './fixed-header.ts';
import type { FrameRules } from './frame-rules.ts';
import { PropertyValues, scanProperties } from './properties.ts';
import { place, property } from './property-table.ts';
import { type Reason, reason } from './reasons.ts';
import { validateSubscribe, validateUnsubscribe } from './subscription-validator.ts';

const properties = new PropertyValues();

// What a client may say in each packet: MQTT 5.0 3.4.2.1, 3.5.2.1, 3.6.2.1, 3.7.2.1, and those that tables
// 3.14.2.1 and 3.15.2.1 list as sent by a client.
const receiptCodes = codeSet(0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99);
const releaseCodes = codeSet(0x00, 0x92);
const disconnectCodes = codeSet(0, 4, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99);
const authCodes = codeSet(0x18, 0x19);

function codeSet(...codes: number[]): Uint8Array {
  const allowed = new Uint8Array(256);
  for (const code of codes) allowed[code] = 1;
  return allowed;
}

/** Judges the packet in `frame`, which has been cut: `reason.ok`, or what is wrong with it. */
export function validateControl(buffer: Buffer, frame: Frame, rules: FrameRules): Reason {
  switch (frame.type) {
    case packetType.puback:
    case packetType.pubrec:
      return validateAcknowledgement(buffer, frame, rules, receiptCodes);
    case packetType.pubrel:
    case packetType.pubcomp:
      return validateAcknowledgement(buffer, frame, rules, releaseCodes);
    case packetType.subscribe:
      return validateSubscribe(buffer, frame, rules);
    case packetType.unsubscribe:
      return validateUnsubscribe(buffer, frame, rules);
    case packetType.pingreq:
      return frame.bodyStart === frame.bodyEnd ? reason.ok : reason.trailingBytes;
    case packetType.disconnect:
      return validateDisconnect(buffer, frame, rules);
    case packetType.auth:
      return validateAuth(buffer, frame);
    default:
      throw new SluiceError('FRAME_NOT_CONTROL', `packet type ${frame.type} has a parser of its own`, {
        kind: 'permanent',
      });
  }
}

/** Packet identifier, then in MQTT 5 a reason code and properties that may be left out (MQTT 5.0 3.4.2). */
function validateAcknowledgement(buffer: Buffer, frame: Frame, rules: FrameRules, codes: Uint8Array): Reason {
  const bytes = frame.bodyEnd - frame.bodyStart;
  if (bytes < 2) return reason.truncated;
  if (packetIdOf(buffer, frame) === 0) return reason.packetIdZero;
  if (bytes === 2) return reason.ok;
  if (rules.version !== 5) return reason.trailingBytes;
  if (codes[buffer[frame.bodyStart + 2]!] === 0) return reason.reasonCodeUnknown;
  if (bytes === 3) return reason.ok;
  return lastProperties(buffer, frame.bodyStart + 3, frame.bodyEnd, place.acknowledgement);
}

/** Nothing before MQTT 5; then a reason code and properties that may be left out (MQTT 5.0 3.14.2). */
function validateDisconnect(buffer: Buffer, frame: Frame, rules: FrameRules): Reason {
  const bytes = frame.bodyEnd - frame.bodyStart;
  if (bytes === 0) return reason.ok;
  if (rules.version !== 5) return reason.trailingBytes;
  if (disconnectCodes[buffer[frame.bodyStart]!] === 0) return reason.reasonCodeUnknown;
  if (bytes === 1) return reason.ok;
  return lastProperties(buffer, frame.bodyStart + 1, frame.bodyEnd, place.disconnect);
}

/** An AUTH without a body means Success, which only a server says (MQTT 5.0 3.15.2.1). */
function validateAuth(buffer: Buffer, frame: Frame): Reason {
  if (frame.bodyStart === frame.bodyEnd) return reason.reasonCodeUnknown;
  if (authCodes[buffer[frame.bodyStart]!] === 0) return reason.reasonCodeUnknown;
  const refused = lastProperties(buffer, frame.bodyStart + 1, frame.bodyEnd, place.auth);
  if (refused !== reason.ok) return refused;
  return properties.has(property.authMethod) ? reason.ok : reason.authMethodMissing;
}

function lastProperties(
  buffer: Buffer,
  at: number,
  end: number,
  where: Parameters<typeof scanProperties>[3],
): Reason {
  const refused = scanProperties(buffer, at, end, where, properties);
  if (refused !== reason.ok) return refused;
  return properties.end === end ? reason.ok : reason.trailingBytes;
}

/** The packet identifier of a validated PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE or UNSUBSCRIBE. */
export function packetIdOf(buffer: Buffer, frame: Frame): number {
  return (buffer[frame.bodyStart]! << 8) | buffer[frame.bodyStart + 1]!;
}

/**
 * The reason code of a validated PUBACK, PUBREC, PUBREL or PUBCOMP; left out means success (MQTT 5.0
 * 3.4.2.1).
 */
export function reasonCodeOf(buffer: Buffer, frame: Frame): number {
  return frame.bodyEnd - frame.bodyStart > 2 ? buffer[frame.bodyStart + 2]! : 0;
}

/**
 * The session expiry that a validated DISCONNECT of MQTT 5 asks for, `undefined` when it leaves it as it was.
 * After a CONNECT with 0 anything else is `reason.sessionExpiryRaised` (MQTT 5.0 3.14.2.2.2): the caller
 * knows that.
 */
export function disconnectSessionExpiryS(buffer: Buffer, frame: Frame): number | undefined {
  if (frame.bodyEnd - frame.bodyStart < 2) return undefined;
  scanProperties(buffer, frame.bodyStart + 1, frame.bodyEnd, place.disconnect, properties);
  return properties.has(property.sessionExpiry) ? properties.numbers[property.sessionExpiry] : undefined;
}
