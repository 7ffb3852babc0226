import { describe, expect, test } from 'vitest';
import { SendWindow } from '../../../bridge/send-window.ts';

const full = { batches: 16, batchBytes: 256 * 1024 };

describe('send window', () => {
  test('is what the settings say until something goes wrong', () => {
    const window = new SendWindow(full);
    for (let i = 0; i < 100; i++) window.acknowledged();
    expect(window.size).toEqual(full);
  });

  test('halves with every lost connection, down to one small batch', () => {
    const window = new SendWindow(full);
    window.shrink();
    expect(window.size).toEqual({ batches: 8, batchBytes: 128 * 1024 });
    for (let i = 0; i < 30; i++) window.shrink();
    expect(window.size).toEqual({ batches: 1, batchBytes: 1024 });
  });

  test('never asks for more than the settings, however small they are', () => {
    const window = new SendWindow({ batches: 1, batchBytes: 100 });
    window.shrink();
    expect(window.size).toEqual({ batches: 1, batchBytes: 100 });
  });

  test('recovers slowly and in full', () => {
    const window = new SendWindow(full);
    for (let i = 0; i < 3; i++) window.shrink();
    const { batchBytes } = window.size;
    for (let i = 0; i < 7; i++) window.acknowledged();
    expect(window.size.batchBytes).toBe(batchBytes);
    window.acknowledged();
    expect(window.size.batchBytes).toBe(batchBytes * 1.25);
    for (let i = 0; i < 1000; i++) window.acknowledged();
    expect(window.size).toEqual(full);
  });
});
