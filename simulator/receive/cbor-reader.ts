// Reads CBOR (RFC 8949) item by item from a buffer: as much of it as the record batch is made of, which has definite
// lengths only. It is here, beside the CBOR library that the gateway writes with, so that a fault of one is not
// hidden by the same fault of the other. Throws a plain Error that says what was expected.
//
//   head: | major type, 3 bits | info, 5 bits | 0, 1, 2, 4 or 8 bytes of value, big endian |

const Major = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const;
const NAMES = [
  'unsigned integer',
  'negative integer',
  'byte string',
  'text',
  'array',
  'map',
  'tag',
  'simple',
];
/** RFC 8746 2: little endian. */
const TAG_UINT16 = 69;
const TAG_UINT32 = 70;
/** Items within items; a batch has three levels, and what it may have in times to come is skipped. */
const DEPTH_MAX = 16;

export class CborReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** Index of the byte that is read next. */
  get at(): number {
    return this.#at;
  }

  tag(): number {
    return this.#expect(Major.tag);
  }

  /** The number of items that follow. */
  array(): number {
    return this.#expect(Major.array);
  }

  /** The number of pairs that follow. */
  map(): number {
    return this.#expect(Major.map);
  }

  unsigned(): number {
    return this.#expect(Major.unsigned);
  }

  integer(): number {
    const isNegative = this.#nextMajor() === Major.negative;
    return isNegative ? -1 - this.#expect(Major.negative) : this.#expect(Major.unsigned);
  }

  text(): string {
    const start = this.#span(this.#expect(Major.text));
    return this.#bytes.toString('utf8', start, this.#at);
  }

  /** A view, no copy. */
  byteString(): Buffer {
    const start = this.#span(this.#expect(Major.bytes));
    return this.#bytes.subarray(start, this.#at);
  }

  texts(): string[] {
    const texts: string[] = [];
    for (let left = this.array(); left > 0; left--) texts.push(this.text());
    return texts;
  }

  /** The bytes lie where they lie, so they are read one number at a time: no view would be aligned. */
  uint16s(): Uint16Array {
    const bytes = this.#typed(TAG_UINT16, 2);
    const numbers = new Uint16Array(bytes.length / 2);
    for (let i = 0; i < numbers.length; i++) numbers[i] = bytes.readUInt16LE(2 * i);
    return numbers;
  }

  uint32s(): Uint32Array {
    const bytes = this.#typed(TAG_UINT32, 4);
    const numbers = new Uint32Array(bytes.length / 4);
    for (let i = 0; i < numbers.length; i++) numbers[i] = bytes.readUInt32LE(4 * i);
    return numbers;
  }

  /** Passes over one item, whatever it is. */
  skip(depth = 0): void {
    if (depth > DEPTH_MAX) throw new Error('items are nested too deeply');
    const major = this.#nextMajor();
    const value = this.#expect(major);
    if (major === Major.bytes || major === Major.text) this.#span(value);
    const inside = { [Major.array]: value, [Major.map]: 2 * value, [Major.tag]: 1 }[major as number] ?? 0;
    for (let left = inside; left > 0; left--) this.skip(depth + 1);
  }

  #typed(tag: number, bytesEach: number): Buffer {
    const found = this.tag();
    if (found !== tag) throw new Error(`tag ${found} where ${tag} was expected`);
    const bytes = this.byteString();
    if (bytes.length % bytesEach !== 0) throw new Error('a typed array ends within a number');
    return bytes;
  }

  #nextMajor(): number {
    if (this.#at >= this.#bytes.length) throw new Error('it ends too soon');
    return this.#bytes[this.#at] >>> 5;
  }

  #expect(major: number): number {
    const found = this.#nextMajor();
    if (found !== major) throw new Error(`${NAMES[found]} where ${NAMES[major]} was expected`);
    const info = this.#bytes[this.#at++] & 0x1f;
    if (info < 24) return info;
    if (info > 27) throw new Error('an item of indefinite length');
    const valueBytes = 2 ** (info - 24);
    const start = this.#span(valueBytes);
    if (valueBytes < 8) return this.#bytes.readUIntBE(start, valueBytes);
    // Of simple values these are the bits of a double, which nobody here asks for.
    const value = Number(this.#bytes.readBigUInt64BE(start));
    if (major !== Major.simple && value > Number.MAX_SAFE_INTEGER) throw new Error('a number beyond 2^53');
    return value;
  }

  /** Passes over so many bytes and returns where they began. */
  #span(bytes: number): number {
    const start = this.#at;
    if (bytes > this.#bytes.length - start) throw new Error('it ends too soon');
    this.#at += bytes;
    return start;
  }
}
