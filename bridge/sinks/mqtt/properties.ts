// MQTT 5 properties of a record, as bytes (MQTT 5.0 2.2.2), on their way to a PUBLISH upstream. They are
// copied as they are, order included; only what belongs to the connection they came on is left out (topic
// alias, subscription identifier, will delay), the message expiry is shortened by the time the record spent
// here (MQTT 5.0 3.3.2.3.3), and a user property with the name of one of ours is dropped: no device may give a
// record another name, or say that records were never there.

/** MQTT 5.0 2.2.2.2, table 2-4: the properties of a PUBLISH, and of a will that became one (3.1.3.2). */
const PropertyId = {
  payloadFormat: 0x01,
  messageExpiry: 0x02,
  contentType: 0x03,
  responseTopic: 0x08,
  correlationData: 0x09,
  subscriptionIdentifier: 0x0b,
  willDelay: 0x18,
  topicAlias: 0x23,
  userProperty: 0x26,
} as const;

/** The user property that carries a record's or a batch's name. */
export const NAME_PROPERTY = 'sluice';
const NAME_BYTES = Buffer.from(NAME_PROPERTY);
/** The user property of a message before which names were left out: `<from>/<to>`, `to` not included. */
export const LEFT_OUT_PROPERTY = 'sluice-left-out';
const LEFT_OUT_BYTES = Buffer.from(LEFT_OUT_PROPERTY);

export const CopyFault = { malformed: -1, expired: -2 } as const;

/**
 * Writes to `out` from `at` what of `raw` goes upstream and returns the end, or a CopyFault. `out` has room
 * for all of `raw`. `spentS`: seconds the record spent in the gateway.
 */
export function copyProperties(raw: Uint8Array, out: Buffer, at: number, spentS: number): number {
  let end = at;
  for (let from = 0; from < raw.length; ) {
    const to = propertyEnd(raw, from);
    if (to < 0) return CopyFault.malformed;
    if (raw[from] === PropertyId.messageExpiry) {
      const leftS = uint32(raw, from + 1) - spentS;
      if (leftS <= 0) return CopyFault.expired;
      out[end] = PropertyId.messageExpiry;
      end = out.writeUInt32BE(leftS, end + 1);
    } else if (!isDropped(raw, from)) {
      out.set(raw.subarray(from, to), end);
      end += to - from;
    }
    from = to;
  }
  return end;
}

function isDropped(raw: Uint8Array, from: number): boolean {
  const id = raw[from];
  if (id === PropertyId.topicAlias || id === PropertyId.subscriptionIdentifier || id === PropertyId.willDelay)
    return true;
  return (
    id === PropertyId.userProperty && (isNamed(raw, from, NAME_BYTES) || isNamed(raw, from, LEFT_OUT_BYTES))
  );
}

function isNamed(raw: Uint8Array, from: number, name: Buffer): boolean {
  return uint16(raw, from + 1) === name.length && name.equals(raw.subarray(from + 3, from + 3 + name.length));
}

/** Where the property that begins at `from` ends; -1 when it does not. */
function propertyEnd(raw: Uint8Array, from: number): number {
  let end: number;
  switch (raw[from]) {
    case PropertyId.payloadFormat:
      end = from + 2;
      break;
    case PropertyId.topicAlias:
      end = from + 3;
      break;
    case PropertyId.messageExpiry:
    case PropertyId.willDelay:
      end = from + 5;
      break;
    case PropertyId.contentType:
    case PropertyId.responseTopic:
    case PropertyId.correlationData:
      end = stringEnd(raw, from + 1);
      break;
    case PropertyId.userProperty:
      end = stringEnd(raw, stringEnd(raw, from + 1));
      break;
    case PropertyId.subscriptionIdentifier:
      end = from + 1;
      while (end < raw.length && raw[end] >= 0x80) end++;
      end++;
      break;
    default:
      return -1;
  }
  return end <= raw.length ? end : -1;
}

/** Reading past the end gives a NaN, which no comparison lets through. */
function stringEnd(raw: Uint8Array, from: number): number {
  return from + 2 + uint16(raw, from);
}

function uint16(raw: Uint8Array, at: number): number {
  return at + 2 <= raw.length ? raw[at] * 0x100 + raw[at + 1] : Number.NaN;
}

function uint32(raw: Uint8Array, at: number): number {
  return raw[at] * 0x1000000 + raw[at + 1] * 0x10000 + raw[at + 2] * 0x100 + raw[at + 3];
}

/** A user property `sluice` = prefix + number, with the prefix given once: `write` is called per record. */
export class NameProperty {
  readonly #bytes: Buffer;

  constructor(prefix: string) {
    const value = Buffer.from(prefix);
    this.#bytes = Buffer.alloc(1 + 2 + NAME_BYTES.length + 2 + value.length);
    this.#bytes[0] = PropertyId.userProperty;
    this.#bytes.writeUInt16BE(NAME_BYTES.length, 1);
    this.#bytes.set(NAME_BYTES, 3);
    this.#bytes.writeUInt16BE(value.length, 3 + NAME_BYTES.length);
    this.#bytes.set(value, 5 + NAME_BYTES.length);
  }

  /** Without the suffix. */
  get bytes(): number {
    return this.#bytes.length;
  }

  /** Writes the property with an ASCII suffix and returns the end. */
  write(out: Buffer, at: number, suffix: string): number {
    out.set(this.#bytes, at);
    const valueBytes = this.#bytes.length - 5 - NAME_BYTES.length + suffix.length;
    out.writeUInt16BE(valueBytes, at + 3 + NAME_BYTES.length);
    return at + this.#bytes.length + out.write(suffix, at + this.#bytes.length, 'latin1');
  }
}

export function leftOutProperty(from: number, to: number): Buffer {
  const value = Buffer.from(`${from}/${to}`);
  const bytes = Buffer.alloc(1 + 2 + LEFT_OUT_BYTES.length + 2 + value.length);
  bytes[0] = PropertyId.userProperty;
  bytes.writeUInt16BE(LEFT_OUT_BYTES.length, 1);
  bytes.set(LEFT_OUT_BYTES, 3);
  bytes.writeUInt16BE(value.length, 3 + LEFT_OUT_BYTES.length);
  bytes.set(value, 5 + LEFT_OUT_BYTES.length);
  return bytes;
}

export function contentTypeProperty(value: string): Buffer {
  const bytes = Buffer.alloc(3 + Buffer.byteLength(value));
  bytes[0] = PropertyId.contentType;
  bytes.writeUInt16BE(bytes.length - 3, 1);
  bytes.write(value, 3);
  return bytes;
}
