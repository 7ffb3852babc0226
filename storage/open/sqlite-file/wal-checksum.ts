// The checksum of SQLite's write-ahead log (sqlite.org/fileformat2.html 4.2), and what it can do beyond
// finding damage: it is linear and has 64 bits, so when exactly one bit of what it covers is wrong it says
// which one - for the lower bits of a word; for the higher ones, whose carry is lost, it leaves several to
// choose from. That other damage is taken for a single bit has a chance of about 2^-48.

export interface WalChecksum {
  s1: number;
  s2: number;
}

/** Which bytes, and how the file that they are from orders the bytes of a word. */
export interface Covered {
  bytes: Buffer;
  start: number;
  /** A multiple of eight after `start`. */
  end: number;
  bigEndian: boolean;
}

/** One wrong bit: `bytes[at] ^= mask` puts it right. */
export interface WrongBit {
  at: number;
  mask: number;
}

/** 32-bit arithmetic that wraps: s1 += word + s2, s2 += nextWord + s1. */
export function walChecksum({ bytes, start, end, bigEndian }: Covered, seed: WalChecksum): WalChecksum {
  let s1 = seed.s1 | 0;
  let s2 = seed.s2 | 0;
  for (let at = start; at < end; at += 8) {
    s1 = (s1 + (bigEndian ? bytes.readInt32BE(at) : bytes.readInt32LE(at)) + s2) | 0;
    s2 = (s2 + (bigEndian ? bytes.readInt32BE(at + 4) : bytes.readInt32LE(at + 4)) + s1) | 0;
  }
  return { s1, s2 };
}

export function sameChecksum(a: WalChecksum, b: WalChecksum): boolean {
  return (a.s1 | 0) === (b.s1 | 0) && (a.s2 | 0) === (b.s2 | 0);
}

export function bitsDifferent(a: number, b: number): number {
  let bits = 0;
  for (let rest = (a ^ b) >>> 0; rest !== 0; rest &= rest - 1) bits++;
  return bits;
}

/**
 * The single bits each of which, put right, gives `covered` the checksum `stored`. A bit that is wrong by d
 * in a word shifts both sums by d times a weight that depends only on the word's place: going from one pair
 * of words to the next, a shift (a, b) becomes (a + b, a + 2b).
 */
export function* wrongBits(covered: Covered, seed: WalChecksum, stored: WalChecksum): Generator<WrongBit> {
  const { bytes, start, end, bigEndian } = covered;
  const computed = walChecksum(covered, seed);
  const shift1 = (stored.s1 - computed.s1) | 0;
  const shift2 = (stored.s2 - computed.s2) | 0;
  // Weights of the first and the second word of the pair at hand, from the last pair backwards.
  let first = { a: 1, b: 1 };
  let second = { a: 0, b: 1 };
  for (let at = end - 8; at >= start; at -= 8) {
    for (const [wordAt, weight] of [[at, first] as const, [at + 4, second] as const]) {
      const word = bigEndian ? bytes.readInt32BE(wordAt) : bytes.readInt32LE(wordAt);
      const bit = bitOf(word, weight, shift1, shift2);
      if (bit >= 0) yield { at: wordAt + (bigEndian ? 3 - (bit >> 3) : bit >> 3), mask: 1 << (bit & 7) };
    }
    first = { a: (first.a + first.b) | 0, b: (first.a + 2 * first.b) | 0 };
    second = { a: (second.a + second.b) | 0, b: (second.a + 2 * second.b) | 0 };
  }
}

/** Which bit of `word`, put right, shifts the sums so; -1 for none. */
function bitOf(word: number, weight: { a: number; b: number }, shift1: number, shift2: number): number {
  for (let bit = 0; bit < 32; bit++) {
    const step = (word >>> bit) & 1 ? -(1 << bit) : 1 << bit;
    if (Math.imul(step, weight.a) === shift1 && Math.imul(step, weight.b) === shift2) return bit;
  }
  return -1;
}
