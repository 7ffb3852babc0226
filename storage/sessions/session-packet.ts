// Packets and clients as aedes hands them over, typed by structure so that storage does not depend on aedes,
// and the form in which a message is kept: only what a later PUBLISH needs, in memory that belongs to us.

/** MQTT 5.0 properties in mqtt-packet's form. */
export interface PublishProperties {
  messageExpiryInterval?: number;
  subscriptionIdentifier?: number | number[];
  willDelayInterval?: number;
  topicAlias?: number;
  [name: string]: unknown;
}

/** aedes-packet's fields; all optional because aedes and its users also pass bare objects. */
export interface SessionPacket {
  cmd?: string;
  brokerId?: string | null;
  brokerCounter?: number;
  clientId?: string;
  topic: string;
  payload?: Buffer | Uint8Array | string;
  qos?: number;
  retain?: boolean;
  dup?: boolean;
  nl?: boolean;
  messageId?: number;
  properties?: PublishProperties;
  /** Wall clock in ms after which the message must not be delivered any more. */
  messageExpiry?: number;
}

/** What we use of an aedes client. Objects with just an `id` are as good; nothing is pushed to them. */
export interface SessionClient {
  readonly id: string;
  readonly clean?: boolean;
  readonly closed?: boolean;
  readonly brokerId?: string;
  /** MQTT 5.0 3.1.2.11.3: PUBLISHes with QoS > 0 that may be unacknowledged towards this client. */
  readonly receiveMaximum?: number;
  deliverQoS?(packet: SessionPacket, done: () => void): void;
}

export interface StoredPacket {
  topic: string;
  payload: Buffer | string;
  qos: number;
  retain: boolean;
  properties: PublishProperties | undefined;
  messageExpiry: number | undefined;
}

/** Copies what is kept of a packet: the payload may be a view into a socket's buffer. */
export function storedPacketOf(packet: SessionPacket, nowMs: number): StoredPacket {
  return {
    topic: packet.topic,
    payload: copyPayload(packet.payload),
    qos: packet.qos ?? 0,
    retain: packet.retain ?? false,
    properties: forwardedProperties(packet.properties),
    messageExpiry: expiryOf(packet, nowMs),
  };
}

export function copyPayload(payload: SessionPacket['payload']): Buffer | string {
  if (payload === undefined) return Buffer.alloc(0);
  if (typeof payload === 'string') return payload;
  const own = Buffer.allocUnsafeSlow(payload.length); // a pooled one would keep its whole slab alive
  own.set(payload);
  return own;
}

/**
 * The properties that travel with a message (MQTT 5.0 3.3.2.3). Not the alias, which belongs to one
 * connection, nor the subscription identifier, which belongs to one receiver, nor a will's delay, which is no
 * PUBLISH property.
 */
export function forwardedProperties(
  properties: PublishProperties | undefined,
): PublishProperties | undefined {
  if (properties === undefined) return undefined;
  const kept: PublishProperties = {};
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || name === 'topicAlias') continue;
    if (name === 'subscriptionIdentifier' || name === 'willDelayInterval') continue;
    kept[name] = value;
  }
  return Object.keys(kept).length === 0 ? undefined : kept;
}

/** MQTT 5.0 3.3.2.3.3; an interval of 0 is treated as none, as aedes and mosquitto do. */
export function expiryOf(packet: SessionPacket, nowMs: number): number | undefined {
  if (packet.messageExpiry !== undefined) return packet.messageExpiry;
  const intervalS = packet.properties?.messageExpiryInterval;
  return intervalS === undefined || intervalS <= 0 ? undefined : nowMs + intervalS * 1000;
}

/**
 * Names a packet within this boot: broker ids are new at each boot, so an earlier one's packets never match.
 */
export function identityOf(packet: SessionPacket): string | null {
  if (!packet.brokerId || !packet.brokerCounter) return null;
  return `${packet.brokerId} ${packet.brokerCounter}`;
}
