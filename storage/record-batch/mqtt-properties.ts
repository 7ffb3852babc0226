// MQTT 5 properties of a publish, as records keep them: the bytes of MQTT 5.0 2.2.2.2 without the length before them,
// exactly as the device sent them. Names and types are those of mqtt-packet, so that what is decoded here can be given
// to an MQTT client as it is. Known are the properties of PUBLISH (3.3.2.3) and of a will (3.1.3.2).
//
// What an object cannot say is lost: the order between user properties of different names (the order of values of one
// name is kept). The record's own bytes have it.

import { SluiceError } from '../../config/errors.ts';

export type MqttProperties = {
  payloadFormatIndicator?: boolean;
  messageExpiryInterval?: number;
  contentType?: string;
  responseTopic?: string;
  correlationData?: Buffer;
  /** Several only towards a client with overlapping subscriptions (3.3.2.3.8). */
  subscriptionIdentifier?: number | number[];
  willDelayInterval?: number;
  topicAlias?: number;
  userProperties?: Record<string, string | string[]>;
};

type PropertyName = keyof MqttProperties;
type PropertyType = 'flag' | 'u16' | 'u32' | 'varint' | 'text' | 'binary' | 'pair';

interface Property {
  id: number;
  name: PropertyName;
  type: PropertyType;
}

/** MQTT 5.0 table 2-4, the rows for PUBLISH and Will Properties. */
const PROPERTIES: readonly Property[] = [
  { id: 0x01, name: 'payloadFormatIndicator', type: 'flag' },
  { id: 0x02, name: 'messageExpiryInterval', type: 'u32' },
  { id: 0x03, name: 'contentType', type: 'text' },
  { id: 0x08, name: 'responseTopic', type: 'text' },
  { id: 0x09, name: 'correlationData', type: 'binary' },
  { id: 0x0b, name: 'subscriptionIdentifier', type: 'varint' },
  { id: 0x18, name: 'willDelayInterval', type: 'u32' },
  { id: 0x23, name: 'topicAlias', type: 'u16' },
  { id: 0x26, name: 'userProperties', type: 'pair' },
];
const byId = new Map(PROPERTIES.map((property) => [property.id, property]));
const byName = new Map(PROPERTIES.map((property) => [property.name as string, property]));
const TEXT_BYTES_MAX = 0xffff;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Throws SluiceError PROPERTIES_MALFORMED for what MQTT 5.0 calls malformed or a protocol error. */
export function decodeProperties(bytes: Uint8Array): MqttProperties {
  const properties: MqttProperties = {};
  const reader = new PropertyReader(bytes);
  while (!reader.atEnd) {
    const id = reader.varint();
    const property = byId.get(id);
    if (property === undefined) throw malformed(`there is no property 0x${id.toString(16)} of a publish`);
    addProperty(properties, property, reader);
  }
  return properties;
}

/** The opposite, in the order of the object's keys; undefined values are left out. */
export function encodeProperties(properties: MqttProperties): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    const property = byName.get(name);
    if (property === undefined) throw malformed(`a publish has no property ${name}`);
    if (property.type === 'pair') {
      for (const [key, texts] of Object.entries(value as Record<string, string | string[]>)) {
        for (const text of [texts].flat())
          parts.push(Buffer.from([property.id]), lengthPrefixed(key), lengthPrefixed(text));
      }
    } else {
      for (const single of [value].flat())
        parts.push(Buffer.from([property.id]), encodeValue(property, single));
    }
  }
  return Buffer.concat(parts);
}

function addProperty(properties: MqttProperties, property: Property, reader: PropertyReader): void {
  const { name, type } = property;
  if (type === 'pair') {
    // No prototype: a name can be any text, `__proto__` too.
    properties.userProperties ??= Object.create(null) as Record<string, string | string[]>;
    addUserProperty(properties.userProperties, reader.text(), reader.text());
    return;
  }
  const value = reader.value(type);
  const before = properties[name];
  if (before === undefined) Object.assign(properties, { [name]: value });
  else if (name === 'subscriptionIdentifier') properties[name] = [before as number, value as number].flat();
  else throw malformed(`${name} is there twice`);
}

function addUserProperty(pairs: Record<string, string | string[]>, key: string, text: string): void {
  const before = pairs[key];
  if (before === undefined) pairs[key] = text;
  else if (typeof before === 'string') pairs[key] = [before, text];
  else before.push(text);
}

/** MQTT 5.0 1.5: the data representations. */
class PropertyReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  value(type: Exclude<PropertyType, 'pair'>): boolean | number | string | Buffer {
    switch (type) {
      case 'flag':
        return this.#flag();
      case 'u16':
        return this.#take(2).readUInt16BE();
      case 'u32':
        return this.#take(4).readUInt32BE();
      case 'varint':
        return this.varint();
      case 'text':
        return this.text();
      case 'binary':
        return this.#take(this.#take(2).readUInt16BE());
    }
  }

  /** 1.5.5; at most four bytes. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#take(1)[0];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw malformed('a variable byte integer has more than four bytes');
  }

  text(): string {
    const bytes = this.#take(this.#take(2).readUInt16BE());
    try {
      return utf8.decode(bytes);
    } catch (cause) {
      throw malformed('a text is not UTF-8', cause);
    }
  }

  #flag(): boolean {
    const byte = this.#take(1)[0];
    if (byte > 1) throw malformed(`a flag is ${byte}`);
    return byte === 1;
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw malformed('a property ends too early');
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }
}

function encodeValue({ name, type }: Property, value: unknown): Buffer {
  switch (type) {
    case 'flag':
      return Buffer.from([value === true ? 1 : 0]);
    case 'u16':
      return unsigned(name, value, 2);
    case 'u32':
      return unsigned(name, value, 4);
    case 'varint':
      return encodeVarint(name, value);
    default:
      return lengthPrefixed(value as string | Uint8Array);
  }
}

function unsigned(name: string, value: unknown, length: 2 | 4): Buffer {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) >= 2 ** (8 * length)) {
    throw malformed(`${name} cannot be ${String(value)}`);
  }
  const bytes = Buffer.alloc(length);
  bytes.writeUIntBE(value as number, 0, length);
  return bytes;
}

function encodeVarint(name: string, value: unknown): Buffer {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) >= 2 ** 28) {
    throw malformed(`${name} cannot be ${String(value)}`);
  }
  const bytes: number[] = [];
  let rest = value as number;
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return Buffer.from(bytes);
}

function lengthPrefixed(value: string | Uint8Array): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  if (bytes.length > TEXT_BYTES_MAX)
    throw malformed(`a value has ${bytes.length} bytes, ${TEXT_BYTES_MAX} is the most`);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function malformed(what: string, cause?: unknown): SluiceError {
  return new SluiceError('PROPERTIES_MALFORMED', `MQTT 5 properties: ${what}`, { kind: 'permanent', cause });
}
