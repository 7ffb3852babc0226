// Valid packets of every type that a client sends, as mqtt-packet describes them, and the short or unusual
// forms that mqtt-packet does not write. They stay within `packetMaxima`, so that a gateway set to these
// takes them all.

import mqttPacket from 'mqtt-packet';
import type { Random } from './mqtt-frame-random.ts';

export type ClientVersion = 3 | 4 | 5;
export type PacketFields = { cmd: string; [field: string]: unknown };

/** A gateway with these maxima takes every valid frame that is generated. */
export const packetMaxima = {
  packetBytesMax: 64 * 1024,
  heldBytesMax: 64 * 1024,
  filtersMax: 1000,
  topicBytesMax: 1024,
  topicLevelsMax: 32,
  topicAliasMaximum: 16,
  clientIdBytesMax: 256,
} as const;

const words = [
  'a',
  'temp',
  'site-7',
  'größe',
  '温度',
  '📈',
  '',
  ' ',
  '$x',
  'x.y',
  '\ufefft',
  'line1',
  'é',
  'Z',
] as const;
const texts = [...words, 'text/plain', 'application/json', 'tab\tand\nline', '{"a":1}'] as const;

export function topicName(random: Random): string {
  const levels: string[] = random.list(1, 6, () => random.pick(words));
  if (levels.join('/') === '') levels.push('t');
  return levels.join('/');
}

function topicFilter(random: Random): string {
  const levels: string[] = random.list(1, 5, () => (random.chance(20) ? '+' : random.pick(words)));
  if (random.chance(25)) levels.push('#');
  if (levels.join('/') === '') levels.push('t');
  return levels.join('/');
}

function payload(random: Random): Buffer {
  if (random.chance(3)) return random.bytes(random.pick([16_300, 16_384, 20_000]));
  return random.bytes(random.pick([0, 1, 2, 10, 50, 100, 120, 127, 128, 129, 300]));
}

const packetId = (random: Random): number =>
  random.pick([1, 2, 255, 256, 0x7fff, 0xffff, random.between(1, 0xffff)]);
const uint32 = (random: Random): number => random.pick([0, 1, 60, 0x7fffffff, 0x80000000, 0xffffffff]);
const uint16 = (random: Random): number => random.pick([1, 2, 255, 256, 0xffff]);

/** Each property of `all` with the given chance, and user properties, some of them repeated. */
function someOf(random: Random, all: Record<string, () => unknown>): Record<string, unknown> {
  const properties: Record<string, unknown> = {};
  for (const [name, make] of Object.entries(all)) {
    if (random.chance(30)) properties[name] = make();
  }
  if (random.chance(30)) {
    const entries = random.list(1, 3, () => {
      const value = () => random.pick(texts);
      return [random.pick(texts), random.chance(30) ? [value(), value()] : value()];
    });
    properties.userProperties = Object.fromEntries(entries);
  }
  return properties;
}

function messageProperties(random: Random): Record<string, () => unknown> {
  return {
    payloadFormatIndicator: () => random.chance(50),
    messageExpiryInterval: () => uint32(random),
    contentType: () => random.pick(texts),
    responseTopic: () => topicName(random),
    correlationData: () => random.bytes(random.int(20)),
  };
}

function connectPacket(random: Random, version: ClientVersion): PacketFields {
  const isMqtt5 = version === 5;
  const clean = random.chance(70);
  const canBeEmpty = version !== 3 && (clean || isMqtt5);
  const packet: PacketFields = {
    cmd: 'connect',
    protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
    protocolVersion: version,
    clean,
    clientId:
      canBeEmpty && clean && random.chance(10) ? '' : `device-${random.int(1000)}-${random.pick(words)}`,
    keepalive: random.pick([0, 1, 30, 65_535]),
  };
  if (random.chance(50)) {
    packet.username = random.pick(words);
    if (random.chance(80)) packet.password = random.bytes(random.int(12));
  }
  if (isMqtt5) packet.properties = someOf(random, connectProperties(random));
  if (random.chance(50)) {
    packet.will = {
      topic: topicName(random),
      payload: payload(random),
      qos: random.int(3),
      retain: random.chance(50),
    };
    const properties = { willDelayInterval: () => uint32(random), ...messageProperties(random) };
    if (isMqtt5) Object.assign(packet.will as object, { properties: someOf(random, properties) });
  }
  return packet;
}

function connectProperties(random: Random): Record<string, () => unknown> {
  return {
    sessionExpiryInterval: () => uint32(random),
    receiveMaximum: () => uint16(random),
    maximumPacketSize: () => random.pick([1, 20, 65_536, 0xffffffff]),
    topicAliasMaximum: () => random.pick([0, 1, 10, 0xffff]),
    requestResponseInformation: () => random.chance(50),
    requestProblemInformation: () => random.chance(50),
    authenticationMethod: () => random.pick(texts),
  };
}

