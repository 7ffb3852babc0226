// Rewrites a validated CONNECT before aedes sees it, where that makes aedes do the right thing by itself: the keep
// alive that the gateway imposes, the session expiry it allows, and a client identifier for a client that sent none
// (aedes would choose one that the gateway does not know).
// What the client has to be told of it is handed on for its CONNACK.

import { randomBytes } from 'node:crypto';
import { property } from '../frames/property-table.ts';
import type { ConnackMend } from './connack-mend.ts';
import { afterString, bodyStart, withBody } from './frame-layout.ts';
import { findProperty, propertyBlockAt } from './property-block.ts';

export interface ConnectLimits {
  /** Longest keep alive of an MQTT 5 client, 1 to 65535. */
  keepAliveMaxS: number;
  /** Longest session expiry of an MQTT 5 client, 0 to 0xFFFFFFFF (which is "never"). */
  sessionExpiryMaxS: number;
}

export interface MendedConnect {
  /** The CONNECT for aedes. */
  frame: Buffer;
  /**
   * The client's name; empty only where the CONNECT has to be refused for that (MQTT 3.1.1, MQTT-3.1.3-8).
   */
  clientId: string;
  /** The keep alive that holds; 0 is none. */
  keepAliveS: number;
  connack: ConnackMend;
}

// MQTT 3.1 (3.1, Client Identifier) allows no longer one.
const clientIdCharactersMaxV3 = 23;

const cleanFlag = 0x02;
// The top bit of the protocol level marks a bridge and is not part of the number.
const protocolLevelBits = 0x7f;

/** Where the fields of a CONNECT are (MQTT 5.0 3.1.2, 3.1.3). */
interface ConnectLayout {
  version: number;
  isClean: boolean;
  keepAliveAt: number;
  /** Length field of the properties; -1 before MQTT 5. */
  propertiesAt: number;
  clientIdAt: number;
}

/** Never changes `connect` itself. */
export function mendConnect(connect: Buffer, limits: ConnectLimits): MendedConnect {
  const layout = layoutOf(connect);
  // Not from Node's pool: aedes keeps slices of it (the will) for as long as the client is connected.
  const frame = Buffer.allocUnsafeSlow(connect.length);
  connect.copy(frame);
  const connack: ConnackMend = {};
  const keepAliveS = limitKeepAlive(frame, layout, limits, connack);
  limitSessionExpiry(frame, layout, limits, connack);
  const clientId = clientIdOf(frame, layout.clientIdAt);
  // Before MQTT 5 only a clean session may go without a name (MQTT-3.1.3-7); aedes refuses the rest with 0x02.
  if (clientId !== '' || (layout.version < 5 && !layout.isClean)) {
    return { frame, clientId, keepAliveS, connack };
  }
  const assigned = generateClientId(layout.version);
  // MQTT-3.1.3-6, MQTT-3.1.3-7, MQTT-3.2.2-16
  if (layout.version === 5) connack.assignedClientId = assigned;
  return { frame: withClientId(frame, layout.clientIdAt, assigned), clientId: assigned, keepAliveS, connack };
}

function layoutOf(connect: Buffer): ConnectLayout {
  const levelAt = afterString(connect, bodyStart(connect));
  const version = connect[levelAt]! & protocolLevelBits;
  const keepAliveAt = levelAt + 2;
  const afterKeepAlive = keepAliveAt + 2;
  const isV5 = version === 5;
  return {
    version,
    isClean: (connect[levelAt + 1]! & cleanFlag) !== 0,
    keepAliveAt,
    propertiesAt: isV5 ? afterKeepAlive : -1,
    clientIdAt: isV5 ? propertyBlockAt(connect, afterKeepAlive).to : afterKeepAlive,
  };
}

// Server Keep Alive exists only in MQTT 5 (MQTT-3.1.2-21, MQTT-3.2.2-21); others keep what they asked for.
function limitKeepAlive(
  frame: Buffer,
  layout: ConnectLayout,
  limits: ConnectLimits,
  connack: ConnackMend,
): number {
  const asked = frame.readUInt16BE(layout.keepAliveAt);
  if (layout.version < 5 || (asked !== 0 && asked <= limits.keepAliveMaxS)) return asked;
  frame.writeUInt16BE(limits.keepAliveMaxS, layout.keepAliveAt);
  connack.serverKeepAliveS = limits.keepAliveMaxS;
  return limits.keepAliveMaxS;
}

function limitSessionExpiry(
  frame: Buffer,
  layout: ConnectLayout,
  limits: ConnectLimits,
  connack: ConnackMend,
): void {
  if (layout.propertiesAt < 0) return;
  const block = propertyBlockAt(frame, layout.propertiesAt);
  const valueAt = findProperty(frame, block, property.sessionExpiry);
  if (valueAt < 0 || frame.readUInt32BE(valueAt) <= limits.sessionExpiryMaxS) return;
  frame.writeUInt32BE(limits.sessionExpiryMaxS, valueAt);
  connack.sessionExpiryS = limits.sessionExpiryMaxS;
}

function clientIdOf(frame: Buffer, at: number): string {
  return frame.toString('utf8', at + 2, afterString(frame, at));
}

/** 128 random bits, fewer (108) where MQTT 3.1 has no room. */
function generateClientId(version: number): string {
  const id = `auto-${randomBytes(16).toString('base64url')}`;
  return version === 3 ? id.slice(0, clientIdCharactersMaxV3) : id;
}

/** The CONNECT with an identifier in place of the empty one at `clientIdAt`. */
function withClientId(frame: Buffer, clientIdAt: number, clientId: string): Buffer {
  const name = Buffer.from(clientId, 'ascii');
  const before = frame.subarray(bodyStart(frame), clientIdAt);
  const after = frame.subarray(clientIdAt + 2);
  return withBody(frame, [before, Buffer.of(0, name.length), name, after]);
}
