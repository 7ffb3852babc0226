import { expect, test } from 'vitest';
import { InboundBytes } from '../../../../gateway/listener/inbound-bytes.ts';

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
