// Every reason for which a frame is not taken: a number that the parsers can return without allocating, and
// for each what an MQTT 5 client is told (reason code) and what a person reads (text with the clause). A
// clause number without a version is MQTT 5.0's. Answering is the Connection's.

const malformedPacket = 0x81;
const protocolError = 0x82;
const unsupportedProtocolVersion = 0x84;
const clientIdentifierNotValid = 0x85;
const notAuthorized = 0x87;
const topicFilterInvalid = 0x8f;
const topicNameInvalid = 0x90;
const receiveMaximumExceeded = 0x93;
const topicAliasInvalid = 0x94;
const packetTooLarge = 0x95;
const quotaExceeded = 0x97;

export const reason = {
  ok: 0,
  reservedType: 1,
  serverPacket: 2,
  authBeforeMqtt5: 3,
  connectExpected: 4,
  secondConnect: 5,
  headerFlags: 6,
  publishQos3: 7,
  publishDupQos0: 8,
  lengthTooLong: 9,
  lengthNotMinimal: 10,
  packetTooLarge: 11,
  truncated: 12,
  trailingBytes: 13,
  packetIdZero: 14,
  utf8Invalid: 15,
  utf8Null: 16,
  characterDisallowed: 17,
  topicEmpty: 18,
  topicWildcard: 19,
  topicTooLong: 20,
  topicTooDeep: 21,
  topicReserved: 22,
  topicAliasInvalid: 23,
  topicAliasUnknown: 24,
  propertyNotAllowed: 25,
  propertyDuplicate: 26,
  propertyValue: 27,
  responseTopicWildcard: 28,
  subscriptionIdFromClient: 29,
  protocolName: 30,
  protocolLevel: 31,
  connectReservedFlag: 32,
  willFlags: 33,
  passwordWithoutUsername: 34,
  clientIdEmpty: 35,
  clientIdTooLong: 36,
  clientIdReserved: 37,
  authDataWithoutMethod: 38,
  filterEmpty: 39,
  filterWildcard: 40,
  filterTooLong: 41,
  filterTooDeep: 42,
  filterReserved: 43,
  filterMissing: 44,
  sharedFilterSyntax: 45,
  sharedNoLocal: 46,
  subscriptionOptions: 47,
  subscriptionQos3: 48,
  retainHandling3: 49,
  reasonCodeUnknown: 50,
  authMethodMissing: 51,
  authNotNegotiated: 52,
  sessionExpiryRaised: 53,
  clientIdCharacter: 54,
  receiveMaximumExceeded: 55,
  quotaExceeded: 56,
  filtersTooMany: 57,
} as const;

export type ReasonName = keyof typeof reason;
export type Reason = (typeof reason)[ReasonName];

export interface Explanation {
  readonly name: ReasonName;
  /** MQTT 5 reason code for PUBACK, PUBREC, CONNACK or DISCONNECT (MQTT 5.0 2.4). */
  readonly reasonCode: number;
  /** ASCII, short enough for a Reason String. */
  readonly text: string;
}

