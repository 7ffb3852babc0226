import { describe, expect, test } from 'vitest';
import { DeliveryLedger, type Flight } from '../../../bridge/delivery-ledger.ts';
import { recordBatch } from '../../support/record-batches.ts';

/** Sends `count` records of these devices. */
function send(ledger: DeliveryLedger, count: number, devices: string[] = ['d']): Flight {
  const records = recordBatch(
    Array.from({ length: count }, (_, i) => ({ device: devices[i % devices.length] })),
    { firstOffset: ledger.sendOffset },
  );
  const { gateway, lane, firstOffset } = records;
  return ledger.sent({ gateway, lane, firstOffset, count, body: { kind: 'records', records } }, 100);
}

const letter = { firstOffset: 3, count: 1, reason: 'poison', bytes: new Uint8Array() };

describe('delivery ledger', () => {
  test('moves the cursor only over an unbroken run', () => {
    const ledger = new DeliveryLedger(100);
    const [a, b, c] = [send(ledger, 10), send(ledger, 5), send(ledger, 5)];
    ledger.settle(b, []);
    expect(ledger.advance()).toBeNull();
    ledger.settle(a, []);
    expect(ledger.advance()).toEqual({
      nextOffset: 115,
      delivered: 15,
      deadLettered: 0,
      missing: 0,
      leftOut: 0,
      deadLetters: [],
    });
    ledger.settle(c, []);
    expect(ledger.advance()?.nextOffset).toBe(120);
    expect(ledger.advance()).toBeNull();
  });

  test('accounts for dead letters and missing records in the step that passes them', () => {
    const ledger = new DeliveryLedger(0);
    const a = send(ledger, 5);
    ledger.skipped(10, { missing: 10, leftOut: 0, deadLetters: [] });
    expect(ledger.advance()).toBeNull();
    ledger.settle(a, [letter]);
    const step = {
      nextOffset: 15,
      delivered: 4,
      deadLettered: 1,
      missing: 10,
      leftOut: 0,
      deadLetters: [letter],
    };
    expect(ledger.advance()).toEqual(step);
  });

  test('goes back to the first failed batch, but only when nothing is under way', () => {
    const ledger = new DeliveryLedger(0);
    const [a, b, c] = [send(ledger, 10), send(ledger, 10), send(ledger, 10)];
    ledger.settle(a, []);
    ledger.fail(b, 0, []);
    expect(ledger.rewind()).toBe(false);
    expect(ledger.isDraining).toBe(true);
    ledger.fail(c, 0, []);
    expect(ledger.rewind()).toBe(true);
    expect([ledger.sendOffset, ledger.isDraining]).toEqual([10, false]);
    expect(ledger.advance()?.nextOffset).toBe(10);
    expect(ledger.held.batches).toBe(0);
  });

  test('sends an acknowledged batch again when it holds a device of a failed one before it', () => {
    const ledger = new DeliveryLedger(0);
    const [a, b] = [send(ledger, 10, ['x', 'y']), send(ledger, 10, ['y', 'z'])];
    ledger.fail(a, 0, []);
    ledger.settle(b, []);
    ledger.rewind();
    expect([ledger.sendOffset, ledger.sendUntil]).toEqual([0, Number.POSITIVE_INFINITY]);
  });

  test('does not send an acknowledged batch again when its devices are others', () => {
    const ledger = new DeliveryLedger(0);
    const [a, b, c, d] = [['x'], ['y'], ['x'], ['z']].map((devices) => send(ledger, 10, devices));
    ledger.fail(a, 0, []);
    for (const flight of [b, c, d]) ledger.settle(flight, []);
    ledger.rewind();
    expect([ledger.sendOffset, ledger.sendUntil]).toEqual([0, 10]);
    ledger.settle(send(ledger, 10, ['x']), []);
    expect(ledger.sendOffset).toBe(20);
    expect(ledger.advance()).toMatchObject({ nextOffset: 20, delivered: 20 });
    expect(ledger.sendUntil).toBe(30);
    ledger.settle(send(ledger, 10, ['x']), []);
    expect(ledger.advance()).toMatchObject({ nextOffset: 40, delivered: 20 });
    expect(ledger.sendOffset).toBe(40);
  });

  test('keeps what is known to be settled of a batch that failed half-way', () => {
    const ledger = new DeliveryLedger(0);
    ledger.fail(send(ledger, 10), 4, [letter]);
    ledger.rewind();
    expect(ledger.sendOffset).toBe(4);
    expect(ledger.advance()).toMatchObject({ nextOffset: 4, delivered: 3, deadLettered: 1 });
  });

  test('sends the settled beginning of a batch again when a batch before it failed with its devices', () => {
    const ledger = new DeliveryLedger(0);
    const [a, b] = [send(ledger, 10, ['x']), send(ledger, 10, ['x'])];
    ledger.fail(a, 5, []);
    ledger.fail(b, 5, []);
    ledger.rewind();
    expect([ledger.sendOffset, ledger.sendUntil]).toEqual([5, Number.POSITIVE_INFINITY]);
  });

  test('forgets nothing over several failures', () => {
    const ledger = new DeliveryLedger(0);
    const [a, b, c] = [send(ledger, 10, ['x']), send(ledger, 10, ['y']), send(ledger, 10, ['z'])];
    ledger.fail(a, 0, []);
    ledger.settle(b, []);
    ledger.settle(c, []);
    ledger.rewind();
    ledger.fail(send(ledger, 5, ['x']), 2, []);
    ledger.rewind();
    expect([ledger.sendOffset, ledger.sendUntil]).toEqual([2, 10]);
    ledger.settle(send(ledger, 8, ['x']), []);
    expect(ledger.advance()).toMatchObject({ nextOffset: 30, delivered: 30 });
  });
});
