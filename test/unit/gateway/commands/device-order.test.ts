import { describe, expect, test } from 'vitest';
import { DeviceOrder } from '../../../../gateway/commands/device-order.ts';
import { sampleBatch } from '../../../support/batch-samples.ts';

function batchAt(firstOffset: number, devices: string[], lane = 'main') {
  return sampleBatch(
    { firstOffset, lane },
    devices.map((device) => ({ device })),
  );
}

describe('device order', () => {
  test('finds nothing when offsets rise', () => {
    const order = new DeviceOrder();
    expect(order.addBatch(batchAt(0, ['a', 'b', 'a']), { from: 0, to: 3 })).toBe(0);
    expect(order.addBatch(batchAt(3, ['b', 'a']), { from: 3, to: 5 })).toBe(0);
  });

  test('counts the records of devices that had a later one, and no others', () => {
    const order = new DeviceOrder();
    order.addBatch(batchAt(10, ['a', 'b']), { from: 10, to: 12 });
    expect(order.addBatch(batchAt(5, ['a', 'c', 'a', 'b']), { from: 5, to: 9 })).toBe(3);
  });

  test('looks only at the records of the range', () => {
    const order = new DeviceOrder();
    order.addBatch(batchAt(10, ['a']), { from: 10, to: 11 });
    expect(order.addBatch(batchAt(8, ['a', 'a', 'a', 'a']), { from: 11, to: 12 })).toBe(0);
  });

  test('does not compare the lanes of a device with each other', () => {
    const order = new DeviceOrder();
    order.addBatch(batchAt(100, ['a'], 'main'), { from: 100, to: 101 });
    expect(order.addBatch(batchAt(0, ['a'], 'alarm'), { from: 0, to: 1 })).toBe(0);
  });

  test('watches single records the same way', () => {
    const order = new DeviceOrder();
    expect([5, 7, 6, 8].map((offset) => order.add('gw', 'main', 'topic', offset))).toEqual([0, 0, 1, 0]);
  });

  test('says that it is not exact when there are more devices than it may watch', () => {
    const order = new DeviceOrder(2);
    order.addBatch(batchAt(10, ['a', 'b']), { from: 10, to: 12 });
    expect(order.exact).toBe(true);
    order.add('gw-1', 'main', 'c', 12);
    expect(order.exact).toBe(false);
    expect(order.add('gw-1', 'main', 'a', 5)).toBe(1);
  });
});
