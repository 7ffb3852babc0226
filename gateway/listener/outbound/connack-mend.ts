// Puts into aedes's CONNACK what aedes does not know: whether a session was kept, and what the gateway granted or
// chose in place of what the client asked for (MQTT 5.0 3.2.2, MQTT 3.1.1 3.2.2).
// A CONNACK that refuses stays as it is.

import { property } from '../frames/property-table.ts';
import { bodyStart } from './frame-layout.ts';
import {
  findProperty,
  type PropertyBlock,
  propertyBlockAt,
  serverProperty,
  withProperties,
} from './property-block.ts';

/** What the CONNACK has to say. A property is added only where aedes did not set it. */
export interface ConnackMend {
  /** Session Present; left as aedes has it when absent. */
  sessionPresent?: boolean;
  /** Server Keep Alive, MQTT 5.0 3.2.2.3.14. */
  serverKeepAliveS?: number;
  /** Session Expiry Interval in use, where it is not the one asked for, MQTT 5.0 3.2.2.3.2. */
  sessionExpiryS?: number;
  receiveMaximum?: number;
  topicAliasMaximum?: number;
  maximumPacketBytes?: number;
  /** Assigned Client Identifier, MQTT 5.0 3.2.2.3.7. */
  assignedClientId?: string;
}

/** Whether the CONNACK accepts the connection. */
export function isAccepted(connack: Buffer): boolean {
  return connack[bodyStart(connack) + 1] === 0;
}

export function mendConnack(connack: Buffer, version: 3 | 4 | 5, mend: ConnackMend): Buffer {
  if (!isAccepted(connack)) return connack;
  const body = bodyStart(connack);
  const mended = version === 5 ? withAddedProperties(connack, body + 2, mend) : Buffer.from(connack);
  const flagsAt = bodyStart(mended);
  // The flag came with MQTT 3.1.1; in MQTT 3.1 its byte is reserved.
  if (version === 3) mended[flagsAt] = 0;
  else if (mend.sessionPresent !== undefined) mended[flagsAt] = mend.sessionPresent ? 1 : 0;
  return mended;
}

function withAddedProperties(connack: Buffer, lengthAt: number, mend: ConnackMend): Buffer {
  const block = propertyBlockAt(connack, lengthAt);
  const properties: Buffer[] = [connack.subarray(block.from, block.to)];
  const add = (id: number, value: Buffer): void => {
    if (isAbsent(connack, block, id)) properties.push(Buffer.of(id), value);
  };
  if (mend.sessionExpiryS !== undefined) add(property.sessionExpiry, uint32(mend.sessionExpiryS));
  if (mend.assignedClientId !== undefined) {
    const name = Buffer.from(mend.assignedClientId, 'utf8');
    add(serverProperty.assignedClientId, Buffer.concat([uint16(name.length), name]));
  }
  if (mend.serverKeepAliveS !== undefined) add(serverProperty.serverKeepAlive, uint16(mend.serverKeepAliveS));
  if (mend.receiveMaximum !== undefined) add(property.receiveMaximum, uint16(mend.receiveMaximum));
  if (mend.topicAliasMaximum !== undefined) add(property.topicAliasMaximum, uint16(mend.topicAliasMaximum));
  if (mend.maximumPacketBytes !== undefined) add(property.maximumPacketSize, uint32(mend.maximumPacketBytes));
  return withProperties(connack, block, Buffer.concat(properties));
}

function isAbsent(connack: Buffer, block: PropertyBlock, id: number): boolean {
  return findProperty(connack, block, id) < 0;
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
