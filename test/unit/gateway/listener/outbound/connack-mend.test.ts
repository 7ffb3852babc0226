import type { IConnackPacket } from 'mqtt-packet';
import { describe, expect, test } from 'vitest';
import { mendConnack } from '../../../../../gateway/listener/outbound/connack-mend.ts';
import { connackFrame, parse } from './flow-harness.ts';

function mended(
  version: 3 | 4 | 5,
  fields: Partial<IConnackPacket>,
  mend: Parameters<typeof mendConnack>[2],
) {
  return parse(mendConnack(connackFrame(version, fields), version, mend), version)[0] as IConnackPacket;
}

describe('mendConnack', () => {
  test('sets Session Present for a kept session (MQTT 5.0 MQTT-3.2.2-3, MQTT 3.1.1 MQTT-3.2.2-2)', () => {
    for (const version of [4, 5] as const) {
      expect(mended(version, {}, { sessionPresent: true }).sessionPresent).toBe(true);
      expect(mended(version, { sessionPresent: true }, { sessionPresent: false }).sessionPresent).toBe(false);
      expect(mended(version, { sessionPresent: true }, {}).sessionPresent).toBe(true);
    }
  });

  test('leaves a refusal as it is, with Session Present 0 (MQTT 5.0 MQTT-3.2.2-6, MQTT 3.1.1 MQTT-3.2.2-4)', () => {
    const mend = { sessionPresent: true, serverKeepAliveS: 9 };
    for (const version of [3, 4, 5] as const) {
      const refusal = connackFrame(version, { returnCode: 5, reasonCode: 0x87 });
      expect(mendConnack(refusal, version, mend)).toEqual(refusal);
    }
  });

  test('keeps the byte that MQTT 3.1 reserves at 0', () => {
    expect(mended(3, { sessionPresent: true }, { sessionPresent: true }).sessionPresent).toBe(false);
  });

  test('adds every property that the gateway has to tell (MQTT 5.0 3.2.2.3)', () => {
    const mend = {
      serverKeepAliveS: 1,
      sessionExpiryS: 0xffff_ffff,
      receiveMaximum: 3,
      topicAliasMaximum: 4,
      maximumPacketBytes: 0x0102_0304,
      assignedClientId: 'näme',
    };
    expect(mended(5, {}, mend).properties).toEqual({
      serverKeepAlive: 1,
      sessionExpiryInterval: 0xffff_ffff,
      receiveMaximum: 3,
      topicAliasMaximum: 4,
      maximumPacketSize: 0x0102_0304,
      assignedClientIdentifier: 'näme',
    });
  });

  test('does not repeat or change a property that aedes has set, and keeps the others', () => {
    const userProperties = { k: 'v'.repeat(200) };
    const properties = { receiveMaximum: 7, wildcardSubscriptionAvailable: true, userProperties };
    const packet = mended(5, { properties }, { receiveMaximum: 9, serverKeepAliveS: 2 });
    expect(packet.properties).toMatchObject({ ...properties, serverKeepAlive: 2 });
  });

  test('adds no property before MQTT 5', () => {
    expect(mendConnack(connackFrame(4, {}), 4, { serverKeepAliveS: 9, assignedClientId: 'a' })).toHaveLength(
      4,
    );
  });

  test('does not write into the bytes it was given', () => {
    const frame = connackFrame(4, {});
    mendConnack(frame, 4, { sessionPresent: true });
    expect(frame).toEqual(connackFrame(4, {}));
  });
});