function publishPacket(random: Random, version: ClientVersion): PacketFields {
  const qos = random.int(3);
  const properties = {
    ...messageProperties(random),
    topicAlias: () => random.between(1, packetMaxima.topicAliasMaximum),
  };
  const packet: PacketFields = {
    cmd: 'publish',
    qos,
    dup: qos > 0 && random.chance(20),
    retain: random.chance(20),
    topic: topicName(random),
    payload: payload(random),
  };
  if (qos > 0) packet.messageId = packetId(random);
  if (version === 5) {
    const found = someOf(random, properties);
    if (found.topicAlias !== undefined && random.chance(50)) packet.topic = '';
    packet.properties = found;
  }
  return packet;
}

const reasonCodes: Readonly<Record<string, readonly number[]>> = {
  puback: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  pubrec: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  pubrel: [0x00, 0x92],
  pubcomp: [0x00, 0x92],
  disconnect: [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99],
  auth: [0x18, 0x19],
};

function acknowledgement(random: Random, version: ClientVersion): PacketFields {
  const cmd = random.pick(['puback', 'pubrec', 'pubrel', 'pubcomp']);
  const packet: PacketFields = { cmd, messageId: packetId(random) };
  if (version !== 5) return packet;
  packet.reasonCode = random.pick(reasonCodes[cmd]!);
  if (random.chance(40)) packet.properties = someOf(random, { reasonString: () => random.pick(texts) });
  return packet;
}

function subscribePacket(random: Random, version: ClientVersion): PacketFields {
  const subscriptions = random.list(1, 4, () => {
    if (version !== 5) return { topic: topicFilter(random), qos: random.int(3) };
    const isShared = random.chance(15);
    return {
      topic: isShared ? `$share/group/${topicFilter(random)}` : topicFilter(random),
      qos: random.int(3),
      nl: !isShared && random.chance(30),
      rap: random.chance(30),
      rh: random.int(3),
    };
  });
  const packet: PacketFields = { cmd: 'subscribe', messageId: packetId(random), subscriptions };
  const identifier = () => random.pick([1, 127, 128, 16_384, 268_435_455]);
  if (version === 5) packet.properties = someOf(random, { subscriptionIdentifier: identifier });
  return packet;
}

function unsubscribePacket(random: Random, version: ClientVersion): PacketFields {
  const unsubscriptions = random.list(1, 4, () => topicFilter(random));
  const packet: PacketFields = { cmd: 'unsubscribe', messageId: packetId(random), unsubscriptions };
  if (version === 5) packet.properties = someOf(random, {});
  return packet;
}

function disconnectPacket(random: Random, version: ClientVersion): PacketFields {
  if (version !== 5) return { cmd: 'disconnect' };
  const properties = {
    sessionExpiryInterval: () => uint32(random),
    reasonString: () => random.pick(texts),
    serverReference: () => random.pick(texts),
  };
  const reasonCode = random.pick(reasonCodes.disconnect!);
  return { cmd: 'disconnect', reasonCode, properties: someOf(random, properties) };
}

function authPacket(random: Random): PacketFields {
  const properties = {
    authenticationData: () => random.bytes(random.int(20)),
    reasonString: () => random.pick(texts),
  };
  return {
    cmd: 'auth',
    reasonCode: random.pick(reasonCodes.auth!),
    properties: { authenticationMethod: random.pick(texts), ...someOf(random, properties) },
  };
}

/** A valid packet of any type that a client of `version` sends. */
export function validPacket(random: Random, version: ClientVersion): PacketFields {
  const roll = random.int(100);
  if (roll < 40) return publishPacket(random, version);
  if (roll < 52) return connectPacket(random, version);
  if (roll < 67) return acknowledgement(random, version);
  if (roll < 80) return subscribePacket(random, version);
  if (roll < 87) return unsubscribePacket(random, version);
  if (roll < 91) return { cmd: 'pingreq' };
  if (roll < 96 || version !== 5) return disconnectPacket(random, version);
  return authPacket(random);
}

export function encodePacket(packet: PacketFields, version: ClientVersion): Buffer {
  return mqttPacket.generate(packet as unknown as mqttPacket.Packet, { protocolVersion: version });
}

/** Well-formed frames that mqtt-packet reads and never writes (MQTT 5.0 3.1.2.9, 3.4.2.1, 3.14.2.1). */
export function unusualForm(random: Random, version: ClientVersion): Buffer {
  if (version !== 5) return Buffer.from([0xe0, 0x00]);
  const id = packetId(random);
  return random.pick([
    Buffer.from([0xe0, 0x00]),
    Buffer.from([0xe0, 0x01, random.pick(reasonCodes.disconnect!)]),
    Buffer.from([0x40, 0x03, id >> 8, id & 0xff, random.pick(reasonCodes.puback!)]),
    Buffer.from([0x62, 0x03, id >> 8, id & 0xff, random.pick(reasonCodes.pubrel!)]),
    Buffer.from('\x10\x14\x00\x04MQTT\x05\x42\x00\x1e\x00\x00\x03dev\x00\x02pw', 'latin1'),
  ]);
}
