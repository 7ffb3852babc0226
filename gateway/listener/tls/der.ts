// As much of DER (ITU-T X.690 10) as it takes to find a name or a date in a certificate or a revocation list: the
// element at a place, with its tag, and where its content begins and ends. Throws a RangeError for what is not DER.

export interface DerElement {
  readonly tag: number;
  /** Of its tag. */
  readonly start: number;
  /** Of its content. */
  readonly bodyStart: number;
  /** Just after it. */
  readonly end: number;
}

export const derTag = {
  integer: 0x02,
  sequence: 0x30,
  utcTime: 0x17,
  generalizedTime: 0x18,
  context0: 0xa0,
} as const;

const LENGTH_BYTES_MAX = 4;

/** The element that begins at `at` and must end at `end` or before. */
export function derAt(bytes: Buffer, at: number, end: number): DerElement {
  if (at + 2 > end) throw new RangeError('cut off');
  const first = bytes[at + 1];
  let bodyStart = at + 2;
  let length = first;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > LENGTH_BYTES_MAX || bodyStart + count > end)
      throw new RangeError('bad length');
    length = bytes.readUIntBE(bodyStart, count);
    bodyStart += count;
  }
  if (bodyStart + length > end) throw new RangeError('cut off');
  return { tag: bytes[at], start: at, bodyStart, end: bodyStart + length };
}

/** The elements inside of one. */
export function* derChildren(
  bytes: Buffer,
  { bodyStart, end }: DerElement,
): Generator<DerElement, undefined> {
  for (let at = bodyStart; at < end; ) {
    const child = derAt(bytes, at, end);
    yield child;
    at = child.end;
  }
}

/** The element at `at`, which must be a SEQUENCE. */
export function derSequence(bytes: Buffer, at: number, end: number): DerElement {
  const element = derAt(bytes, at, end);
  if (element.tag !== derTag.sequence) throw new RangeError('not a sequence');
  return element;
}
