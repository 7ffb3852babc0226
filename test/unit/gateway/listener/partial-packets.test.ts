import { expect, test } from 'vitest';
import { PartialPackets, type Unfinished } from '../../../../gateway/listener/partial-packets.ts';

const KIB = 1024;

function owners(names: string): { given: string[]; of: Record<string, Unfinished> } {
  const given: string[] = [];
  const of = Object.fromEntries([...names].map((name) => [name, { giveUp: () => void given.push(name) }]));
  return { given, of };
}

test('the packet that was begun longest ago is given up when there is no room for all', () => {
  const partials = new PartialPackets(100 * KIB);
  const { given, of } = owners('abc');
  partials.keeps(of.a, 40 * KIB);
  partials.keeps(of.b, 40 * KIB);
  partials.keeps(of.a, 50 * KIB); // it goes on, and is still the oldest
  expect(partials.bytes).toBe(90 * KIB);
  partials.keeps(of.c, 20 * KIB);
  expect(given).toEqual(['a']);
  expect([partials.bytes, partials.givenUp]).toEqual([60 * KIB, 1]);
});

test('as many are given up as it takes, the one that has just come too', () => {
  const partials = new PartialPackets(100 * KIB);
  const { given, of } = owners('abcd');
  for (const owner of [of.a, of.b, of.c]) partials.keeps(owner, 30 * KIB);
  partials.keeps(of.d, 75 * KIB);
  expect(given).toEqual(['a', 'b', 'c']);
  partials.keeps(of.d, 101 * KIB);
  expect(given).toEqual(['a', 'b', 'c', 'd']);
  expect(partials.bytes).toBe(0);
});

test('one that is whole counts no more, and begins anew with its next packet', () => {
  const partials = new PartialPackets(100 * KIB);
  const { given, of } = owners('ab');
  partials.keeps(of.a, 60 * KIB);
  partials.ends(of.a);
  partials.ends(of.a);
  expect(partials.bytes).toBe(0);
  partials.keeps(of.b, 60 * KIB);
  partials.keeps(of.a, 60 * KIB);
  expect(given).toEqual(['b']);
});

test('small parts are not counted', () => {
  const partials = new PartialPackets(10 * KIB);
  const { given, of } = owners('abcd');
  for (const owner of Object.values(of)) partials.keeps(owner, 8 * KIB);
  expect([partials.bytes, given]).toEqual([0, []]);
});
