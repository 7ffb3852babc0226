import { expect, test } from 'vitest';
import { InboundBytes } from '../../../../gateway/listener/inbound-bytes.ts';
import type { PartialPackets } from '../../../../gateway/listener/partial-packets.ts';

test('a chunk is looked at where it lies when nothing was left over', () => {
  const inbound = new InboundBytes();
  const chunk = Buffer.from('abc');
  expect(inbound.append(chunk)).toBe(chunk);
});

test('what was left over comes in front of the next chunk', () => {
  const inbound = new InboundBytes();
  inbound.keep(Buffer.from('xxab'), 2, 0);
  expect(inbound.append(Buffer.from('cd')).toString()).toBe('abcd');
  expect(inbound.take()).toHaveLength(0);
});

test('nothing is shown while a frame of known length is incomplete', () => {
  const inbound = new InboundBytes();
  inbound.keep(Buffer.from('ab'), 0, 6);
  expect(inbound.append(Buffer.from('cd'))).toHaveLength(0);
  expect(inbound.append(Buffer.from('efg')).toString()).toBe('abcdefg');
});

test('keeping is a copy: the chunk may be reused', () => {
  const inbound = new InboundBytes();
  const chunk = Buffer.from('abc');
  inbound.keep(chunk, 1, 0);
  chunk.fill(0);
  expect(inbound.take().toString()).toBe('bc');
});

test('a large frame in many chunks is gathered whole', () => {
  const inbound = new InboundBytes();
  const frame = Buffer.alloc(1_000_000, 'abcdefg');
  inbound.keep(frame.subarray(0, 1), 0, frame.length);
  let shown: Buffer = Buffer.alloc(0);
  for (let at = 1; at < frame.length; at += 1000) shown = inbound.append(frame.subarray(at, at + 1000));
  expect(shown.equals(frame)).toBe(true);
});

test('frames that are handled a few at a time are not copied each time', () => {
  const inbound = new InboundBytes();
  const chunk = Buffer.from('abcdefghijkl');
  inbound.keep(chunk, 0, 0);
  const first = inbound.take();
  inbound.keep(first, 3, 0);
  const second = inbound.take();
  expect(second.toString()).toBe('defghijkl');
  expect(second.buffer).toBe(first.buffer);
  inbound.keep(second, 1, 0);
  expect(inbound.append(Buffer.from('mn')).toString()).toBe('efghijklmn');
  expect(chunk.toString()).toBe('abcdefghijkl');
});

test('a little that is left of much does not hold all of it', () => {
  const inbound = new InboundBytes();
  inbound.keep(Buffer.alloc(100_000, 'x'), 0, 0);
  const all = inbound.take();
  inbound.keep(all, 99_000, 0);
  const rest = inbound.take();
  expect(rest.toString()).toBe('x'.repeat(1000));
  expect(rest.buffer).not.toBe(all.buffer);
});

test('a frame of which a part has come is counted until it is whole, or given up', () => {
  const counted: [string, number][] = [];
  const partials = {
    keeps: (_owner: object, bytes: number) => void counted.push(['keeps', bytes]),
    ends: () => void counted.push(['ends', 0]),
  } as unknown as PartialPackets;
  const inbound = new InboundBytes();
  inbound.countIn(partials, { giveUp() {} });
  inbound.keep(Buffer.from('whole frames wait'), 0, 0);
  inbound.take();
  expect(counted).toEqual([]);
  inbound.keep(Buffer.alloc(3000), 0, 6000);
  inbound.append(Buffer.alloc(2000));
  expect(counted.splice(0)).toEqual([
    ['keeps', 4096],
    ['keeps', 8192],
  ]);
  inbound.append(Buffer.alloc(1000));
  expect(counted.splice(0)).toEqual([['ends', 0]]);
  inbound.keep(Buffer.alloc(3000), 0, 6000);
  inbound.clear();
  expect(counted.map(([what]) => what)).toEqual(['keeps', 'ends']);
});