const explanations: { readonly [name in ReasonName]: readonly [reasonCode: number, text: string] } = {
  ok: [0x00, 'well-formed'],
  reservedType: [malformedPacket, 'packet type 0 is reserved (2.1.2)'],
  serverPacket: [protocolError, 'a packet that only a server sends (2.1.2)'],
  authBeforeMqtt5: [protocolError, 'AUTH before MQTT 5 (3.1.1: 2.2.1)'],
  connectExpected: [protocolError, 'the first packet is not a CONNECT (3.1)'],
  secondConnect: [protocolError, 'a second CONNECT (3.1)'],
  headerFlags: [malformedPacket, 'reserved flags of the fixed header (2.1.3)'],
  publishQos3: [malformedPacket, 'PUBLISH with QoS 3 (3.3.1.2)'],
  publishDupQos0: [malformedPacket, 'PUBLISH with DUP and QoS 0 (3.3.1.1)'],
  lengthTooLong: [malformedPacket, 'a variable byte integer longer than 4 bytes (1.5.5)'],
  lengthNotMinimal: [malformedPacket, 'a variable byte integer longer than needed (1.5.5)'],
  packetTooLarge: [packetTooLarge, 'packet larger than the maximum packet size (3.2.2.3.6)'],
  truncated: [malformedPacket, 'a field reaches beyond the end of the packet (4.13)'],
  trailingBytes: [malformedPacket, 'bytes after the last field of the packet (4.13)'],
  packetIdZero: [protocolError, 'packet identifier 0 (2.2.1)'],
  utf8Invalid: [malformedPacket, 'a string that is not valid UTF-8 (1.5.4)'],
  utf8Null: [malformedPacket, 'a string with U+0000 (1.5.4)'],
  characterDisallowed: [malformedPacket, 'a name with a control or non-character code point (1.5.4)'],
  topicEmpty: [protocolError, 'an empty topic name without an alias (3.3.2.3.4, 4.7.3)'],
  topicWildcard: [malformedPacket, 'a topic name with a wildcard (3.3.2.1)'],
  topicTooLong: [topicNameInvalid, 'a topic name longer than this gateway takes'],
  topicTooDeep: [topicNameInvalid, 'a topic name with more levels than this gateway takes'],
  topicReserved: [notAuthorized, 'a topic name that only the gateway may use (4.7.2)'],
  topicAliasInvalid: [topicAliasInvalid, 'topic alias 0 or beyond the maximum (3.3.2.3.4)'],
  topicAliasUnknown: [protocolError, 'a topic alias without a topic name so far (3.3.2.3.4)'],
  propertyNotAllowed: [malformedPacket, 'a property that this packet may not have (2.2.2.2)'],
  propertyDuplicate: [protocolError, 'a property given twice (2.2.2.2)'],
  propertyValue: [protocolError, 'a property value outside its range (2.2.2.2)'],
  responseTopicWildcard: [protocolError, 'a response topic with a wildcard (3.3.2.3.5)'],
  subscriptionIdFromClient: [protocolError, 'a subscription identifier from a client (3.3.4)'],
  protocolName: [unsupportedProtocolVersion, 'a protocol name other than MQTT or MQIsdp (3.1.2.1)'],
  protocolLevel: [unsupportedProtocolVersion, 'a protocol level that is not spoken here (3.1.2.2)'],
  connectReservedFlag: [malformedPacket, 'the reserved connect flag is set (3.1.2.3)'],
  willFlags: [malformedPacket, 'will QoS 3, or will flags without a will (3.1.2.6, 3.1.2.7)'],
  passwordWithoutUsername: [malformedPacket, 'a password without a user name (3.1.1: 3.1.2.9)'],
  clientIdEmpty: [
    clientIdentifierNotValid,
    'an empty client identifier with a kept session (3.1.1: 3.1.3.1)',
  ],
  clientIdTooLong: [clientIdentifierNotValid, 'a client identifier longer than this gateway takes'],
  clientIdReserved: [clientIdentifierNotValid, 'a client identifier that this gateway reserves'],
  clientIdCharacter: [clientIdentifierNotValid, 'a client identifier with a control character (3.1.3.1)'],
  authDataWithoutMethod: [protocolError, 'authentication data without a method (3.1.2.11.10)'],
  filterEmpty: [malformedPacket, 'an empty topic filter (4.7.3)'],
  filterWildcard: [
    malformedPacket,
    'a wildcard that is not alone in its level, or # before the last (4.7.1)',
  ],
  filterTooLong: [topicFilterInvalid, 'a topic filter longer than this gateway takes'],
  filterTooDeep: [topicFilterInvalid, 'a topic filter with more levels than this gateway takes'],
  filterReserved: [topicFilterInvalid, 'a topic filter that this gateway reserves'],
  filterMissing: [protocolError, 'no topic filter at all (3.8.3, 3.10.3)'],
  sharedFilterSyntax: [malformedPacket, 'a shared subscription that is not $share/name/filter (4.8.2)'],
  sharedNoLocal: [protocolError, 'no-local on a shared subscription (3.8.3.1)'],
  subscriptionOptions: [malformedPacket, 'reserved bits of the subscription options (3.8.3.1)'],
  subscriptionQos3: [protocolError, 'a subscription with QoS 3 (3.8.3.1)'],
  retainHandling3: [protocolError, 'a subscription with retain handling 3 (3.8.3.1)'],
  reasonCodeUnknown: [protocolError, 'a reason code that this packet may not have (2.4)'],
  authMethodMissing: [protocolError, 'AUTH without an authentication method (3.15.2.2.2)'],
  authNotNegotiated: [protocolError, 'AUTH although CONNECT named no authentication method (4.12)'],
  receiveMaximumExceeded: [
    receiveMaximumExceeded,
    'more QoS 2 messages without a PUBREL than this gateway keeps (3.3.4)',
  ],
  quotaExceeded: [quotaExceeded, 'more than this client may send'],
  filtersTooMany: [quotaExceeded, 'more topic filters in one packet than this gateway takes'],
  sessionExpiryRaised: [protocolError, 'a session expiry on DISCONNECT after 0 on CONNECT (3.14.2.2.2)'],
};

const byReason: Explanation[] = [];
for (const [name, number] of Object.entries(reason)) {
  const [reasonCode, text] = explanations[name as ReasonName];
  byReason[number] = { name: name as ReasonName, reasonCode, text };
}

export function explain(why: Reason): Explanation {
  return byReason[why]!;
}

/**
 * True for a PUBLISH that is well-formed and understood in full, but not accepted here: it may be answered by
 * its own reason code in PUBACK or PUBREC, and the connection goes on (MQTT 5.0 3.4.2.1). All others end it
 * (4.13).
 */
export function isRefusal(why: Reason): boolean {
  return why === reason.topicTooLong || why === reason.topicTooDeep || why === reason.topicReserved;
}

/**
 * The CONNACK return code that MQTT 3.1 and 3.1.1 have for `why` (3.1.1: 3.2.2.3); `undefined` where they
 * want the connection closed without a CONNACK.
 */
export function connackReturnCode(why: Reason): number | undefined {
  switch (explain(why).reasonCode) {
    case unsupportedProtocolVersion:
      return 0x01;
    case clientIdentifierNotValid:
      return 0x02;
    case topicNameInvalid:
    case notAuthorized:
      return 0x05;
    default:
      return undefined;
  }
}
