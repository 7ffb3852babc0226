import { describe, expect, test } from 'vitest';
import {
  acknowledgement,
  overheadBytesMax,
  writeAcknowledgement,
  writeConnackRefusal,
  writeDisconnect,
  writePingreq,
  writePingresp,
  writeReasonedAcknowledgement,
} from '../../../../../gateway/listener/frames/encode.ts';
import { encodePacket, type PacketFields } from '../../../../support/mqtt-frame-packets.ts';
import { parseByReference } from '../../../../support/mqtt-reference.ts';

const offset = 3;

/** What `write` puts at an offset, which must be all that it touches. */
function written(write: (target: Buffer, at: number) => number, room = 64): Buffer {
  const target = Buffer.alloc(offset + room, 0xaa);
  const end = write(target, offset);
  expect(target.subarray(0, offset).every((byte) => byte === 0xaa)).toBe(true);
  expect(target.subarray(end).every((byte) => byte === 0xaa)).toBe(true);
  return target.subarray(offset, end);
}

describe('acknowledgements', () => {
  test.each(['puback', 'pubrec', 'pubrel', 'pubcomp'] as const)(
    'of success are what mqtt-packet writes in every version: %s (MQTT 5.0 3.4.2.1)',
    (cmd) => {
      for (const messageId of [1, 255, 256, 0xffff]) {
        const own = written((target, at) =>
          writeAcknowledgement(target, at, acknowledgement[cmd], messageId),
        );
        for (const version of [3, 4, 5] as const) {
          expect(own).toEqual(encodePacket({ cmd, messageId, reasonCode: 0 }, version));
        }
      }
    },
  );

  test.each([
    ['pubrec', 0x97, undefined],
    ['puback', 0x87, 'not allowed'],
    ['pubcomp', 0x92, 'größe'],
    ['pubrel', 0x92, 'x'.repeat(130)],
    ['puback', 0x99, ''],
  ] as const)(
    'with a reason are read by mqtt-packet: %s %i %j (MQTT 5.0 3.4.2)',
    (cmd, reasonCode, reasonText) => {
      const packet = { firstByte: acknowledgement[cmd], packetId: 0x0102, reasonCode, reasonText };
      const room = overheadBytesMax + Buffer.byteLength(reasonText ?? '');
      const own = written((target, at) => writeReasonedAcknowledgement(target, at, packet), room);
      const expected: PacketFields = {
        cmd,
        messageId: 0x0102,
        reasonCode,
        length: own.length - (own.length > 129 ? 3 : 2),
      };
      if (reasonText) expected.properties = { reasonString: reasonText };
      expect(parseByReference(own, 5)).toMatchObject({ kind: 'packet', packet: expected });
    },
  );
});

describe('other packets', () => {
  test.each([undefined, 'a second CONNECT', 'x'.repeat(200)])(
    'DISCONNECT is read by mqtt-packet: %j (MQTT 5.0 3.14)',
    (reasonText) => {
      const room = overheadBytesMax + (reasonText?.length ?? 0);
      const own = written((target, at) => writeDisconnect(target, at, 0x82, reasonText), room);
      const expected: PacketFields = { cmd: 'disconnect', reasonCode: 0x82 };
      if (reasonText) expected.properties = { reasonString: reasonText };
      expect(parseByReference(own, 5)).toMatchObject({ kind: 'packet', packet: expected });
    },
  );

  test('CONNACK refuses in the form of the version (MQTT 5.0 3.2, 3.1.1: 3.2)', () => {
    const refusal = { cmd: 'connack', sessionPresent: false };
    for (const version of [3, 4] as const) {
      const own = written((target, at) => writeConnackRefusal(target, at, { version: version, code: 2 }));
      expect(own).toEqual(encodePacket({ ...refusal, returnCode: 2 }, version));
    }
    const own = written((target, at) => writeConnackRefusal(target, at, { version: 5, code: 0x85 }));
    expect(own).toEqual(encodePacket({ ...refusal, reasonCode: 0x85 }, 5));
  });

  test('PINGREQ and PINGRESP are two bytes (MQTT 5.0 3.12, 3.13)', () => {
    expect(written(writePingreq)).toEqual(encodePacket({ cmd: 'pingreq' }, 4));
    expect(written(writePingresp)).toEqual(encodePacket({ cmd: 'pingresp' }, 4));
  });
});
