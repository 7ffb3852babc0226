import { describe, expect, test } from 'vitest';
import { FrameCutter } from '../../../../../gateway/listener/outbound/frame-cutter.ts';
import { encode, pingresp, publishFrame, pubrel } from './flow-harness.ts';

const frames = [
  publishFrame(5, { qos: 1, messageId: 0x8081, payload: 'y'.repeat(130) }),
  pingresp,
  pubrel(3),
  publishFrame(5, { payload: '' }),
  encode({ cmd: 'suback', messageId: 1, granted: [0, 1] }, 5),
];
const stream = Buffer.concat(frames);

/** Cuts the chunks; every packet whose position in the stream is in `taken` does not pass. */
function cut(chunks: Buffer[], taken: ReadonlySet<number> = new Set()): string[] {
  const events: string[] = [];
  let seen = 0;
  const cutter = new FrameCutter({
    passes(bytes, start, body, end) {
      const expected = frames[seen]!;
      expect(bytes.subarray(start, end)).toEqual(expected);
      expect(body - start).toBe(expected.length > 129 ? 3 : 2);
      return !taken.has(seen++);
    },
    take: (frame) => events.push(`take ${frame.toString('hex')}`),
    send: (bytes) => events.push(`send ${bytes.toString('hex')}`),
  });
  for (const chunk of chunks) cutter.cut(chunk);
  expect(seen).toBe(frames.length);
  return events;
}

function sentBytes(events: string[]): string {
  return events.map((event) => event.slice('send '.length)).join('');
}

describe('FrameCutter', () => {
  test('hands on an unbroken run of packets as the very chunk it came in', () => {
    const sent: Buffer[] = [];
    const cutter = new FrameCutter({ passes: () => true, take: () => {}, send: (bytes) => sent.push(bytes) });
    cutter.cut(stream);
    expect(sent).toHaveLength(1);
    expect(sent[0]).toBe(stream);
  });

  test('finds the same packets whichever two places the stream is split at', () => {
    for (let first = 0; first <= stream.length; first++) {
      for (let second = first; second <= stream.length; second++) {
        const chunks = [stream.subarray(0, first), stream.subarray(first, second), stream.subarray(second)];
        expect(sentBytes(cut(chunks))).toBe(stream.toString('hex'));
      }
    }
  });

  test('finds the same packets when every byte comes alone', () => {
    const chunks = Array.from(stream, (byte) => Buffer.of(byte));
    expect(sentBytes(cut(chunks))).toBe(stream.toString('hex'));
  });

  test('sends only whole packets, wherever the stream is split', () => {
    const ends = new Set<number>();
    frames.reduce((end, frame) => ends.add(end + frame.length) && end + frame.length, 0);
    for (let at = 0; at <= stream.length; at++) {
      let length = 0;
      for (const event of cut([stream.subarray(0, at), stream.subarray(at)])) {
        length += (event.length - 'send '.length) / 2;
        expect(ends).toContain(length);
      }
    }
  });

  test('keeps the order between what passes and what is taken', () => {
    const hex = frames.map((frame) => frame.toString('hex'));
    expect(cut([stream], new Set([1, 3]))).toEqual([
      `send ${hex[0]}`,
      `take ${hex[1]}`,
      `send ${hex[2]}`,
      `take ${hex[3]}`,
      `send ${hex[4]}`,
    ]);
  });

  test('refuses a remaining length of five bytes (MQTT 5.0 1.5.5), even when it comes in pieces', () => {
    const malformed = Buffer.of(0x30, 0xff, 0xff, 0xff, 0xff, 0x01);
    const ignore = { passes: () => true, take: () => {}, send: () => {} };
    expect(() => new FrameCutter(ignore).cut(malformed)).toThrow('malformed length');
    const cutter = new FrameCutter(ignore);
    cutter.cut(malformed.subarray(0, 3));
    expect(() => cutter.cut(malformed.subarray(3))).toThrow('malformed length');
  });
});
