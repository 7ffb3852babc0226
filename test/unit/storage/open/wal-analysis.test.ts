import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { analyseWal, type WalAnalysis } from '../../../../storage/open/sqlite-file/wal-analysis.ts';
import { walChecksum, wrongBits } from '../../../../storage/open/sqlite-file/wal-checksum.ts';
import { inTemporaryDirectory, makeSnapshot, randomOf } from '../../../fault/damage/store-fixture.ts';

const FRAME = 4120;
const { wal } = makeSnapshot({ seed: 3, batchesPerLane: 7 });
const frames = (wal.length - 32) / FRAME;

function analyse(bytes: Buffer): WalAnalysis {
  return inTemporaryDirectory((directory) => {
    const file = join(directory, 'wal');
    writeFileSync(file, bytes);
    const fd = openSync(file, 'r');
    try {
      return analyseWal(fd, bytes.length);
    } finally {
      closeSync(fd);
    }
  });
}

function analyseFlipped(at: number, bit: number): WalAnalysis {
  const bytes = Buffer.from(wal);
  bytes[at] ^= 1 << bit;
  return analyse(bytes);
}

/** Pages of which a later frame has a newer version: what is wrong in an older one does not matter. */
function isSuperseded(frame: number): boolean {
  const page = wal.readUInt32BE(32 + frame * FRAME);
  for (let later = frame + 1; later < frames; later++)
    if (wal.readUInt32BE(32 + later * FRAME) === page) return true;
  return false;
}

describe('the checksum of the write-ahead log', () => {
  test('names the wrong bit among what it covers, and hardly any other', () => {
    const random = randomOf(1);
    for (let i = 0; i < 200; i++) {
      const bytes = Buffer.from(Array.from({ length: 256 }, () => random(256)));
      const covered = { bytes, start: 0, end: 256, bigEndian: i % 2 === 0 };
      const seed = { s1: random(2 ** 31), s2: random(2 ** 31) };
      const stored = walChecksum(covered, seed);
      const bit = { at: random(256), mask: 1 << random(8) };
      bytes[bit.at] ^= bit.mask;
      const found = [...wrongBits(covered, seed, stored)];
      expect(found).toContainEqual(bit);
      expect(found.length).toBeLessThan(40);
    }
  });

  test('finds no single bit to blame when several are wrong', () => {
    const bytes = Buffer.alloc(4104, 7);
    const covered = { bytes, start: 0, end: 4104, bigEndian: false };
    const stored = walChecksum(covered, { s1: 0, s2: 0 });
    for (const at of [3, 700, 2222]) bytes[at] ^= 4;
    expect([...wrongBits(covered, { s1: 0, s2: 0 }, stored)]).toEqual([]);
  });
});

describe('a write-ahead log with one wrong bit', () => {
  test('anywhere in its header is mendable by that bit', () => {
    for (let at = 0; at < 32; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const { verdict, patches, newest } = analyseFlipped(at, bit);
        expect({ at, bit, verdict, patches }).toEqual({
          at,
          bit,
          verdict: 'mendable',
          patches: [{ at, mask: 1 << bit }],
        });
        expect(newest.size).toBeGreaterThan(5);
      }
    }
  });

  test('in the salts or the checksum of any frame but the last is mendable by that bit', () => {
    for (let frame = 0; frame < frames - 1; frame++) {
      for (let inHead = 8; inHead < 24; inHead++) {
        const at = 32 + frame * FRAME + inHead;
        const bit = (frame + inHead) % 8;
        const { verdict, patches } = analyseFlipped(at, bit);
        expect({ at, bit, verdict, patches }).toEqual({
          at,
          bit,
          verdict: 'mendable',
          patches: [{ at, mask: 1 << bit }],
        });
      }
    }
  });

  test('is never mended by another bit in a page that matters', () => {
    const random = randomOf(2);
    const seen = { mendable: 0, broken: 0 };
    for (let i = 0; i < 400; i++) {
      const frame = random(frames);
      // Every other time a high bit of a word, where the checksum is weakest.
      const inFrame = i % 2 === 0 ? random(FRAME) : 24 + 4 * random(1024) + 3;
      const at = 32 + frame * FRAME + inFrame;
      const bit = i % 2 === 0 ? random(8) : 7;
      const { verdict, patches } = analyseFlipped(at, bit);
      if (isSuperseded(frame)) continue;
      expect(['mendable', 'broken']).toContain(verdict);
      if (verdict === 'mendable') expect(patches).toEqual([{ at, mask: 1 << bit }]);
      seen[verdict as 'mendable' | 'broken']++;
    }
    expect(seen.mendable).toBeGreaterThan(50);
    expect(seen.broken).toBeGreaterThan(20);
  });
});

describe('a write-ahead log that is whole', () => {
  test('up to any length is sound: an end without a commit was never promised', () => {
    for (let length = 0; length <= wal.length; length += 1031) {
      const { verdict, patches, tail } = analyse(wal.subarray(0, length));
      expect({ length, verdict, patches, tail }).toEqual({ length, verdict: 'sound', patches: [], tail: [] });
    }
  });
});
