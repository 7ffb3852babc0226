import { describe, expect, test } from 'vitest';
import { ReadAhead } from '../../../bridge/read-ahead.ts';
import { numberedBatch } from '../../support/record-batches.ts';
import { MemoryLog } from './memory-log.ts';

function logOf(batches: number): { log: MemoryLog; end: number; bytes: number } {
  const log = new MemoryLog();
  for (let i = 0; i < batches; i++) log.append(0, numberedBatch(i * 10, 10));
  return { log, end: batches * 10, bytes: log.stored()[0]?.bytes.length ?? 0 };
}

describe('read-ahead', () => {
  test('holds no more than was asked for and one batch', () => {
    const { log, end, bytes } = logOf(20);
    const ahead = new ReadAhead(log, 0);
    ahead.fill(0, end, 3 * bytes);
    expect(ahead.bytes).toBeGreaterThanOrEqual(3 * bytes);
    expect(ahead.bytes).toBeLessThan(5 * bytes);
    expect(ahead.reaches(end)).toBe(false);
  });

  test('does not read again what it holds, or where nothing is', () => {
    const { log, end } = logOf(2);
    const ahead = new ReadAhead(log, 0);
    ahead.fill(0, end, 1_000_000);
    expect(ahead.reaches(end)).toBe(true);
    const { reads } = log;
    ahead.fill(0, end, 1_000_000);
    expect(log.reads).toBe(reads);
  });

  test('goes on where it stopped, and lets go of what was passed', () => {
    const { log, end, bytes } = logOf(5);
    const ahead = new ReadAhead(log, 0);
    ahead.fill(0, end, bytes);
    ahead.seek(15);
    ahead.fill(15, end, 100 * bytes);
    expect(ahead.held.map(({ firstOffset }) => firstOffset)).toEqual([10, 20, 30, 40]);
    expect(ahead.bytes).toBe(ahead.held.reduce((sum, held) => sum + held.bytes.length, 0));
  });

  test('counts only what is still to come when the first batch is sent in part', () => {
    const log = new MemoryLog();
    log.append(0, numberedBatch(0, 100, { payloadBytes: 100 }));
    log.append(0, numberedBatch(100, 100, { payloadBytes: 100 }));
    const { length } = log.stored()[0].bytes;
    const ahead = new ReadAhead(log, 0);
    ahead.fill(0, 200, length);
    expect(ahead.reaches(200)).toBe(false);
    ahead.seek(75);
    ahead.fill(75, 200, length / 2);
    expect(ahead.reaches(200)).toBe(true);
  });

  test('starts over when it is sent back', () => {
    const { log, end } = logOf(3);
    const ahead = new ReadAhead(log, 0);
    ahead.fill(20, end, 1_000_000);
    ahead.seek(5);
    expect([ahead.held.length, ahead.bytes]).toEqual([0, 0]);
    ahead.fill(5, end, 1_000_000);
    expect(ahead.held[0].firstOffset).toBe(0);
  });

  test('survives a log that ends before what was told', () => {
    const { log } = logOf(1);
    const ahead = new ReadAhead(log, 0);
    ahead.fill(10, 500, 1_000_000);
    expect(ahead.held).toEqual([]);
  });
});
