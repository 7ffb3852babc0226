import { describe, expect, test } from 'vitest';
import { ArrivalAccount } from '../../../../simulator/receive/arrival-account.ts';
import { IntervalSet } from '../../../../simulator/receive/interval-set.ts';
import {
  type DeviceOutcome,
  type LossFinding,
  listing,
  verify,
} from '../../../../simulator/receive/verify.ts';

function setOf(...numbers: number[]): IntervalSet {
  const set = new IntervalSet();
  for (const number of numbers) set.add(number);
  return set;
}

function outcome(parts: Partial<DeviceOutcome>): DeviceOutcome {
  return { acked: setOf(), refused: setOf(), sentCount: 0, qos0: false, ...parts };
}

/** `delivered` by device; device i is of group i % 2. */
function accountOf(...delivered: number[][]): ArrivalAccount {
  const account = new ArrivalAccount({
    run: 'r',
    groupOfDevice: Uint16Array.from(delivered, (_, i) => i % 2),
  });
  for (const [device, sequences] of delivered.entries()) {
    for (const sequence of sequences) {
      const mark = { run: 'r', device, sequence, timeMs: 0 };
      account.enter({ mark, lane: account.nameless, offset: 0, receivedAtMs: 0 });
    }
  }
  return account;
}

function linesOf(finding: LossFinding): string[] {
  return listing(finding.devices, { nameOf: (device) => `device-${device}` });
}

describe('verification', () => {
  test('finds nothing where everything acknowledged has arrived', () => {
    const losses = verify([outcome({ acked: setOf(0, 1, 2), sentCount: 3 })], accountOf([0, 1, 2]));
    for (const finding of Object.values(losses))
      expect(finding).toEqual({ count: 0, byGroup: [0], devices: [] });
  });

  test('names exactly what was acknowledged and has not arrived, by device', () => {
    const outcomes = [
      outcome({ acked: setOf(0, 1, 2, 3, 4, 5, 6, 7), sentCount: 9 }),
      outcome({ acked: setOf(0, 1), sentCount: 2 }),
      outcome({ acked: setOf(0, 1), sentCount: 2 }),
    ];
    const { lost } = verify(outcomes, accountOf([0, 1, 5, 7], [0, 1], [0]));
    expect(lost.count).toBe(5);
    expect(lost.byGroup).toEqual([5, 0]);
    expect(linesOf(lost)).toEqual(['device-0 2-4, 6', 'device-2 1']);
  });

  test('counts what arrived without an acknowledgement as no loss', () => {
    const outcomes = [outcome({ acked: setOf(0, 2), refused: setOf(3), sentCount: 6 })];
    const losses = verify(outcomes, accountOf([0, 1, 2, 3, 4]));
    expect(losses.lost.count).toBe(0);
    expect(linesOf(losses.deliveredUnacked)).toEqual(['device-0 1, 4']);
    expect(linesOf(losses.refusedDelivered)).toEqual(['device-0 3']);
  });

  test('finds what a QoS 0 device sent in vain, and expects no acknowledgement of it', () => {
    const losses = verify([outcome({ sentCount: 5, qos0: true })], accountOf([0, 1, 3]));
    expect(linesOf(losses.lostQos0)).toEqual(['device-0 2, 4']);
    expect([losses.lost.count, losses.deliveredUnacked.count]).toEqual([0, 0]);
  });

  test('does not miss what a QoS 1 device sent and nobody acknowledged', () => {
    const losses = verify([outcome({ acked: setOf(0), sentCount: 5 })], accountOf([0]));
    expect([losses.lost.count, losses.lostQos0.count]).toEqual([0, 0]);
  });
});

describe('a listing', () => {
  const bounds = (...numbers: number[]): Float64Array<ArrayBuffer> => setOf(...numbers).toBounds();

  test('is cut by devices and by ranges, and says what it leaves out', () => {
    const devices = [
      { device: 7, bounds: bounds(1, 2, 3, 5, 9, 11) },
      { device: 8, bounds: bounds(0) },
      { device: 9, bounds: bounds(0) },
    ];
    const nameOf = (device: number): string => `device-${device}`;
    expect(listing(devices, { nameOf, devicesMax: 2, rangesMax: 3 })).toEqual([
      'device-7 1-3, 5, 9, and 1 more',
      'device-8 0',
      'and 1 more device',
    ]);
    expect(listing(devices, { nameOf })).toEqual(['device-7 1-3, 5, 9, 11', 'device-8 0', 'device-9 0']);
    expect(listing([], { nameOf })).toEqual([]);
  });
});
