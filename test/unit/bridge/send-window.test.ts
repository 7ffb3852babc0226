import { describe, expect, test } from 'vitest';
import { SendWindow } from '../../../bridge/send-window.ts';

const KiB = 1024;
const full = { batches: 16, batchBytes: 256 * KiB };

/** Loses so many connections, none of which had an acknowledgement. */
function windowAfter(losses: number): SendWindow {
  const window = new SendWindow(full);
  for (let i = 0; i < losses; i++) {
    window.connected();
    window.lost();
  }
  window.connected();
  return window;
}

function acknowledge(window: SendWindow, count: number): void {
  for (let i = 0; i < count; i++) window.acknowledged();
}

describe('send window', () => {
  test('is what the settings say until something goes wrong', () => {
    const window = new SendWindow(full);
    acknowledge(window, 100);
    expect(window.size).toEqual(full);
  });

  test('halves with every connection lost without an acknowledgement, down to one small batch', () => {
    expect(windowAfter(1).size).toEqual({ batches: 8, batchBytes: 128 * KiB });
    expect(windowAfter(2).size).toEqual({ batches: 4, batchBytes: 64 * KiB });
    expect(windowAfter(30).size).toEqual({ batches: 1, batchBytes: KiB });
  });

  test('does not shrink when a connection is lost that had acknowledgements', () => {
    const window = windowAfter(0);
    acknowledge(window, 1);
    window.lost();
    expect(window.size).toEqual(full);
  });

  test('never asks for more than the settings, however small they are', () => {
    const window = new SendWindow({ batches: 1, batchBytes: 100 });
    window.lost();
    expect(window.size).toEqual({ batches: 1, batchBytes: 100 });
  });

  test('is back soon after an upstream that was mute for long', () => {
    const window = windowAfter(30);
    acknowledge(window, 2 * 14);
    expect(window.size.batchBytes).toBeGreaterThanOrEqual(128 * KiB);
    acknowledge(window, 16 * 4);
    expect(window.size).toEqual(full);
  });

  test('comes back carefully to a size that has failed', () => {
    const window = windowAfter(2);
    acknowledge(window, 2);
    expect(window.size.batchBytes).toBe(128 * KiB);
    window.lost(); // fails again: 128 KiB were too many
    window.connected();
    expect(window.size.batchBytes).toBe(64 * KiB);
    acknowledge(window, 15);
    expect(window.size.batchBytes).toBe(64 * KiB);
    acknowledge(window, 1);
    expect(window.size.batchBytes).toBe(80 * KiB);
  });
});
