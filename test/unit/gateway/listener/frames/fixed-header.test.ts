import { describe, expect, test } from 'vitest';
import {
  cutFrame,
  Frame,
  incomplete,
  packetType,
} from '../../../../../gateway/listener/frames/fixed-header.ts';
import type { FrameRules } from '../../../../../gateway/listener/frames/frame-rules.ts';
import { reason } from '../../../../../gateway/listener/frames/reasons.ts';
import { bytes, frameOf, variableInteger } from '../../../../support/mqtt-bytes.ts';
import { packetMaxima } from '../../../../support/mqtt-frame-packets.ts';

const rules = (version: FrameRules['version'], packetBytesMax = 300_000_000): FrameRules => ({
  ...packetMaxima,
  version,
  packetBytesMax,
});

function cut(buffer: Buffer, version: FrameRules['version'], packetBytesMax?: number) {
  const frame = new Frame();
  const outcome = cutFrame(buffer, 0, buffer.length, frame, rules(version, packetBytesMax));
  return { outcome, frame };
}

describe('cutting frames', () => {
  test('a frame between other bytes is cut by its remaining length', () => {
    const buffer = bytes([0xff, 0xff], frameOf(0x32, Buffer.alloc(200)), [0xff]);
    const frame = new Frame();
    expect(cutFrame(buffer, 2, buffer.length, frame, rules(4))).toBe(reason.ok);
    expect(frame).toEqual({ type: packetType.publish, flags: 2, start: 2, bodyStart: 5, bodyEnd: 205 });
  });

  test('an empty body ends where it begins', () => {
    const { outcome, frame } = cut(Buffer.from([0xc0, 0x00]), 4);
    expect(outcome).toBe(reason.ok);
    expect([frame.bodyStart, frame.bodyEnd]).toEqual([2, 2]);
  });

  test('a prefix of a frame is incomplete, and tells its end once its length is there', () => {
    const whole = frameOf(0x30, Buffer.alloc(16_400));
    for (const length of [0, 1, 2, 3]) {
      const { outcome, frame } = cut(whole.subarray(0, length), 5);
      expect([outcome, frame.bodyEnd]).toEqual([incomplete, -1]);
    }
    for (const length of [4, 5, whole.length - 1]) {
      const { outcome, frame } = cut(whole.subarray(0, length), 5);
      expect([outcome, frame.bodyEnd]).toEqual([incomplete, whole.length]);
    }
    expect(cut(whole, 5).outcome).toBe(reason.ok);
  });

  test('bytes beyond the given end are not looked at', () => {
    const buffer = frameOf(0x30, Buffer.alloc(10));
    expect(cutFrame(buffer, 0, 1, new Frame(), rules(4))).toBe(incomplete);
    expect(cutFrame(buffer, 0, buffer.length - 1, new Frame(), rules(4))).toBe(incomplete);
  });

  test.each([0, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455])(
    'a remaining length of %i is read (MQTT 5.0 1.5.5)',
    (length) => {
      const { outcome, frame } = cut(bytes(0x30, variableInteger(length)), 5);
      expect(outcome).toBe(length === 0 ? reason.ok : incomplete);
      expect(frame.bodyEnd - frame.bodyStart).toBe(length);
    },
  );

  test('a fifth length byte is malformed in every version (MQTT 5.0 1.5.5, 3.1.1: 2.2.3)', () => {
    for (const version of [3, 4, 5] as const) {
      expect(cut(Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80]), version).outcome).toBe(reason.lengthTooLong);
    }
    expect(cut(Buffer.from([0x30, 0xff, 0xff, 0xff]), 5).outcome).toBe(incomplete);
  });

  test('a padded length is malformed in MQTT 5 (MQTT 5.0 1.5.5) and harmless before', () => {
    for (const padded of [
      [0x80, 0x00],
      [0x83, 0x80, 0x00],
      [0xff, 0x80, 0x80, 0x00],
    ]) {
      const buffer = bytes(0x30, padded, Buffer.alloc(128));
      expect(cut(buffer, 5).outcome).toBe(reason.lengthNotMinimal);
      expect(cut(buffer, 4).outcome).toBe(reason.ok);
      expect(cut(buffer, 3).outcome).toBe(reason.ok);
    }
  });

  test('a packet beyond the maximum size is refused before its body is there (MQTT 5.0 3.2.2.3.6)', () => {
    const buffer = bytes(0x30, variableInteger(97));
    expect(cut(buffer, 5, 99).outcome).toBe(incomplete);
    expect(cut(buffer, 5, 98).outcome).toBe(reason.packetTooLarge);
  });

  test('a CONNECT has a smaller maximum of its own', () => {
    const connect = (bodyBytes: number) => bytes(0x10, variableInteger(bodyBytes));
    const outcomeOf = (buffer: Buffer, maxima: Partial<FrameRules>) =>
      cutFrame(buffer, 0, buffer.length, new Frame(), { ...rules(0, 1000), ...maxima });
    expect(outcomeOf(connect(97), { heldBytesMax: 99 })).toBe(incomplete);
    expect(outcomeOf(connect(97), { heldBytesMax: 98 })).toBe(reason.packetTooLarge);
    expect(outcomeOf(connect(97), { heldBytesMax: 2000, packetBytesMax: 98 })).toBe(reason.packetTooLarge);
    expect(outcomeOf(bytes(0x30, variableInteger(97)), { version: 4, heldBytesMax: 98 })).toBe(incomplete);
  });
});

