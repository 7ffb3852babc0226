import { generate } from 'mqtt-packet';
import { describe, expect, test } from 'vitest';
import { FrameReader } from '../../../../simulator/fleet/frame-reader.ts';

class Listener {
  readonly frames: string[] = [];
  readonly faults: string[] = [];
  stopsAt = Number.POSITIVE_INFINITY;
  readonly reader = new FrameReader(this);

  frame(header: number, bytes: Buffer, start: number): boolean {
    this.frames.push(`${header >> 4} ${bytes.toString('hex', start, start + this.reader.bodyBytes)}`);
    return this.frames.length < this.stopsAt;
  }

  broken(reason: string): void {
    this.faults.push(reason);
  }
}

const puback = (messageId: number) => generate({ cmd: 'puback', messageId });
const publish = (bytes: number) =>
  generate({
    cmd: 'publish',
    topic: 't',
    payload: Buffer.alloc(bytes, 0x40),
    qos: 0,
    dup: false,
    retain: false,
  });
const stream = Buffer.concat([puback(1), publish(300), puback(2), generate({ cmd: 'pingresp' }), puback(3)]);
const frames = ['4 0001', '4 0002', '13 ', '4 0003'];

describe('the frame reader', () => {
  test.each([1, 2, 3, 5, 64, 1000])(
    'finds the same frames in pieces of %i bytes, without the publishes',
    (size) => {
      const listener = new Listener();
      for (let at = 0; at < stream.length; at += size) listener.reader.push(stream.subarray(at, at + size));
      expect(listener.frames).toEqual(frames);
      expect(listener.faults).toEqual([]);
    },
  );

  test('passes over a publish that is larger than any frame it would keep', () => {
    const listener = new Listener();
    const large = Buffer.concat([publish(1_000_000), puback(9)]);
    for (let at = 0; at < large.length; at += 65_536) listener.reader.push(large.subarray(at, at + 65_536));
    expect(listener.frames).toEqual(['4 0009']);
  });

  test('tells nothing more of a chunk once the listener has had enough', () => {
    const listener = new Listener();
    listener.stopsAt = 2;
    listener.reader.push(stream);
    expect(listener.frames).toEqual(frames.slice(0, 2));
  });

  test('begins anew after a reset', () => {
    const listener = new Listener();
    listener.reader.push(puback(1).subarray(0, 3));
    listener.reader.reset();
    listener.reader.push(puback(2));
    expect(listener.frames).toEqual(['4 0002']);
  });

  test.each([
    ['a remaining length of five bytes', [0x40, 0xff, 0xff, 0xff, 0xff, 0x01]],
    ['a packet that no device could keep', [0x20, 0xff, 0xff, 0xff, 0x7f]],
  ])('gives up at %s', (_name, bytes) => {
    const listener = new Listener();
    listener.reader.push(Buffer.from(bytes));
    expect(listener.faults).toHaveLength(1);
    expect(listener.frames).toEqual([]);
  });
});
