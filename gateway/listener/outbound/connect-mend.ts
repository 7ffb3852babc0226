// Rewrites a validated CONNECT before aedes sees it, where that makes aedes do the right thing by itself: the keep
// alive that the gateway imposes, the session expiry it allows, and a client identifier for a client that sent none
// (aedes would choose one that the gateway does not know). For a client of a tenant, the tenant's name is put before
// its identifier and before the topic of its will.
// What the client has to be told of it is handed on for its CONNACK.

import { randomBytes } from 'node:crypto';
import { SluiceError } from '../../../config/errors.ts';
import { type Mount, noMount } from '../../admission/access/mount.ts';
import { property } from '../frames/property-table.ts';
import type { ConnackMend } from './connack-mend.ts';
import { afterString, bodyStart, encodeVariableByteInteger } from './frame-layout.ts';
import { findProperty, propertyBlockAt } from './property-block.ts';

export interface ConnectLimits {
  /** Longest keep alive of an MQTT 5 client, 1 to 65535. */
  keepAliveMaxS: number;
  /** Longest session expiry of an MQTT 5 client, 0 to 0xFFFFFFFF (which is "never"). */
  sessionExpiryMaxS: number;
}

export interface ConnectNames {
  /** For a client that sent none; one is generated when it is absent. See `generateClientId`. */
  assignedClientId?: string;
  mount?: Mount;
}

export interface MendedConnect {
  /** The CONNECT for aedes; memory of its own. */
  frame: Buffer;
  /**
   * The client's name as the gateway knows it, under its mount; empty only where the CONNECT has to be refused for that
   * (MQTT 3.1.1, MQTT-3.1.3-8).
   */
  clientId: string;
  /** As the client knows it. */
  ownClientId: string;
  /** The keep alive that holds; 0 is none. */
  keepAliveS: number;
  connack: ConnackMend;
}

// MQTT 3.1 (3.1, Client Identifier) allows no longer one.
const clientIdCharactersMaxV3 = 23;

const cleanFlag = 0x02;
const willFlag = 0x04;
const stringBytesMax = 0xffff;
// The top bit of the protocol level marks a bridge and is not part of the number.
const protocolLevelBits = 0x7f;

/** Where the fields of a CONNECT are (MQTT 5.0 3.1.2, 3.1.3). */
interface ConnectLayout {
  version: number;
  isClean: boolean;
  hasWill: boolean;
  keepAliveAt: number;
  /** Length field of the properties; -1 before MQTT 5. */
  propertiesAt: number;
  clientIdAt: number;
}

/** Never changes `connect` itself. Throws MOUNT_TOO_LONG where a name has no room for that of its tenant. */
export function mendConnect(connect: Buffer, limits: ConnectLimits, names: ConnectNames = {}): MendedConnect {
  const layout = layoutOf(connect);
  const { mount = noMount } = names;
  const connack: ConnackMend = {};
  let ownClientId = stringAt(connect, layout.clientIdAt);
  // Before MQTT 5 only a clean session may go without a name (MQTT-3.1.3-7); aedes refuses the rest with 0x02.
  const isNameless = ownClientId === '' && layout.version < 5 && !layout.isClean;
  if (ownClientId === '' && !isNameless) {
    ownClientId = names.assignedClientId ?? generateClientId(layout.version);
    // MQTT-3.1.3-6, MQTT-3.1.3-7, MQTT-3.2.2-16
    if (layout.version === 5) connack.assignedClientId = ownClientId;
  }
  const clientId = isNameless ? '' : mount.mounted(ownClientId);
  const frame = renamed(connect, layout, { clientId, mount });
  const mended = layoutOf(frame);
  const keepAliveS = limitKeepAlive(frame, mended, limits, connack);
  limitSessionExpiry(frame, mended, limits, connack);
  return { frame, clientId, ownClientId, keepAliveS, connack };
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
    hasWill: (connect[levelAt + 1]! & willFlag) !== 0,
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

/** 128 random bits, fewer (108) where MQTT 3.1 has no room. */
export function generateClientId(version: number): string {
  const id = `auto-${randomBytes(16).toString('base64url')}`;
  return version === 3 ? id.slice(0, clientIdCharactersMaxV3) : id;
}

/** A copy of the CONNECT with this client identifier, and with its will under the mount. */
function renamed(
  connect: Buffer,
  layout: ConnectLayout,
  { clientId, mount }: { clientId: string; mount: Mount },
): Buffer {
  const afterClientId = afterString(connect, layout.clientIdAt);
  const parts = [connect.subarray(bodyStart(connect), layout.clientIdAt), stringOf(clientId)];
  if (layout.hasWill && !mount.isNone) {
    const topicAt = layout.version === 5 ? propertyBlockAt(connect, afterClientId).to : afterClientId;
    const afterTopic = afterString(connect, topicAt);
    parts.push(connect.subarray(afterClientId, topicAt));
    parts.push(stringOf(mount.mounted(stringAt(connect, topicAt))), connect.subarray(afterTopic));
  } else {
    parts.push(connect.subarray(afterClientId));
  }
  const bodyBytes = parts.reduce((sum, part) => sum + part.length, 0);
  const header = [connect.subarray(0, 1), encodeVariableByteInteger(bodyBytes)];
  // Not from Node's pool: aedes keeps slices of it (the will) for as long as the client is connected.
  const frame = Buffer.allocUnsafeSlow(header[0].length + header[1].length + bodyBytes);
  let at = 0;
  for (const part of [...header, ...parts]) at += part.copy(frame, at);
  return frame;
}

function stringAt(frame: Buffer, at: number): string {
  return frame.toString('utf8', at + 2, afterString(frame, at));
}

function stringOf(text: string): Buffer {
  const bytes = Buffer.byteLength(text);
  if (bytes > stringBytesMax) {
    throw new SluiceError('MOUNT_TOO_LONG', 'a name is too long with the name of its tenant before it', {
      kind: 'permanent',
      hint: 'Lower mqtt.topicBytesMax or mqtt.clientIdBytesMax.',
    });
  }
  const prefixed = Buffer.allocUnsafe(2 + bytes);
  prefixed.writeUInt16BE(bytes);
  prefixed.write(text, 2);
  return prefixed;
}
