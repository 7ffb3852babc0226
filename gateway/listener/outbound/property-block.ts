// MQTT 5 properties, read and changed as bytes: where a packet's property block lies, what is in it, and the packet
// with another block (MQTT 5.0 2.2.2). Nothing is decoded that is not needed: a property that stays is copied as it
// is, user properties keep their order and repetition (MQTT-3.3.2-17, MQTT-3.3.2-18).
// Given are complete packets that a validator or aedes's encoder made; an unknown property is a fault.

import { SluiceError } from '../../../config/errors.ts';
import { packetType } from '../frames/fixed-header.ts';
import { kind, kinds } from '../frames/property-table.ts';
import { readVariableByteInteger } from '../frames/variable-byte-integer.ts';
import {
  afterString,
  afterVariableByteInteger,
  bodyStart,
  encodeVariableByteInteger,
  withBody,
} from './frame-layout.ts';

/** Properties that only a server sends (MQTT 5.0 3.2.2.3), as far as they are needed here. */
export const serverProperty = { assignedClientId: 0x12, serverKeepAlive: 0x13 } as const;

/**
 * Where a packet's properties lie: the length field starts at `lengthAt`, the properties are `[from, to)`.
 */
export interface PropertyBlock {
  lengthAt: number;
  from: number;
  to: number;
}

// The table of the properties that clients send, and those that only servers send (MQTT 5.0 2.2.2.2).
const layouts = kinds.slice();
for (const id of [0x24, 0x25, 0x28, 0x29, 0x2a]) layouts[id] = kind.byte;
for (const id of [0x12, 0x1a]) layouts[id] = kind.text;
layouts[serverProperty.serverKeepAlive] = kind.twoBytes;

/** The offset after the property whose identifier is at `at`. */
export function propertyEnd(bytes: Buffer, at: number): number {
  switch (layouts[bytes[at]!]) {
    case kind.byte:
      return at + 2;
    case kind.twoBytes:
      return at + 3;
    case kind.fourBytes:
      return at + 5;
    case kind.variable:
      return afterVariableByteInteger(bytes, at + 1);
    case kind.text:
    case kind.binary:
      return afterString(bytes, at + 1);
    case kind.pair:
      return afterString(bytes, afterString(bytes, at + 1));
    default:
      throw new SluiceError('MQTT_PROPERTY_UNKNOWN', `a packet has the unknown property ${bytes[at]}`, {
        kind: 'permanent',
      });
  }
}

/** The block whose length field is at `lengthAt`. */
export function propertyBlockAt(bytes: Buffer, lengthAt: number): PropertyBlock {
  const from = afterVariableByteInteger(bytes, lengthAt);
  return { lengthAt, from, to: from + readVariableByteInteger(bytes, lengthAt, bytes.length) };
}

/** The offset of the value of the first property `id` in the block, or -1. */
export function findProperty(bytes: Buffer, block: PropertyBlock, id: number): number {
  for (let at = block.from; at < block.to; at = propertyEnd(bytes, at)) {
    if (bytes[at] === id) return at + 1;
  }
  return -1;
}

/** The block of a packet other than PUBLISH that a server sends; undefined where the packet has none. */
export function propertyBlockOf(frame: Buffer): PropertyBlock | undefined {
  const body = bodyStart(frame);
  switch (frame[0]! >> 4) {
    case packetType.puback:
    case packetType.pubrec:
    case packetType.pubrel:
    case packetType.pubcomp:
      return blockWithin(frame, body + 3);
    case packetType.connack:
    case packetType.suback:
    case packetType.unsuback:
      return blockWithin(frame, body + 2);
    case packetType.disconnect:
    case packetType.auth:
      return blockWithin(frame, body + 1);
    default:
      return undefined;
  }
}

// The property length may be left out at the end of an acknowledgement and of a DISCONNECT (3.4.2.2.1, 3.14.2.2.1).
function blockWithin(frame: Buffer, lengthAt: number): PropertyBlock | undefined {
  return lengthAt < frame.length ? propertyBlockAt(frame, lengthAt) : undefined;
}

/** The packet with `properties` in place of those of `block`. */
export function withProperties(frame: Buffer, block: PropertyBlock, properties: Buffer): Buffer {
  const before = frame.subarray(bodyStart(frame), block.lengthAt);
  const length = encodeVariableByteInteger(properties.length);
  return withBody(frame, [before, length, properties, frame.subarray(block.to)]);
}

/** The packet with only those of its properties whose identifier `keeps` accepts. */
export function withoutProperties(
  frame: Buffer,
  block: PropertyBlock,
  keeps: (id: number) => boolean,
): Buffer {
  const kept: Buffer[] = [];
  for (let at = block.from; at < block.to; ) {
    const end = propertyEnd(frame, at);
    if (keeps(frame[at]!)) kept.push(frame.subarray(at, end));
    at = end;
  }
  return withProperties(frame, block, Buffer.concat(kept));
}
