// Writes the few packets that the Connection sends itself: acknowledgements, keep-alive, refusals. Each
// function writes at an offset of a buffer that has room (the constants say how much) and returns the offset
// after it. Everything else that goes to a client is written by the session engine.

import { packetType } from './fixed-header.ts';
import type { ProtocolVersion } from './frame-rules.ts';
import { property } from './property-table.ts';
import { variableByteIntegerBytes, writeVariableByteInteger } from './variable-byte-integer.ts';

/** First bytes of the acknowledgements; PUBREL carries QoS 1's bits (MQTT 5.0 3.6.1, 3.1.1: 3.6.1). */
export const acknowledgement = {
  puback: packetType.puback << 4,
  pubrec: packetType.pubrec << 4,
  pubrel: (packetType.pubrel << 4) | 0b0010,
  pubcomp: packetType.pubcomp << 4,
} as const;
export type Acknowledgement = (typeof acknowledgement)[keyof typeof acknowledgement];

export const acknowledgementBytes = 4;
/** Room that any other packet of this file needs beside its reason text. */
export const overheadBytesMax = 16;

/** Success, in the form that all versions share: MQTT 5 leaves out a reason code of 0 (MQTT 5.0 3.4.2.1). */
export function writeAcknowledgement(
  target: Buffer,
  at: number,
  firstByte: Acknowledgement,
  packetId: number,
): number {
  target[at] = firstByte;
  target[at + 1] = 2;
  target[at + 2] = packetId >> 8;
  target[at + 3] = packetId & 0xff;
  return at + acknowledgementBytes;
}

export interface ReasonedAcknowledgement {
  readonly firstByte: Acknowledgement;
  readonly packetId: number;
  readonly reasonCode: number;
  /** Only to a client that did not switch problem information off (MQTT 5.0 3.1.2.11.7). */
  readonly reasonText?: string | undefined;
}

/** MQTT 5 only: an acknowledgement that says why (MQTT 5.0 3.4.2, 3.5.2, 3.6.2, 3.7.2). */
export function writeReasonedAcknowledgement(
  target: Buffer,
  at: number,
  packet: ReasonedAcknowledgement,
): number {
  const properties = packet.reasonText ? reasonPropertyBytes(packet.reasonText) : 0;
  const lengthBytes = properties === 0 ? 0 : variableByteIntegerBytes(properties);
  target[at] = packet.firstByte;
  let next = writeVariableByteInteger(target, at + 1, 3 + lengthBytes + properties);
  target[next++] = packet.packetId >> 8;
  target[next++] = packet.packetId & 0xff;
  target[next++] = packet.reasonCode;
  return properties === 0 ? next : writeReasonProperty(target, next, packet.reasonText!);
}

/** MQTT 5 only: why the server closes the connection (MQTT 5.0 3.14). */
export function writeDisconnect(target: Buffer, at: number, reasonCode: number, reasonText?: string): number {
  const properties = reasonText ? reasonPropertyBytes(reasonText) : 0;
  const lengthBytes = properties === 0 ? 0 : variableByteIntegerBytes(properties);
  target[at] = packetType.disconnect << 4;
  const next = writeVariableByteInteger(target, at + 1, 1 + lengthBytes + properties);
  target[next] = reasonCode;
  return properties === 0 ? next + 1 : writeReasonProperty(target, next + 1, reasonText!);
}

/**
 * A CONNACK that refuses: a return code before MQTT 5 (3.1.1: 3.2.2.3), a reason code then (MQTT 5.0
 * 3.2.2.2), and perhaps a Reason String (3.2.2.3.9).
 */
export function writeConnackRefusal(
  target: Buffer,
  at: number,
  { version, code, text }: { version: ProtocolVersion; code: number; text?: string },
): number {
  target[at] = packetType.connack << 4;
  if (version !== 5) {
    target[at + 1] = 2;
    target[at + 2] = 0;
    target[at + 3] = code;
    return at + 4;
  }
  const properties = text ? reasonPropertyBytes(text) : 0;
  const lengthBytes = variableByteIntegerBytes(properties);
  const next = writeVariableByteInteger(target, at + 1, 2 + lengthBytes + properties);
  target[next] = 0;
  target[next + 1] = code;
  if (properties > 0) return writeReasonProperty(target, next + 2, text!);
  target[next + 2] = 0;
  return next + 3;
}

export function writePingreq(target: Buffer, at: number): number {
  target[at] = packetType.pingreq << 4;
  target[at + 1] = 0;
  return at + 2;
}

export function writePingresp(target: Buffer, at: number): number {
  target[at] = packetType.pingresp << 4;
  target[at + 1] = 0;
  return at + 2;
}

function reasonPropertyBytes(reasonText: string): number {
  return 3 + Buffer.byteLength(reasonText);
}

function writeReasonProperty(target: Buffer, at: number, reasonText: string): number {
  const bytes = Buffer.byteLength(reasonText);
  const next = writeVariableByteInteger(target, at, 3 + bytes);
  target[next] = property.reasonString;
  target.writeUInt16BE(bytes, next + 1);
  return next + 3 + target.write(reasonText, next + 3, 'utf8');
}
