// MQTT's building blocks as bytes, for tests that write a packet by hand, wrong ones included.

type Part = Buffer | readonly number[] | number;

/** Parts in a row; a number is one byte. */
export function bytes(...parts: Part[]): Buffer {
  return Buffer.concat(
    parts.map((part) => (typeof part === 'number' ? Buffer.from([part]) : Buffer.from(part))),
  );
}

export function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

export function uint32(value: number): Buffer {
  const written = Buffer.alloc(4);
  written.writeUInt32BE(value);
  return written;
}

/** A string or binary field with its two-byte length. */
export function prefixed(content: string | readonly number[]): Buffer {
  const raw = typeof content === 'string' ? Buffer.from(content) : Buffer.from(content);
  return bytes(uint16(raw.length), raw);
}

export function variableInteger(value: number): Buffer {
  const written: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) written.push((rest & 0x7f) | 0x80);
  written.push(rest);
  return Buffer.from(written);
}

/** A frame with its remaining length. */
export function frameOf(firstByte: number, ...body: Part[]): Buffer {
  const content = bytes(...body);
  return bytes(firstByte, variableInteger(content.length), content);
}

/** A property block with its length. */
export function properties(...parts: Part[]): Buffer {
  const content = bytes(...parts);
  return bytes(variableInteger(content.length), content);
}
