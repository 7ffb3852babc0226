// The fixed header of a complete packet (MQTT 5.0 2.1): where it ends, and how a new one is made for a changed body.

import {
  readVariableByteInteger,
  variableByteIntegerBytes,
  writeVariableByteInteger,
} from '../frames/variable-byte-integer.ts';

/** One byte of type and flags, and at most four of remaining length. */
export const fixedHeaderBytesMax = 5;

/** The offset after the fixed header. Before MQTT 5 a remaining length may be longer than needed. */
export function bodyStart(frame: Buffer): number {
  let at = 1;
  while (frame[at]! >= 0x80) at++;
  return at + 1;
}

/** The offset after the variable byte integer at `at`. */
export function afterVariableByteInteger(frame: Buffer, at: number): number {
  return at + variableByteIntegerBytes(readVariableByteInteger(frame, at, frame.length));
}

export function encodeVariableByteInteger(value: number): Buffer {
  const bytes = Buffer.alloc(variableByteIntegerBytes(value));
  writeVariableByteInteger(bytes, 0, value);
  return bytes;
}

/** The packet with the parts of another body behind the type and flags that it has. */
export function withBody(frame: Buffer, parts: readonly Buffer[]): Buffer {
  const bodyBytes = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([frame.subarray(0, 1), encodeVariableByteInteger(bodyBytes), ...parts]);
}

/**
 * The offset after the string or binary data at `at`, which tells its length in two bytes (MQTT 5.0 1.5.4,
 * 1.5.6).
 */
export function afterString(frame: Buffer, at: number): number {
  return at + 2 + ((frame[at]! << 8) | frame[at + 1]!);
}
