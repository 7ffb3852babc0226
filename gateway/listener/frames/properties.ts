// Walks a block of MQTT 5 properties: every identifier known and allowed in its place, given once (but for
// user properties), its value complete, in range and valid UTF-8 (MQTT 5.0 2.2.2). Numbers are kept, strings
// and binary values by their offsets, in a reused object: nothing is allocated. Meaning is left to the
// packet's own parser.

import { bits, kind, kinds, maxima, minima, type Place, place, places, property } from './property-table.ts';
import { type Reason, reason } from './reasons.ts';
import { judgeText } from './utf8.ts';
import {
  malformedInteger,
  readVariableByteInteger,
  variableByteIntegerBytes,
} from './variable-byte-integer.ts';

/** What `scanProperties` found; valid until the next scan into the same object. */
export class PropertyValues {
  /** One bit per property that is present, as `bits` assigns them. */
  present = 0;
  /** Offsets of the block itself, without its length. */
  start = 0;
  end = 0;
  // By property identifier, and only meaningful where `has` says so.
  readonly numbers = new Float64Array(64);
  readonly starts = new Uint32Array(64);
  readonly ends = new Uint32Array(64);

  has(id: number): boolean {
    return (this.present & bits[id]!) !== 0;
  }

  /** The value of a numeric property, `absent` when the block does not have it. */
  number(id: number, absent: number): number {
    return this.has(id) ? this.numbers[id]! : absent;
  }
}

/**
 * Reads the property block at `at`, its length first, into `values`; bytes up to `end` belong to the packet.
 * The block ends at `values.end`.
 */
export function scanProperties(
  buffer: Buffer,
  at: number,
  end: number,
  where: Place,
  values: PropertyValues,
): Reason {
  values.present = 0;
  const length = readVariableByteInteger(buffer, at, end);
  if (length === malformedInteger) return reasonForInteger(buffer, at, end);
  values.start = at + variableByteIntegerBytes(length);
  values.end = values.start + length;
  if (values.end > end) return reason.truncated;

  let next = values.start;
  while (next < values.end) {
    const id = buffer[next]!;
    if ((places[id]! & where) === 0) return reasonForMisplaced(id, where);
    const bit = bits[id]!;
    if ((values.present & bit) !== 0 && id !== property.userProperty) return reason.propertyDuplicate;
    values.present |= bit;
    next = readValue(buffer, next + 1, id, values);
    if (next < 0) return -next as Reason;
  }
  return reason.ok;
}

/** Reads one value; returns the offset after it, or a negated reason. */
function readValue(buffer: Buffer, at: number, id: number, values: PropertyValues): number {
  const end = values.end;
  let value: number;
  let next: number;
  switch (kinds[id]) {
    case kind.byte:
      next = at + 1;
      if (next > end) return -reason.truncated;
      value = buffer[at]!;
      break;
    case kind.twoBytes:
      next = at + 2;
      if (next > end) return -reason.truncated;
      value = (buffer[at]! << 8) | buffer[at + 1]!;
      break;
    case kind.fourBytes:
      next = at + 4;
      if (next > end) return -reason.truncated;
      value = buffer.readUInt32BE(at);
      break;
    case kind.variable:
      value = readVariableByteInteger(buffer, at, end);
      if (value === malformedInteger) return -reasonForInteger(buffer, at, end);
      next = at + variableByteIntegerBytes(value);
      break;
    case kind.pair: {
      const valueAt = readBytes(buffer, at, id, values);
      return valueAt < 0 ? valueAt : readBytes(buffer, valueAt, id, values);
    }
    default:
      return readBytes(buffer, at, id, values);
  }
  if (value < minima[id]! || value > maxima[id]!) return -reason.propertyValue;
  values.numbers[id] = value;
  return next;
}

/** Reads a two-byte length and as many bytes, judged as text unless the property is binary. */
function readBytes(buffer: Buffer, at: number, id: number, values: PropertyValues): number {
  const start = at + 2;
  if (start > values.end) return -reason.truncated;
  const next = start + ((buffer[at]! << 8) | buffer[at + 1]!);
  if (next > values.end) return -reason.truncated;
  values.starts[id] = start;
  values.ends[id] = next;
  const refused = kinds[id] === kind.binary ? reason.ok : judgeText(buffer, start, next);
  return refused === reason.ok ? next : -refused;
}

/** A subscription identifier has a clause of its own: only a server may put it into a PUBLISH (3.3.4). */
function reasonForMisplaced(id: number, where: Place): Reason {
  const isSubscriptionId = id === property.subscriptionId && where === place.publish;
  return isSubscriptionId ? reason.subscriptionIdFromClient : reason.propertyNotAllowed;
}

function reasonForInteger(buffer: Buffer, at: number, end: number): Reason {
  const bytes = Math.min(end - at, 4);
  for (let i = 0; i < bytes; i++) {
    if (buffer[at + i]! < 0x80) return reason.lengthNotMinimal;
  }
  return bytes === 4 ? reason.lengthTooLong : reason.truncated;
}

/** The length of the whole property at `at` of a block that has been scanned without fault. */
export function propertyBytes(buffer: Buffer, at: number, end: number): number {
  const id = buffer[at]!;
  switch (kinds[id]) {
    case kind.byte:
      return 2;
    case kind.twoBytes:
      return 3;
    case kind.fourBytes:
      return 5;
    case kind.variable:
      return 1 + variableByteIntegerBytes(readVariableByteInteger(buffer, at + 1, end));
    case kind.pair: {
      const name = 2 + buffer.readUInt16BE(at + 1);
      return 1 + name + 2 + buffer.readUInt16BE(at + 1 + name);
    }
    default:
      return 3 + buffer.readUInt16BE(at + 1);
  }
}
