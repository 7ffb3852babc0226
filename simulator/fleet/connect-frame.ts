// CONNECT and SUBSCRIBE byte by byte, for clients on raw sockets: packets that are sent once per connection, so that
// clarity comes before speed. MQTT 3.1.1 and 5.0, sections 3.1 and 3.8.

import type { ProtocolVersion } from './packet-type.ts';

export interface ConnectFields {
  version: ProtocolVersion;
  clientId: string;
  cleanSession: boolean;
  sessionExpiryS: number;
  keepAliveS: number;
  username?: string | undefined;
  password?: string | undefined;
}

const SESSION_EXPIRY = 0x11;
const KEEP_ALIVE_S_MAX = 0xffff;
const SESSION_EXPIRY_S_MAX = 0xffff_ffff;

export function connectFrame(fields: ConnectFields): Buffer {
  const { version, clientId, cleanSession, username, password } = fields;
  const flags =
    (cleanSession ? 0x02 : 0) | (username === undefined ? 0 : 0x80) | (password === undefined ? 0 : 0x40);
  const head = Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54, version, flags, 0, 0]);
  head.writeUInt16BE(Math.min(KEEP_ALIVE_S_MAX, Math.round(fields.keepAliveS)), 8);
  const properties = version === 5 ? connectProperties(fields) : Buffer.alloc(0);
  const texts = [clientId, username, password].filter((text) => text !== undefined).map(mqttText);
  return frame(0x10, head, properties, ...texts);
}

/** A session that is not clean is only kept when its expiry says so, MQTT 5.0 3.1.2.11.2. */
function connectProperties({ cleanSession, sessionExpiryS }: ConnectFields): Buffer {
  const properties = Buffer.from([5, SESSION_EXPIRY, 0, 0, 0, 0]);
  properties.writeUInt32BE(cleanSession ? 0 : Math.min(SESSION_EXPIRY_S_MAX, Math.round(sessionExpiryS)), 2);
  return properties;
}

export interface SubscribeFields {
  version: ProtocolVersion;
  packetId: number;
  filter: string;
  qos: 0 | 1 | 2;
}

export function subscribeFrame({ version, packetId, filter, qos }: SubscribeFields): Buffer {
  const head = Buffer.from([packetId >> 8, packetId & 0xff, ...(version === 5 ? [0] : [])]);
  return frame(0x82, head, mqttText(filter), Buffer.from([qos]));
}

export function mqttText(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

/** `header` is the whole first byte. */
export function frame(header: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length: number[] = [];
  let left = body.length;
  do {
    length.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    left >>= 7;
  } while (left > 0);
  return Buffer.concat([Buffer.from([header, ...length]), body]);
}
