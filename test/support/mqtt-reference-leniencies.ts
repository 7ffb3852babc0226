// Frames that mqtt-packet takes and MQTT does not: by the gateway's reason for refusing, how to see from
// mqtt-packet's own result that the refusal is right. A reason that is not listed here is one that
// mqtt-packet knows too. And the one kind of frame that mqtt-packet refuses although a client may send it.

import type { ReasonName } from '../../gateway/listener/frames/reasons.ts';
import { type ClientVersion, encodePacket, type PacketFields, packetMaxima } from './mqtt-frame-packets.ts';

interface Judged {
  readonly packet: PacketFields;
  readonly properties: Record<string, unknown>;
  readonly will: Record<string, unknown>;
  readonly bytes: Buffer;
  readonly version: ClientVersion;
}

type Predicate = (judged: Judged) => boolean;

const controlOrNoncharacter = /[\p{Cc}\p{Noncharacter_Code_Point}]/u;

/**
 * mqtt-packet overlooks fields that reach beyond their packet or property block, bytes left over, padded
 * integers, flag properties above 1 and invalid UTF-8: what it understood, written again, is then not what
 * was sent.
 */
const isNotWhatWasSent: Predicate = ({ packet, bytes, version }) => {
  try {
    return !encodePacket(packet, version).equals(bytes);
  } catch {
    return true; // it cannot even be written
  }
};

const topics = ({ packet, will }: Judged): string[] =>
  [packet.topic, will.topic].filter((topic) => typeof topic === 'string');
const someTopic =
  (test: (topic: string) => boolean): Predicate =>
  (judged) =>
    topics(judged).some(test);

function filters({ packet }: Judged): string[] {
  const subscriptions = (packet.subscriptions ?? []) as { topic: string }[];
  return [...subscriptions.map((entry) => entry.topic), ...((packet.unsubscriptions ?? []) as string[])];
}
const someFilter =
  (test: (filter: string) => boolean): Predicate =>
  (judged) =>
    filters(judged).some(test);

const names = (judged: Judged): string[] => {
  const { packet, properties, will } = judged;
  const willProperties = (will.properties ?? {}) as Record<string, unknown>;
  const others = [packet.username, properties.responseTopic, willProperties.responseTopic];
  return [...topics(judged), ...filters(judged), ...others.filter((name) => typeof name === 'string')];
};

function hasString(value: unknown, test: (text: string) => boolean): boolean {
  if (typeof value === 'string') return test(value);
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return false;
  return Object.entries(value).some(([key, entry]) => test(key) || hasString(entry, test));
}

