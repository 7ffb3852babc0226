// The MQTT 5 properties that a client may send (MQTT 5.0 2.2.2.2, table 2-4): their types, the packets that
// may have them, and the ranges of their values. Properties that only a server sends are left out and thereby
// refused.

export const property = {
  payloadFormat: 0x01,
  messageExpiry: 0x02,
  contentType: 0x03,
  responseTopic: 0x08,
  correlationData: 0x09,
  subscriptionId: 0x0b,
  sessionExpiry: 0x11,
  authMethod: 0x15,
  authData: 0x16,
  requestProblemInfo: 0x17,
  willDelay: 0x18,
  requestResponseInfo: 0x19,
  serverReference: 0x1c,
  reasonString: 0x1f,
  receiveMaximum: 0x21,
  topicAliasMaximum: 0x22,
  topicAlias: 0x23,
  userProperty: 0x26,
  maximumPacketSize: 0x27,
} as const;

/** Where a property block stands; bits, so that one property can be allowed in several. */
export const place = {
  connect: 1,
  will: 2,
  publish: 4,
  subscribe: 8,
  unsubscribe: 16,
  /** PUBACK, PUBREC, PUBREL, PUBCOMP. */
  acknowledgement: 32,
  disconnect: 64,
  auth: 128,
} as const;
export type Place = (typeof place)[keyof typeof place];

export const kind = {
  none: 0,
  byte: 1,
  twoBytes: 2,
  fourBytes: 3,
  variable: 4,
  text: 5,
  binary: 6,
  pair: 7,
} as const;

interface Row {
  readonly id: number;
  readonly kind: number;
  readonly places: number;
  readonly min?: number;
  readonly max?: number;
}

const { connect, will, publish, subscribe, unsubscribe, acknowledgement, disconnect, auth } = place;
const message = publish | will;
const anyPlace = message | connect | subscribe | unsubscribe | acknowledgement | disconnect | auth;

const rows: readonly Row[] = [
  { id: property.payloadFormat, kind: kind.byte, places: message, max: 1 },
  { id: property.messageExpiry, kind: kind.fourBytes, places: message },
  { id: property.contentType, kind: kind.text, places: message },
  { id: property.responseTopic, kind: kind.text, places: message },
  { id: property.correlationData, kind: kind.binary, places: message },
  { id: property.subscriptionId, kind: kind.variable, places: subscribe, min: 1 },
  { id: property.sessionExpiry, kind: kind.fourBytes, places: connect | disconnect },
  { id: property.authMethod, kind: kind.text, places: connect | auth },
  { id: property.authData, kind: kind.binary, places: connect | auth },
  { id: property.requestProblemInfo, kind: kind.byte, places: connect, max: 1 },
  { id: property.willDelay, kind: kind.fourBytes, places: will },
  { id: property.requestResponseInfo, kind: kind.byte, places: connect, max: 1 },
  { id: property.serverReference, kind: kind.text, places: disconnect },
  { id: property.reasonString, kind: kind.text, places: acknowledgement | disconnect | auth },
  { id: property.receiveMaximum, kind: kind.twoBytes, places: connect, min: 1 },
  { id: property.topicAliasMaximum, kind: kind.twoBytes, places: connect },
  { id: property.topicAlias, kind: kind.twoBytes, places: publish },
  { id: property.userProperty, kind: kind.pair, places: anyPlace },
  { id: property.maximumPacketSize, kind: kind.fourBytes, places: connect, min: 1 },
];

// By property identifier, for one lookup per property.
export const kinds = new Uint8Array(256);
export const places = new Uint8Array(256);
export const minima = new Uint32Array(256);
export const maxima = new Uint32Array(256).fill(0xffff_ffff);
/** One bit per property, to mark which ones a block has. */
export const bits = new Uint32Array(256);

for (const [index, row] of rows.entries()) {
  kinds[row.id] = row.kind;
  places[row.id] = row.places;
  minima[row.id] = row.min ?? 0;
  maxima[row.id] = row.max ?? 0xffff_ffff;
  bits[row.id] = 1 << index;
}
