// Parses a CONNECT and checks every rule of its version (MQTT 5.0 3.1, 3.1.1: 3.1, MQTT 3.1: 3.1), so that
// the session engine, which gets the same bytes afterwards, is never the first to judge them. Says how to
// answer a refusal. Whether the client may connect is admission's business.

import {
  type Connect,
  type ConnectResult,
  neverExpires,
  packetBytesUnlimited,
  receiveMaximumDefault,
} from './connect.ts';
import { FieldReader } from './field-reader.ts';
import type { Frame } from './fixed-header.ts';
import type { FrameRules, ProtocolVersion } from './frame-rules.ts';
import { place, property } from './property-table.ts';
import { connackReturnCode, explain, type Reason, reason } from './reasons.ts';
import { isReservedName } from './reserved-names.ts';
import { judgeName } from './utf8.ts';
import { variableByteIntegerBytes } from './variable-byte-integer.ts';
import { parseWill } from './will-parser.ts';

const flag = {
  reserved: 0x01,
  cleanStart: 0x02,
  will: 0x04,
  willQos: 0x18,
  willRetain: 0x20,
  password: 0x40,
  username: 0x80,
} as const;

/** Parses the CONNECT in `frame`. Of `rules` only the maxima count; the version is what the packet says. */
export function parseConnect(buffer: Buffer, frame: Frame, rules: FrameRules): ConnectResult {
  const reader = new FieldReader(buffer, frame.bodyStart, frame.bodyEnd);
  const nameStart = reader.skipPrefixed();
  const name = buffer.toString('latin1', nameStart, reader.at);
  const level = reader.byte();
  if (reader.fault !== reason.ok) return refuse(reader.fault, 4);
  if (name !== 'MQTT' && name !== 'MQIsdp') return refuse(reason.protocolName, 4);
  const version = versionOf(name, level);
  // A client from the future reads MQTT 5's CONNACK more likely than 3.1.1's; 0x80 and up are 3.1.1's
  // bridges.
  if (version === undefined) return refuse(reason.protocolLevel, level > 5 && level < 0x80 ? 5 : 4);
  if (version === 5 && isLengthPadded(frame)) return refuse(reason.lengthNotMinimal, 5);

  const connect = parseFields(reader, version, rules);
  const fault = reader.finish();
  return fault === reason.ok ? { ok: true, connect } : refuse(fault, version);
}

function versionOf(name: string, level: number): ProtocolVersion | undefined {
  if (name === 'MQIsdp') return level === 3 ? 3 : undefined;
  return level === 4 || level === 5 ? level : undefined;
}

/**
 * The version was not known when the frame was cut, so that MQTT 5.0 1.5.5 could not be applied to its
 * length.
 */
function isLengthPadded(frame: Frame): boolean {
  return frame.bodyStart - frame.start - 1 > variableByteIntegerBytes(frame.bodyEnd - frame.bodyStart);
}

function refuse(why: Reason, version: ProtocolVersion): ConnectResult {
  const connackCode = version === 5 ? explain(why).reasonCode : connackReturnCode(why);
  return { ok: false, reason: why, version, connackCode };
}

function parseFields(reader: FieldReader, version: ProtocolVersion, rules: FrameRules): Connect {
  const flags = reader.byte();
  checkFlags(reader, flags, version);
  const cleanStart = (flags & flag.cleanStart) !== 0;
  const keepAliveS = reader.twoBytes();
  const settings = parseSettings(reader, version, cleanStart);
  const clientId = parseClientId(reader, version, cleanStart, rules);
  const will =
    (flags & flag.will) === 0
      ? undefined
      : parseWill(reader, rules, {
          version,
          qos: ((flags & flag.willQos) >> 3) as 0 | 1 | 2,
          retain: (flags & flag.willRetain) !== 0,
        });
  const username = (flags & flag.username) === 0 ? undefined : reader.name();
  const password = (flags & flag.password) === 0 ? undefined : reader.binary();
  return { version, clientId, cleanStart, keepAliveS, username, password, will, ...settings };
}

function checkFlags(reader: FieldReader, flags: number, version: ProtocolVersion): void {
  reader.failWhen((flags & flag.reserved) !== 0, reason.connectReservedFlag);
  const willFlags = flags & (flag.willQos | flag.willRetain);
  const hasWill = (flags & flag.will) !== 0;
  reader.failWhen(!hasWill && willFlags !== 0, reason.willFlags);
  reader.failWhen((flags & flag.willQos) === flag.willQos, reason.willFlags);
  const isPasswordAlone = (flags & (flag.username | flag.password)) === flag.password;
  reader.failWhen(isPasswordAlone && version < 5, reason.passwordWithoutUsername);
}

function parseClientId(
  reader: FieldReader,
  version: ProtocolVersion,
  cleanStart: boolean,
  rules: FrameRules,
): string {
  const start = reader.skipPrefixed();
  const bytes = reader.at - start;
  if (reader.fault !== reason.ok) return '';
  const characters = judgeName(reader.buffer, start, reader.at);
  reader.fail(characters === reason.characterDisallowed ? reason.clientIdCharacter : characters);
  reader.failWhen(bytes > rules.clientIdBytesMax, reason.clientIdTooLong);
  // MQTT 3.1 (3.1) has no empty identifier; 3.1.1 (3.1.3.1) only with Clean Session; MQTT 5 always.
  reader.failWhen(bytes === 0 && (version === 3 || (version === 4 && !cleanStart)), reason.clientIdEmpty);
  reader.failWhen(isReservedName(reader.buffer, start, reader.at), reason.clientIdReserved);
  return reader.buffer.toString('utf8', start, reader.at);
}

type Settings = Omit<
  Connect,
  'version' | 'clientId' | 'cleanStart' | 'keepAliveS' | 'username' | 'password' | 'will'
>;

/** CONNECT's properties in MQTT 5 (3.1.2.11), what they amount to before. */
function parseSettings(reader: FieldReader, version: ProtocolVersion, cleanStart: boolean): Settings {
  if (version !== 5) {
    return {
      sessionExpiryS: cleanStart ? 0 : neverExpires,
      receiveMaximum: receiveMaximumDefault,
      maximumPacketBytes: packetBytesUnlimited,
      topicAliasMaximum: 0,
      requestProblemInfo: true,
      requestResponseInfo: false,
      authMethod: undefined,
      authData: undefined,
    };
  }
  const values = reader.properties(place.connect);
  const hasMethod = values.has(property.authMethod);
  reader.failWhen(values.has(property.authData) && !hasMethod, reason.authDataWithoutMethod);
  return {
    sessionExpiryS: values.number(property.sessionExpiry, 0),
    receiveMaximum: values.number(property.receiveMaximum, receiveMaximumDefault),
    maximumPacketBytes: values.number(property.maximumPacketSize, packetBytesUnlimited),
    topicAliasMaximum: values.number(property.topicAliasMaximum, 0),
    requestProblemInfo: values.number(property.requestProblemInfo, 1) === 1,
    requestResponseInfo: values.number(property.requestResponseInfo, 0) === 1,
    authMethod: reader.textProperty(values, property.authMethod),
    authData: reader.binaryProperty(values, property.authData),
  };
}
