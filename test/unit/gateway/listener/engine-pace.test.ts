import { expect, test } from 'vitest';
import { EnginePace } from '../../../../gateway/listener/engine-pace.ts';
import { frameOf, prefixed, uint16 } from '../../../support/mqtt-bytes.ts';

const ping = Buffer.of(0xc0, 0);
const puback = frameOf(0x40, uint16(1));
const subscribe = (filters: number) =>
  frameOf(
    0x82,
    uint16(1),
    ...Array.from({ length: filters }, () => Buffer.concat([prefixed('a/b'), Buffer.of(0)])),
  );

/** How many it takes until it is enough for a turn. */
function inOneTurn(frame: Buffer): number {
  const pace = new EnginePace();
  let count = 1;
  while (!pace.spend(frame)) count++;
  return count;
}

test('a turn has room for some pings, more acknowledgements, and few subscriptions', () => {
  expect(inOneTurn(ping)).toBeGreaterThan(1);
  expect(inOneTurn(puback)).toBeGreaterThan(inOneTurn(ping));
  expect(inOneTurn(subscribe(1))).toBeLessThan(inOneTurn(ping));
  expect(inOneTurn(subscribe(100))).toBe(1);
});

test('what costs more than a turn is paid back in several', () => {
  const pace = new EnginePace();
  pace.spend(subscribe(1000));
  let turns = 1;
  while (!pace.payBack()) turns++;
  expect(turns).toBeGreaterThan(10);
  expect(pace.spend(ping)).toBe(false);
});
