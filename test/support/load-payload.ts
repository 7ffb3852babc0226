// What a device of the fault tests says: the simulator's mark, and filler that follows from it - so whoever receives it
// can tell whether every byte is right, and not the mark alone.

import { type Mark, writeMark } from '../../simulator/mark.ts';

const FILLER_BYTES_MAX = 4096;
const FILLER = Buffer.from(
  Array.from({ length: 2 * FILLER_BYTES_MAX }, (_, i) => 97 + ((i * 7 + (i >> 5)) % 26)),
);

/** `fillerBytes` is an average; sizes differ from message to message. */
export function loadPayload(mark: Mark, fillerBytes: number): Buffer {
  const fill = hash(mark);
  const length = fillerBytes === 0 ? 0 : fillerBytes / 2 + (fill % fillerBytes);
  const head = Buffer.from(`${writeMark(mark)} ${fillerBytes} `);
  const start = (fill >>> 8) % FILLER_BYTES_MAX;
  return Buffer.concat([head, FILLER.subarray(start, start + Math.min(length, FILLER_BYTES_MAX))]);
}

/** Whether every byte is as the device of the mark has sent it. */
export function isLoadPayload(payload: Buffer, mark: Mark): boolean {
  const fillerBytes = Number(payload.toString('latin1', 0, 96).split(' ', 2)[1]);
  return Number.isInteger(fillerBytes) && loadPayload(mark, fillerBytes).equals(payload);
}

function hash({ device, sequence }: Mark): number {
  const mixed = Math.imul(Math.imul(0x811c9dc5 ^ device, 0x01000193) ^ sequence, 0x85ebca6b);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