/** Flags a client may set, by packet type: MQTT 5.0 2.1.3, 3.1.1: 2.2.2. */
const flagsByType: Readonly<Record<number, readonly number[]>> = {
  3: [0, 1, 2, 3, 4, 5, 10, 11, 12, 13],
  4: [0],
  5: [0],
  6: [2],
  7: [0],
  8: [2],
  10: [2],
  12: [0],
  14: [0],
};

describe('the first byte', () => {
  test.each([4, 5] as const)(
    'of version %i has the flags of its type and no others (MQTT 5.0 2.1.3, 3.1.1: 2.2.2)',
    (version) => {
      for (const [type, allowed] of Object.entries(flagsByType)) {
        for (let flags = 0; flags < 16; flags++) {
          const { outcome } = cut(Buffer.from([(Number(type) << 4) | flags, 0]), version);
          expect(outcome === reason.ok, `type ${type}, flags ${flags}`).toBe(allowed.includes(flags));
        }
      }
    },
  );

  test.each([3, 4, 5] as const)('of version %i with QoS 3 is malformed (MQTT 5.0 3.3.1.2)', (version) => {
    for (const flags of [6, 7, 14, 15]) {
      expect(cut(Buffer.from([0x30 | flags]), version).outcome).toBe(reason.publishQos3);
    }
  });

  test.each([3, 4, 5] as const)(
    'of version %i with DUP and QoS 0 is malformed (MQTT 5.0 3.3.1.1)',
    (version) => {
      expect(cut(Buffer.from([0x38]), version).outcome).toBe(reason.publishDupQos0);
      expect(cut(Buffer.from([0x39]), version).outcome).toBe(reason.publishDupQos0);
    },
  );

  test('of type 0 is reserved (MQTT 5.0 2.1.2)', () => {
    expect(cut(Buffer.from([0x00]), 5).outcome).toBe(reason.reservedType);
    expect(cut(Buffer.from([0x00]), 0).outcome).toBe(reason.reservedType);
  });

  test('of AUTH is known to MQTT 5 only (3.1.1: 2.2.1)', () => {
    expect(cut(Buffer.from([0xf0, 0]), 3).outcome).toBe(reason.authBeforeMqtt5);
    expect(cut(Buffer.from([0xf0, 0]), 4).outcome).toBe(reason.authBeforeMqtt5);
    expect(cut(Buffer.from([0xf0, 0]), 5).outcome).toBe(reason.ok);
    expect(cut(Buffer.from([0xf1, 0]), 5).outcome).toBe(reason.headerFlags);
  });

  test('of CONNACK, SUBACK, UNSUBACK and PINGRESP is only sent by a server (MQTT 5.0 2.1.2)', () => {
    for (const firstByte of [0x20, 0x90, 0xb0, 0xd0]) {
      expect(cut(Buffer.from([firstByte]), 4).outcome).toBe(reason.serverPacket);
    }
  });

  test('of anything but CONNECT cannot open a connection (MQTT 5.0 3.1)', () => {
    for (let type = 2; type < 16; type++) {
      expect(cut(Buffer.from([type << 4]), 0).outcome).toBe(reason.connectExpected);
    }
    expect(cut(Buffer.from([0x10, 0]), 0).outcome).toBe(reason.ok);
    expect(cut(Buffer.from([0x11]), 0).outcome).toBe(reason.headerFlags);
  });

  test('of CONNECT cannot come twice (MQTT 5.0 3.1)', () => {
    expect(cut(Buffer.from([0x10]), 5).outcome).toBe(reason.secondConnect);
  });

  test('of PUBREL, SUBSCRIBE and UNSUBSCRIBE may have DUP in MQTT 3.1, and loses it (3.1: 2.1)', () => {
    for (const firstByte of [0x62, 0x82, 0xa2]) {
      const buffer = frameOf(firstByte | 0x08, [0, 1]);
      const { outcome, frame } = cut(buffer, 3);
      expect(outcome).toBe(reason.ok);
      expect(buffer[0]).toBe(firstByte);
      expect(frame.flags).toBe(2);
    }
    const publish = frameOf(0x3a, [0, 1]);
    expect(cut(publish, 3).frame.flags).toBe(0x0a);
    expect(publish[0]).toBe(0x3a);
  });
});
