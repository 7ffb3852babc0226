import { expect, test } from 'vitest';
import { plainAddress } from '../../../../gateway/listener/peer.ts';

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:10.0.0.255', '10.0.0.255'],
  ['2001:db8::1', '2001:db8::1'],
  ['::1', '::1'],
  ['::ffff:c000:201', '::ffff:c000:201'],
  ['64:ff9b::192.0.2.1', '64:ff9b::192.0.2.1'],
  [undefined, '?'],
])('the address %s is told as %s', (address, told) => {
  expect(plainAddress(address)).toBe(told);
});
