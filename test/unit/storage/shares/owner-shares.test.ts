import { describe, expect, test } from 'vitest';
import { OwnerKeys } from '../../../../storage/shares/owner-keys.ts';
import { decodeShares, encodeShares, sharesOf } from '../../../../storage/shares/owner-shares.ts';
import { recordBatch } from '../../../support/record-batches.ts';

const BIG = 2 ** 48 - 1;

describe('sharesOf', () => {
  const batch = recordBatch([
    { device: 'a', topic: 't/é', payload: '12345' },
    { device: 'b', topic: 't/é', payload: '', properties: Buffer.from([1, 1]) },
    { device: 'a', topic: 'x', payload: '1' },
    { device: 'c', topic: 'x', payload: '1' },
  ]);

  test('is topic, properties and payload of each device, and of each group together', () => {
    const owners = Float64Array.of(11, 5, 12, 5, 13, 6);
    expect([...sharesOf(batch, owners)]).toEqual([11, 11, 12, 6, 13, 2, 5, 17, 6, 2]);
  });

  test('leaves out who is nobody', () => {
    expect([...sharesOf(batch, Float64Array.of(0, 5, 12, 0, 0, 0))]).toEqual([12, 6, 5, 11]);
    expect([...sharesOf(batch, null)]).toEqual([]);
  });
});

test('shares on disk are ten bytes an owner, and at most 4 GiB', () => {
  const bytes = encodeShares(Float64Array.of(BIG, 2, 1, 2 ** 33));
  expect(bytes.toString('hex')).toBe('ffffffffffff00000002000000000001ffffffff');
  expect([...decodeShares(bytes)]).toEqual([BIG, 2, 1, 2 ** 32 - 1]);
  expect([...decodeShares(bytes.subarray(0, 19))]).toEqual([BIG, 2]);
});

describe('OwnerKeys', () => {
  test('are numbers of 48 bits, the same for a name in every run with the same secret', () => {
    const key = new OwnerKeys('secret').deviceKey('dev-1');
    expect(key).toBe(new OwnerKeys('secret').deviceKey('dev-1'));
    expect(Number.isInteger(key) && key > 0 && key <= BIG).toBe(true);
  });

  test('differ by secret, by name, and between a device and a group', () => {
    const [one, other] = [new OwnerKeys('one'), new OwnerKeys('other')];
    const keys = [one.deviceKey('a'), one.groupKey('a'), one.deviceKey('b'), other.deviceKey('a')];
    expect(new Set(keys).size).toBe(4);
  });
});