const isBadFilter = (filter: string): boolean =>
  filter.split('/').some((level, index, levels) => {
    if (level === '#') return index !== levels.length - 1;
    return level !== '+' && /[+#]/.test(level);
  });

const allowed: Readonly<Record<string, readonly string[]>> = {
  publish: [
    'payloadFormatIndicator',
    'messageExpiryInterval',
    'contentType',
    'responseTopic',
    'correlationData',
    'topicAlias',
  ],
  subscribe: ['subscriptionIdentifier'],
  unsubscribe: [],
  puback: ['reasonString'],
  pubrec: ['reasonString'],
  pubrel: ['reasonString'],
  pubcomp: ['reasonString'],
  disconnect: ['sessionExpiryInterval', 'reasonString', 'serverReference'],
  auth: ['authenticationMethod', 'authenticationData', 'reasonString'],
  connect: [
    'sessionExpiryInterval',
    'receiveMaximum',
    'maximumPacketSize',
    'topicAliasMaximum',
    'requestResponseInformation',
    'requestProblemInformation',
    'authenticationMethod',
    'authenticationData',
  ],
  will: [
    'willDelayInterval',
    'payloadFormatIndicator',
    'messageExpiryInterval',
    'contentType',
    'responseTopic',
    'correlationData',
  ],
};

function hasMisplaced(properties: unknown, cmd: string): boolean {
  const found = Object.keys((properties ?? {}) as object);
  return found.some((name) => name !== 'userProperties' && !allowed[cmd]!.includes(name));
}

const hasArray = (properties: unknown): boolean =>
  Object.entries((properties ?? {}) as object).some(
    ([name, value]) => name !== 'userProperties' && Array.isArray(value),
  );

const responseTopics = ({ properties, will }: Judged): unknown[] =>
  [properties.responseTopic, ((will.properties ?? {}) as Record<string, unknown>).responseTopic].flat();

const byReason: { readonly [name in ReasonName]?: Predicate } = {
  serverPacket: ({ packet }) => ['connack', 'suback', 'unsuback', 'pingresp'].includes(packet.cmd),
  publishDupQos0: ({ packet }) => packet.cmd === 'publish' && packet.dup === true && packet.qos === 0,
  lengthNotMinimal: isNotWhatWasSent,
  lengthTooLong: isNotWhatWasSent,
  truncated: isNotWhatWasSent,
  trailingBytes: isNotWhatWasSent,
  utf8Invalid: isNotWhatWasSent,
  packetIdZero: ({ packet }) => packet.messageId === 0,
  utf8Null: ({ packet }) => hasString(packet, (text) => text.includes('\0')),
  characterDisallowed: (judged) => names(judged).some((name) => controlOrNoncharacter.test(name)),
  clientIdCharacter: ({ packet }) => controlOrNoncharacter.test(packet.clientId as string),
  topicEmpty: ({ packet, properties, will }) =>
    (packet.topic === '' && !properties.topicAlias) || will.topic === '',
  topicWildcard: someTopic((topic) => /[+#]/.test(topic)),
  topicTooLong: someTopic((topic) => Buffer.byteLength(topic) > packetMaxima.topicBytesMax),
  topicTooDeep: someTopic((topic) => topic.split('/').length > packetMaxima.topicLevelsMax),
  topicReserved: someTopic((topic) => /^\$(SYS|share)(\/|$)/.test(topic)),
  topicAliasInvalid: ({ properties }) =>
    properties.topicAlias === 0 || (properties.topicAlias as number) > packetMaxima.topicAliasMaximum,
  propertyNotAllowed: ({ packet, properties, will }) =>
    hasMisplaced(properties, packet.cmd) || hasMisplaced(will.properties, 'will'),
  // A first value of 0, '' or false is forgotten when the property comes again.
  propertyDuplicate: (judged) =>
    hasArray(judged.properties) || hasArray(judged.will.properties) || isNotWhatWasSent(judged),
  propertyValue: (judged) =>
    ['receiveMaximum', 'maximumPacketSize', 'subscriptionIdentifier'].some(
      (name) => judged.properties[name] === 0,
    ) ||
    responseTopics(judged).includes('') ||
    isNotWhatWasSent(judged),
  responseTopicWildcard: (judged) => responseTopics(judged).some((topic) => /[+#]/.test(String(topic))),
  subscriptionIdFromClient: ({ packet, properties }) =>
    packet.cmd === 'publish' && properties.subscriptionIdentifier !== undefined,
  // Levels 131 and 132 are how mosquitto's bridges introduce themselves; refused, they go on with 3 or 4.
  protocolLevel: ({ packet }) =>
    packet.bridgeMode === true || (packet.protocolId === 'MQIsdp') !== (packet.protocolVersion === 3),
  willFlags: ({ will }) => will.qos === 3,
  passwordWithoutUsername: ({ packet }) =>
    packet.protocolVersion !== 5 && packet.password !== undefined && packet.username === undefined,
  clientIdEmpty: ({ packet }) => packet.clientId === '' && packet.protocolVersion !== 5,
  clientIdTooLong: ({ packet }) =>
    Buffer.byteLength(packet.clientId as string) > packetMaxima.clientIdBytesMax,
  clientIdReserved: ({ packet }) => (packet.clientId as string) in {},
  authDataWithoutMethod: ({ properties }) =>
    properties.authenticationData !== undefined && properties.authenticationMethod === undefined,
  filterEmpty: someFilter((filter) => filter === ''),
  filterWildcard: someFilter(isBadFilter),
  filterTooLong: someFilter((filter) => Buffer.byteLength(filter) > packetMaxima.topicBytesMax),
  filterTooDeep: someFilter((filter) => filter.split('/').length > packetMaxima.topicLevelsMax),
  filterReserved: someFilter((filter) => filter in {}),
  filterMissing: (judged) => filters(judged).length === 0,
  sharedFilterSyntax: someFilter(
    (filter) => /^\$share(\/|$)/.test(filter) && !/^\$share\/[^/+#]+\/./.test(filter),
  ),
  sharedNoLocal: ({ packet }) =>
    (packet.subscriptions as { topic: string; nl: boolean }[]).some(
      (entry) => entry.nl && entry.topic.startsWith('$share/'),
    ),
  // It takes from a client what only servers say.
  reasonCodeUnknown: ({ packet }) =>
    packet.cmd === 'disconnect' || (packet.cmd === 'auth' && packet.reasonCode === 0),
  authMethodMissing: ({ packet, properties }) =>
    packet.cmd === 'auth' && properties.authenticationMethod === undefined,
};

/**
 * True when mqtt-packet's acceptance of `bytes` as `packet` is a known leniency, and the refusal for `name`
 * right.
 */
export function isKnownLeniency(
  name: ReasonName,
  packet: PacketFields,
  bytes: Buffer,
  version: ClientVersion,
): boolean {
  const properties = (packet.properties ?? {}) as Record<string, unknown>;
  const will = (packet.will ?? {}) as Record<string, unknown>;
  return byReason[name]?.({ packet, properties, will, bytes, version }) ?? false;
}

/**
 * mqtt-packet refuses DUP on PUBREL, SUBSCRIBE and UNSUBSCRIBE in every version; in MQTT 3.1 a client sets it
 * when it sends one of them again (3.1: 2.1, 3.6, 3.8, 3.10).
 */
export function isDupOfMqtt31(bytes: Buffer, version: ClientVersion): boolean {
  return version === 3 && [0x6a, 0x8a, 0xaa].includes(bytes[0]!);
}
