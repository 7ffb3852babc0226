import { describe, expect, test } from 'vitest';
import { addressKey } from '../../../../../gateway/admission/identity/address-key.ts';
import {
  FailureThrottle,
  isFailedSignIn,
} from '../../../../../gateway/admission/identity/failure-throttle.ts';

const settings = { free: 3, delayMs: 500, delayMaxMs: 4000, forgetMs: 600_000 };
const address = '192.0.2.7';

function failing(count: number, others: Partial<typeof settings> = {}): FailureThrottle {
  const throttle = new FailureThrottle({ ...settings, ...others });
  for (let i = 0; i < count; i++) throttle.failed(address, 0);
  return throttle;
}

describe('after failures', () => {
  test.each([
    [0, { kind: 'ok' }],
    [2, { kind: 'ok' }],
    [3, { kind: 'delay', ms: 500 }],
    [4, { kind: 'delay', ms: 1000 }],
    [5, { kind: 'delay', ms: 2000 }],
    [6, { kind: 'delay', ms: 4000 }],
    [7, { kind: 'refuse' }],
    [1000, { kind: 'refuse' }],
  ])('%i of them, of which 3 are free', (count, decision) => {
    expect(failing(count).check(address, 1)).toEqual(decision);
  });

  test.each([
    [
      'the longest wait is met once, though no doubling meets it',
      { delayMaxMs: 700 },
      [3, 4, 5],
      [500, 700, undefined],
    ],
    ['a first wait above the longest is the longest', { delayMs: 9000 }, [3, 4], [4000, undefined]],
    ['without a wait nobody waits and nobody is refused', { delayMs: 0 }, [3, 1000], [0, 0]],
    ['none is free', { free: 0 }, [0, 1], [0, 1000]],
  ])('%s', (_, others, counts, waits) => {
    const met = counts.map((count) => {
      const decision = failing(count, others).check(address, 1);
      if (decision.kind === 'refuse') return undefined;
      return decision.kind === 'ok' ? 0 : decision.ms;
    });
    expect(met).toEqual(waits);
  });

  test('an address is forgiven when it was good for long enough', () => {
    const throttle = failing(100);
    expect(throttle.check(address, settings.forgetMs - 1).kind).not.toBe('ok');
    expect(throttle.check(address, settings.forgetMs)).toEqual({ kind: 'ok' });
    throttle.failed(address, settings.forgetMs);
    expect(throttle.check(address, settings.forgetMs)).toEqual({ kind: 'ok' });
  });

  test('others are not slowed down', () => {
    expect(failing(100).check('192.0.2.8', 1)).toEqual({ kind: 'ok' });
  });

  test('a refused address is heard once in each longest wait: a mended password gets in', () => {
    const throttle = failing(7);
    const heardMs: number[] = [];
    for (let nowMs = 0; nowMs < 20_000; nowMs += 100) {
      const decision = throttle.check(address, nowMs);
      if (decision.kind === 'delay') heardMs.push(nowMs);
    }
    expect(heardMs).toEqual([4000, 8000, 12_000, 16_000]);
    expect(throttle.counters).toEqual({ delayed: 4, refused: 196 });
  });

  test('what was refused unheard does not keep the address from being forgiven', () => {
    const throttle = failing(7);
    for (let nowMs = 0; nowMs < settings.forgetMs; nowMs += 10_000) throttle.check(address, nowMs);
    expect(throttle.check(address, settings.forgetMs)).toEqual({ kind: 'ok' });
  });

  test('an address from which others sign in well waits, but is not refused', () => {
    const throttle = failing(100);
    throttle.succeeded(address, 10);
    for (let i = 0; i < 5; i++) expect(throttle.check(address, 20 + i)).toEqual({ kind: 'delay', ms: 4000 });
  });

  test('and so is one from which they signed in before it began, for a day', () => {
    const throttle = new FailureThrottle(settings);
    throttle.succeeded(address, 0);
    const hourMs = 3_600_000;
    const fail = (nowMs: number) => {
      for (let i = 0; i < 50; i++) throttle.failed(address, nowMs);
      return throttle.check(address, nowMs).kind;
    };
    expect(fail(23 * hourMs)).toBe('delay');
    expect(fail(24 * hourMs)).toBe('refuse');
  });

  test('a good sign-in does not make the failures undone', () => {
    const throttle = failing(5);
    throttle.succeeded(address, 1);
    expect(throttle.check(address, 2)).toEqual({ kind: 'delay', ms: 2000 });
  });

  test('other settings hold at once', () => {
    const throttle = failing(5);
    throttle.reconfigure({ ...settings, free: 10 });
    expect(throttle.check(address, 1)).toEqual({ kind: 'ok' });
  });

  test('a flood of failing addresses is remembered within bounds', () => {
    const throttle = failing(7);
    for (let i = 0; i < 19_999; i++) throttle.failed(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 0);
    expect(throttle.check(address, 1).kind).toBe('refuse'); // and is now the one used last
    for (let i = 0; i < 19_998; i++) throttle.failed(`11.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 0);
    expect(throttle.check(address, 1).kind).toBe('refuse');
    for (let i = 0; i < 40_000; i++) throttle.failed(`12.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 0);
    expect(throttle.check(address, 1).kind).toBe('ok');
  });
});

test.each([
  ['bad-credentials', true],
  ['unknown-user', true],
  ['hook-refused', true],
  ['user-not-of-certificate', true],
  ['busy', false],
  ['hook-silent', false],
  ['anonymous', false],
  ['user-connections', false],
] as const)('%s is a failed sign-in: %s', (reason, is) => {
  expect(isFailedSignIn(reason)).toBe(is);
});

describe('addresses', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2:ffff::', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8::1:2:3:4:5', '2001:db8:0:1::/64'],
    ['2001::1:2:3:4:192.0.2.1', '2001:0:1:2::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
  ])('%s is counted as %s', (given, key) => {
    expect(addressKey(given)).toBe(key);
  });

  test('of one IPv6 network are one', () => {
    const throttle = new FailureThrottle(settings);
    for (let i = 0; i < 7; i++) throttle.failed(`2001:db8::${i}`, 0);
    expect(throttle.check('2001:db8::abcd:1', 1)).toEqual({ kind: 'refuse' });
    expect(throttle.check('2001:db8:0:1::1', 1)).toEqual({ kind: 'ok' });
  });
});
