// What a test device says: its name, a sequence number, and filler that follows from the two - so whoever
// receives it can tell from the payload alone which message it is and whether every byte of it is right.

const FILLER_BYTES_MAX = 4096;
const FILLER = Buffer.from(
  Array.from({ length: 2 * FILLER_BYTES_MAX }, (_, i) => 97 + ((i * 7 + (i >> 5)) % 26)),
);

export interface DeviceMessage {
  device: string;
  sequence: number;
}

/** `fillerBytes` is an average; sizes differ from message to message. */
export function devicePayload(device: string, sequence: number, fillerBytes: number): Buffer {
  const fill = hash(device, sequence);
  const length = fillerBytes === 0 ? 0 : fillerBytes / 2 + (fill % fillerBytes);
  const head = Buffer.from(`${device} ${sequence} ${fillerBytes} `);
  const start = (fill >>> 8) % FILLER_BYTES_MAX;
  return Buffer.concat([head, FILLER.subarray(start, start + Math.min(length, FILLER_BYTES_MAX))]);
}

/** Undefined: it is not one of these, or a byte of it is wrong. */
export function parseDevicePayload(payload: Uint8Array): DeviceMessage | undefined {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const [device, sequence, fillerBytes] = bytes.toString('latin1', 0, 64).split(' ', 3);
  if (fillerBytes === undefined || !/^\d+$/.test(sequence) || !/^\d+$/.test(fillerBytes)) return undefined;
  const message = { device, sequence: Number(sequence) };
  return devicePayload(device, message.sequence, Number(fillerBytes)).equals(bytes) ? message : undefined;
}

/** FNV-1a over the name, mixed with the number. */
function hash(device: string, sequence: number): number {
  let mixed = 0x811c9dc5;
  for (let i = 0; i < device.length; i++) mixed = Math.imul(mixed ^ device.charCodeAt(i), 0x01000193);
  mixed = Math.imul(mixed ^ sequence, 0x85ebca6b);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
