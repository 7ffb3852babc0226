// What a failing disk or card does to a file: single bits turn over, the end is torn off.

import { closeSync, fstatSync, openSync, readSync, truncateSync, writeSync } from 'node:fs';
import type { Random } from './mqtt-frame-random.ts';

/** Turns over `count` bits at random places; returns the places, for a message. */
export function flipBits(file: string, count: number, random: Random): number[] {
  const fd = openSync(file, 'r+');
  try {
    const { size } = fstatSync(fd);
    return Array.from({ length: size === 0 ? 0 : count }, () => {
      const at = random.int(size);
      const byte = Buffer.alloc(1);
      readSync(fd, byte, 0, 1, at);
      byte[0] ^= 1 << random.int(8);
      writeSync(fd, byte, 0, 1, at);
      return at;
    });
  } finally {
    closeSync(fd);
  }
}

/** Tears off a random part of the last `bytesMax` bytes; returns the size that is left. */
export function tearOff(file: string, bytesMax: number, random: Random): number {
  const fd = openSync(file, 'r');
  const { size } = fstatSync(fd);
  closeSync(fd);
  const left = Math.max(0, size - random.between(1, Math.min(bytesMax, size)));
  truncateSync(file, left);
  return left;
}
