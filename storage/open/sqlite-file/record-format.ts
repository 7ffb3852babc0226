// SQLite's records (sqlite.org/fileformat2.html 2.1): a header of varints that say each value's type, then
// the values. Strict: what SQLite would not have written is no record.

/** Integers are bigint, so that a number is always a REAL. */
export type Value = null | bigint | number | string | Buffer;

export interface Varint {
  value: number;
  bytes: number;
}

const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const FIXED_BYTES = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0];

/**
 * Seven bits a byte, the highest first, the ninth byte whole. Undefined when it does not end, or is no safe
 * integer.
 */
export function readVarint(bytes: Buffer, at: number, end: number): Varint | undefined {
  let value = 0;
  for (let i = 0; i < 8; i++) {
    if (at + i >= end) return undefined;
    const byte = bytes[at + i];
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return { value, bytes: i + 1 };
    if (value > 2 ** 46) return undefined;
  }
  return undefined; // nine bytes: beyond any rowid or length of ours
}

/** The values of a record that fills `payload`; undefined when it is none. */
export function decodeRecord(payload: Buffer): Value[] | undefined {
  const types = recordTypes(payload);
  if (types === undefined || types.bodyStart + types.bodyBytes !== payload.length) return undefined;
  const values: Value[] = [];
  let at = types.bodyStart;
  for (const type of types.types) {
    const end = at + valueBytes(type);
    const value = decodeValue(payload.subarray(at, end), type);
    if (value === undefined) return undefined;
    values.push(value);
    at = end;
  }
  return values;
}

export interface RecordTypes {
  types: number[];
  bodyStart: number;
  bodyBytes: number;
}

/** The header alone; `bytes` may hold only the beginning of the record. */
export function recordTypes(bytes: Buffer): RecordTypes | undefined {
  const header = readVarint(bytes, 0, bytes.length);
  if (header === undefined || header.value < header.bytes || header.value > bytes.length) return undefined;
  const types: number[] = [];
  let bodyBytes = 0;
  for (let at = header.bytes; at < header.value; ) {
    const type = readVarint(bytes, at, header.value);
    if (type === undefined || type.value === 10 || type.value === 11) return undefined;
    types.push(type.value);
    bodyBytes += valueBytes(type.value);
    at += type.bytes;
  }
  return { types, bodyStart: header.value, bodyBytes };
}

function valueBytes(type: number): number {
  return type < 12 ? FIXED_BYTES[type] : Math.floor((type - 12) / 2);
}

function decodeValue(bytes: Buffer, type: number): Value | undefined {
  switch (type) {
    case 0:
      return null;
    case 7: {
      const real = bytes.readDoubleBE(0);
      return Number.isNaN(real) ? undefined : real;
    }
    case 8:
      return 0n;
    case 9:
      return 1n;
    case 6:
      return bytes.readBigInt64BE(0);
    default:
      break;
  }
  if (type < 6) return BigInt(bytes.readIntBE(0, bytes.length));
  if (type % 2 === 0) return Buffer.from(bytes);
  try {
    return text.decode(bytes);
  } catch {
    return undefined; // not UTF-8: not what was written
  }
}
