// The mark of a simulated message: ASCII text that every payload carries somewhere, whatever its format - in a
// JSON field, a CBOR text, a line of CSV, at the head of raw bytes. Whoever receives the payload can tell from it
// alone which message it is: run, device, sequence, and when it was to be sent.
//
//   ~s1.RUN.DEVICE.SEQUENCE.TIME.CHECK~      numbers in base 36, TIME in ms since the run's start
//
// CHECK guards against a mark that was damaged or cut; it is no proof that the rest of the payload is right.

export interface Mark {
  /** Of one run of the simulator: what other runs left behind is foreign. */
  run: string;
  /** Index in the whole fleet, from 0. */
  device: number;
  /** The device's own count, from 0, without gaps in what it has sent. */
  sequence: number;
  /** When it was due, ms since the run's start: latencies count from here, so that a late sender shows. */
  timeMs: number;
}

const BEGIN = '~s1.';
const BEGIN_BYTES = Buffer.from(BEGIN);
const END_BYTE = 0x7e;
/** The longest there can be. */
export const MARK_BYTES_MAX = 64;
const PATTERN =
  /^~s1\.([a-z0-9]{1,12})\.([a-z0-9]{1,6})\.([a-z0-9]{1,9})\.([a-z0-9]{1,9})\.([a-z0-9]{1,4})~$/;
const CHECK_MODULUS = 36 ** 4;

export function writeMark({ run, device, sequence, timeMs }: Mark): string {
  const check = checkOf(run, device, sequence, timeMs).toString(36);
  return `${BEGIN}${run}.${device.toString(36)}.${sequence.toString(36)}.${timeMs.toString(36)}.${check}~`;
}

/** The first whole mark in `payload`; undefined when there is none. */
export function findMark(payload: Uint8Array): Mark | undefined {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  for (let from = 0; ; ) {
    const start = bytes.indexOf(BEGIN_BYTES, from);
    if (start < 0) return undefined;
    const end = bytes.indexOf(END_BYTE, start + BEGIN.length);
    if (end < 0) return undefined;
    const mark = end - start < MARK_BYTES_MAX ? parse(bytes.toString('latin1', start, end + 1)) : undefined;
    if (mark !== undefined) return mark;
    from = start + BEGIN.length;
  }
}

function parse(text: string): Mark | undefined {
  const match = PATTERN.exec(text);
  if (match === null) return undefined;
  const [, run, ...numbers] = match as unknown as [string, string, string, string, string, string];
  const [device, sequence, timeMs, check] = numbers.map((number) => Number.parseInt(number, 36));
  return check === checkOf(run, device, sequence, timeMs) ? { run, device, sequence, timeMs } : undefined;
}

function checkOf(run: string, device: number, sequence: number, timeMs: number): number {
  let mixed = 0x811c9dc5;
  for (let i = 0; i < run.length; i++) mixed = Math.imul(mixed ^ run.charCodeAt(i), 0x01000193);
  for (const number of [device, sequence, timeMs]) {
    mixed = Math.imul(mixed ^ (number >>> 0), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 15) ^ Math.floor(number / 2 ** 32), 0xc2b2ae35);
  }
  return ((mixed ^ (mixed >>> 16)) >>> 0) % CHECK_MODULUS;
}
