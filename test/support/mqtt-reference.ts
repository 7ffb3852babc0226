// mqtt-packet as the reference for what is well-formed and what it says, one frame at a time, and a decoder
// of raw MQTT 5 properties into the shape that mqtt-packet gives them, written apart from the gateway's own.

import mqttPacket from 'mqtt-packet';
import { neverExpires, packetBytesUnlimited } from '../../gateway/listener/frames/connect.ts';
import type { ClientVersion, PacketFields } from './mqtt-frame-packets.ts';

export type ReferenceResult =
  | { readonly kind: 'packet'; readonly packet: PacketFields }
  | { readonly kind: 'rejected'; readonly message: string }
  | { readonly kind: 'incomplete' };

/**
 * What mqtt-packet makes of `bytes`, exactly one frame or the beginning of one. Of more than one frame it
 * would read some fields beyond the end of the first.
 */
export function parseByReference(bytes: Buffer, version: ClientVersion): ReferenceResult {
  const parser = mqttPacket.parser({ protocolVersion: version });
  const packets: PacketFields[] = [];
  let message: string | undefined;
  parser.on('packet', (packet) => packets.push(packet as unknown as PacketFields));
  parser.on('error', (error: Error) => {
    message ??= error.message;
  });
  try {
    parser.parse(bytes);
  } catch (thrown) {
    message ??= String(thrown);
  }
  if (message !== undefined) return { kind: 'rejected', message };
  return packets[0] ? { kind: 'packet', packet: packets[0] } : { kind: 'incomplete' };
}

const propertyTypes: Readonly<Record<number, readonly [name: string, type: string]>> = {
  1: ['payloadFormatIndicator', 'flag'],
  2: ['messageExpiryInterval', 'uint32'],
  3: ['contentType', 'string'],
  8: ['responseTopic', 'string'],
  9: ['correlationData', 'binary'],
  35: ['topicAlias', 'uint16'],
};

/** The raw properties of a PUBLISH as mqtt-packet presents them; `undefined` when there is none. */
export function decodePublishProperties(block: Buffer): Record<string, unknown> | undefined {
  const properties: Record<string, unknown> = {};
  const userProperties: [string, string][] = [];
  let at = 0;
  const prefixed = (): Buffer => {
    const start = at + 2;
    at = start + block.readUInt16BE(at);
    return block.subarray(start, at);
  };
  while (at < block.length) {
    const id = block[at++]!;
    if (id === 38) {
      userProperties.push([prefixed().toString(), prefixed().toString()]);
      continue;
    }
    const [name, type] = propertyTypes[id]!;
    if (type === 'flag') properties[name] = block[at++] === 1;
    else if (type === 'string') properties[name] = prefixed().toString();
    else if (type === 'binary') properties[name] = Buffer.from(prefixed());
    else {
      const bytes = type === 'uint16' ? 2 : 4;
      properties[name] = block.readUIntBE(at, bytes);
      at += bytes;
    }
  }
  if (userProperties.length > 0) properties.userProperties = groupUserProperties(userProperties);
  return Object.keys(properties).length > 0 ? properties : undefined;
}

/**
 * User properties grouped by name as mqtt-packet does it, with its fault: an empty first value of a name is
 * forgotten when the name comes again.
 */
export function groupUserProperties(
  entries: readonly (readonly [name: string, value: string])[],
): Record<string, string | string[]> {
  const grouped: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of entries) {
    const before = grouped[name];
    if (Array.isArray(before)) before.push(value);
    else grouped[name] = before ? [before, value] : value;
  }
  return grouped;
}

/** The fields of `judgeFrame`, from mqtt-packet's reading. */
export function referenceFields(packet: PacketFields, version: ClientVersion): Record<string, unknown> {
  const properties = (packet.properties ?? {}) as Record<string, unknown>;
  switch (packet.cmd) {
    case 'publish': {
      const contentNames = Object.keys(properties).filter((name) => name !== 'topicAlias');
      return {
        cmd: 'publish',
        qos: packet.qos,
        dup: packet.dup,
        retain: packet.retain,
        topic: packet.topic,
        messageId: packet.messageId,
        properties: packet.properties && { ...properties },
        payload: packet.payload,
        topicAlias: properties.topicAlias,
        messageExpiryInterval: properties.messageExpiryInterval,
        payloadFormatIndicator: properties.payloadFormatIndicator ?? false,
        hasContentProps: contentNames.length > 0,
      };
    }
    case 'subscribe': {
      const filters = (packet.subscriptions as { topic: string }[]).map((entry) => entry.topic);
      return { filters, messageId: packet.messageId };
    }
    case 'unsubscribe':
      return { filters: packet.unsubscriptions, messageId: packet.messageId };
    case 'disconnect':
      return { sessionExpiry: properties.sessionExpiryInterval };
    case 'pingreq':
    case 'auth':
      return {};
    case 'connect':
      return referenceConnect(packet, properties);
    default:
      return { messageId: packet.messageId, reasonCode: version === 5 ? packet.reasonCode : 0 };
  }
}

function referenceConnect(
  packet: PacketFields,
  properties: Record<string, unknown>,
): Record<string, unknown> {
  const isMqtt5 = packet.protocolVersion === 5;
  return {
    version: packet.protocolVersion,
    clientId: packet.clientId,
    cleanStart: packet.clean,
    keepAliveS: packet.keepalive,
    username: packet.username,
    password: packet.password,
    sessionExpiryS: isMqtt5 ? (properties.sessionExpiryInterval ?? 0) : packet.clean ? 0 : neverExpires,
    receiveMaximum: properties.receiveMaximum ?? 65_535,
    maximumPacketBytes: properties.maximumPacketSize ?? packetBytesUnlimited,
    topicAliasMaximum: properties.topicAliasMaximum ?? 0,
    requestProblemInfo: properties.requestProblemInformation ?? true,
    requestResponseInfo: properties.requestResponseInformation ?? false,
    authMethod: properties.authenticationMethod,
    authData: properties.authenticationData,
    will: packet.will && referenceWill(packet.will as Record<string, unknown>),
  };
}

function referenceWill(will: Record<string, unknown>): Record<string, unknown> {
  const properties = (will.properties ?? {}) as Record<string, unknown>;
  return {
    topic: will.topic,
    payload: will.payload,
    qos: will.qos,
    retain: will.retain,
    delayS: properties.willDelayInterval ?? 0,
    messageExpiryS: properties.messageExpiryInterval,
    payloadFormatUtf8: properties.payloadFormatIndicator ?? false,
    contentType: properties.contentType,
    responseTopic: properties.responseTopic,
    correlationData: properties.correlationData,
    userProperties: properties.userProperties,
  };
}
