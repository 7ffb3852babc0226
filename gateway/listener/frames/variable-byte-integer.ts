// Variable byte integers inside a packet (MQTT 5.0 1.5.5): seven bits a byte, least significant first, at
// most four bytes and no more than needed. Since only the shortest form is taken, a value also tells its own
// length.

/** `readVariableByteInteger`: more than four bytes, longer than needed, or cut off. */
export const malformedInteger = -1;
/** The largest there is: four bytes of seven bits. */
export const variableByteIntegerMax = 268_435_455;

/** The value at `at`, or `malformedInteger`; bytes up to `end` belong to the packet. */
export function readVariableByteInteger(buffer: Buffer, at: number, end: number): number {
  let value = 0;
  for (let shift = 0; shift <= 21 && at < end; shift += 7) {
    const byte = buffer[at++]!;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return byte === 0 && shift > 0 ? malformedInteger : value;
  }
  return malformedInteger;
}

export function variableByteIntegerBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  return value < 0x20_0000 ? 3 : 4;
}

/** Writes `value` (at most `variableByteIntegerMax`) at `at`; returns the offset after it. */
export function writeVariableByteInteger(target: Buffer, at: number, value: number): number {
  let rest = value;
  while (rest >= 0x80) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}
