import { describe, expect, test } from 'vitest';
import { frameBytes, type PublishFrame } from '../../../../../bridge/sinks/mqtt/frame-writer.ts';
import { topicBytes } from '../../../../../bridge/sinks/mqtt/topic.ts';
import { encodeProperties } from '../../../../../storage/record-batch/mqtt-properties.ts';
import { FrameTray } from './frames.ts';

function frame(changes: Partial<PublishFrame> = {}): PublishFrame {
  return {
    protocolVersion: 5,
    qos: 1,
    retain: false,
    packetId: 1,
    topic: topicBytes('a/b', {})!,
    properties: new Uint8Array(),
    payload: Buffer.from('hello'),
    ...changes,
  };
}

describe('frame writer', () => {
  test.each([4, 5] as const)(
    'writes PUBLISH packets of MQTT version %i with every flag',
    (protocolVersion) => {
      const tray = new FrameTray();
      const properties = encodeProperties({ contentType: 'x', userProperties: { a: 'b' } });
      tray.out.publish(frame({ protocolVersion, qos: 2, retain: true, packetId: 0xfffe, properties }));
      tray.out.publish(frame({ protocolVersion }));
      const [first, second] = tray.take(protocolVersion);
      expect(first).toMatchObject({
        cmd: 'publish',
        topic: 'a/b',
        qos: 2,
        retain: true,
        dup: false,
        messageId: 0xfffe,
      });
      expect(String(first.payload)).toBe('hello');
      if (protocolVersion === 5)
        expect(first.properties).toEqual({ contentType: 'x', userProperties: { a: 'b' } });
      else expect(first.properties).toBeUndefined();
      expect(second).toMatchObject({ qos: 1, retain: false, messageId: 1 });
    },
  );

  test.each([0, 1, 100, 127, 128, 8191, 8192, 8193, 16_383, 70_000, 2_100_000])(
    'carries a payload of %i bytes',
    (size) => {
      const tray = new FrameTray();
      const payload = Buffer.alloc(size, 0xab);
      const written = frame({ payload });
      for (let i = 0; i < 3; i++) tray.out.publish(written);
      tray.out.flush();
      expect(tray.chunks.reduce((sum, chunk) => sum + chunk.length, 0)).toBe(3 * frameBytes(written));
      const packets = tray.take(5);
      expect(packets.length).toBe(3);
      for (const packet of packets) expect(payload.equals(packet.payload as Buffer)).toBe(true);
    },
  );

  test('never touches again what it has given away', () => {
    const tray = new FrameTray();
    for (let i = 0; i < 5000; i++) {
      tray.out.publish(frame({ packetId: 1 + (i % 60_000), payload: Buffer.from(String(i)) }));
      if (i % 7 === 0) tray.out.flush();
    }
    expect(tray.take(5).map(({ payload }) => Number(payload))).toEqual(
      Array.from({ length: 5000 }, (_, i) => i),
    );
  });

  test('small frames share chunks, a large payload is not copied', () => {
    const tray = new FrameTray();
    for (let i = 0; i < 100; i++) tray.out.publish(frame());
    tray.out.flush();
    expect(tray.chunks.length).toBe(1);
    const payload = Buffer.alloc(100_000);
    tray.out.publish(frame({ payload }));
    expect(tray.chunks.at(-1)).toBe(payload);
  });

  test('knows what MQTT cannot carry', () => {
    const payload = { length: 268_435_455 - 8 } as Uint8Array;
    expect(frameBytes(frame({ payload }))).toBe(268_435_455 + 5);
    expect(frameBytes(frame({ payload: { length: payload.length + 1 } as Uint8Array }))).toBe(
      Number.POSITIVE_INFINITY,
    );
  });
});
