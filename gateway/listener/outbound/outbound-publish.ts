// What has to be known of an outbound PUBLISH (MQTT 5.0 3.3): QoS, packet identifier, Message Expiry Interval, and
// whether it bears a property that a server must not send in one.

import { property } from '../frames/property-table.ts';
import { readVariableByteInteger } from '../frames/variable-byte-integer.ts';
import { afterString, afterVariableByteInteger, bodyStart } from './frame-layout.ts';
import {
  findProperty,
  type PropertyBlock,
  propertyBlockAt,
  propertyEnd,
  withoutProperties,
} from './property-block.ts';

export interface OutboundPublish {
  qos: number;
  /** 0 for QoS 0. */
  id: number;
  /** Where the Message Expiry Interval's value is, or -1. */
  expiryAt: number;
}

// The properties of a PUBLISH (MQTT 5.0 3.3.2.3) without the Topic Alias (0x23): aliases towards clients are never
// set up, so one could only be a publisher's own that leaked, and the receiver would have to refuse it.
const allowed = new Uint8Array(256);
for (const id of [0x01, 0x02, 0x03, 0x08, 0x09, 0x0b, 0x26]) allowed[id] = 1;

export function publishQos(firstByte: number): number {
  return (firstByte >> 1) & 3;
}

/** Whether the properties whose length field is at `lengthAt` hold one that a PUBLISH may not bear. */
export function hasForeignProperties(bytes: Buffer, lengthAt: number): boolean {
  if (bytes[lengthAt] === 0) return false;
  let at = afterVariableByteInteger(bytes, lengthAt);
  const to = at + readVariableByteInteger(bytes, lengthAt, bytes.length);
  while (at < to) {
    if (allowed[bytes[at]!] === 0) return true;
    at = propertyEnd(bytes, at);
  }
  return false;
}

/** The MQTT 5 PUBLISH without the properties that it may not bear; the same buffer when there are none. */
export function withoutForeignProperties(frame: Buffer): Buffer {
  const block = publishPropertyBlock(frame);
  if (!hasForeignProperties(frame, block.lengthAt)) return frame;
  return withoutProperties(frame, block, (id) => allowed[id] === 1);
}

export function readPublish(frame: Buffer, version: 3 | 4 | 5): OutboundPublish {
  const qos = publishQos(frame[0]!);
  const idAt = afterString(frame, bodyStart(frame));
  const id = qos === 0 ? 0 : frame.readUInt16BE(idAt);
  const expiryAt =
    version === 5 ? findProperty(frame, publishPropertyBlock(frame), property.messageExpiry) : -1;
  return { qos, id, expiryAt };
}

function publishPropertyBlock(frame: Buffer): PropertyBlock {
  const afterTopic = afterString(frame, bodyStart(frame));
  return propertyBlockAt(frame, publishQos(frame[0]!) === 0 ? afterTopic : afterTopic + 2);
}
