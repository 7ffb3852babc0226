import { describe, expect, test } from 'vitest';
import { AckAccount } from '../../../../simulator/fleet/ack-account.ts';
import type { IntervalSet } from '../../../../simulator/receive/interval-set.ts';

function numbersOf(set: IntervalSet): number[] {
  const bounds = set.toBounds();
  const numbers: number[] = [];
  for (let i = 0; i < bounds.length; i += 2) {
    for (let number = bounds[i]; number < bounds[i + 1]; number++) numbers.push(number);
  }
  return numbers;
}

describe('the account of acknowledgements', () => {
  test('numbers what a device sends from 0, each device for itself', () => {
    const account = new AckAccount(2);
    expect([account.sent(0, 1), account.sent(0, 2), account.sent(1, 1), account.sent(0, 1)]).toEqual([
      0, 1, 0, 2,
    ]);
    expect([account.sentBy(0), account.sentBy(1)]).toEqual([3, 1]);
  });

  test('knows what is acknowledged, refused, and not answered, by device and sequence', () => {
    const account = new AckAccount(2);
    for (let i = 0; i < 10; i++) account.sent(1, i === 4 ? 0 : 1);
    for (const sequence of [0, 1, 3, 7, 9]) account.acked(1, sequence);
    account.refused(1, 2);
    expect(numbersOf(account.ackedOf(1))).toEqual([0, 1, 3, 7, 9]);
    expect(numbersOf(account.refusedOf(1))).toEqual([2]);
    expect(numbersOf(account.sentWithQos0Of(1))).toEqual([4]);
    expect(numbersOf(account.unackedOf(1))).toEqual([5, 6, 8]);
    expect(numbersOf(account.unackedOf(0))).toEqual([]);
    expect(account.totals).toEqual({ sent: 10, sentQos0: 1, acked: 5, refused: 1, unacked: 3 });
  });

  test('counts an answer that comes twice once', () => {
    const account = new AckAccount(1);
    account.sent(0, 1);
    account.sent(0, 1);
    expect([account.acked(0, 0), account.acked(0, 0)]).toEqual([true, false]);
    expect([account.refused(0, 1), account.refused(0, 1)]).toEqual([true, false]);
    expect(account.totals).toMatchObject({ acked: 1, refused: 1, unacked: 0 });
  });

  test('holds a million acknowledgements of a thousand devices, some out of order, in a thousand intervals', () => {
    const account = new AckAccount(1000);
    for (let sequence = 0; sequence < 1000; sequence += 2) {
      for (let device = 0; device < 1000; device++) {
        account.sent(device, 1);
        account.sent(device, 1);
        account.acked(device, sequence + 1);
        account.acked(device, sequence);
      }
    }
    expect(account.totals).toEqual({ sent: 1e6, sentQos0: 0, acked: 1e6, refused: 0, unacked: 0 });
    expect(account.intervals).toBe(1000);
  });
});
