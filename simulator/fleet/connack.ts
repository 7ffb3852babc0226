// What a server answers to CONNECT, as far as a client that publishes must know it: MQTT 3.1.1 3.2, MQTT 5.0 3.2.

import type { ProtocolVersion } from './packet-type.ts';

export interface Connack {
  sessionPresent: boolean;
  /** 0: welcome. */
  reasonCode: number;
  /** Publishes with QoS 1 or 2 that the server takes without having answered them. */
  receiveMaximum: number;
  /** Replaces what the client has asked for. */
  serverKeepAliveS: number | undefined;
}

/** Bytes of a property's value by its identifier (MQTT 5.0 2.2.2.2); absent here: strings, one or two. */
const FIXED_BYTES: Readonly<Record<number, number>> = {
  17: 4,
  19: 2,
  33: 2,
  34: 2,
  36: 1,
  37: 1,
  39: 4,
  40: 1,
  41: 1,
  42: 1,
};
const SERVER_KEEP_ALIVE = 0x13;
const RECEIVE_MAXIMUM = 0x21;
const USER_PROPERTY = 0x26;

/** `body` is the packet without its fixed header; undefined when it is too short to be one. */
export function readConnack(body: Buffer, version: ProtocolVersion): Connack | undefined {
  if (body.length < 2) return undefined;
  const connack: Connack = {
    sessionPresent: (body[0] & 1) === 1,
    reasonCode: body[1],
    receiveMaximum: 0xffff,
    serverKeepAliveS: undefined,
  };
  if (version === 4 || body.length < 3) return connack;
  return readProperties(body, connack) ? connack : undefined;
}

function readProperties(body: Buffer, connack: Connack): boolean {
  let at = 2;
  while (at < 6 && body[at++] >= 0x80); // their length in bytes, which the end of the packet tells as well
  while (at < body.length) {
    const id = body[at++];
    const bytes = FIXED_BYTES[id];
    if (bytes === undefined) {
      for (let texts = id === USER_PROPERTY ? 2 : 1; texts > 0; texts--) {
        if (at + 2 > body.length) return false;
        at += 2 + body.readUInt16BE(at);
      }
    } else {
      if (at + bytes > body.length) return false;
      if (id === SERVER_KEEP_ALIVE) connack.serverKeepAliveS = body.readUInt16BE(at);
      if (id === RECEIVE_MAXIMUM) connack.receiveMaximum = body.readUInt16BE(at);
      at += bytes;
    }
  }
  return at === body.length;
}
