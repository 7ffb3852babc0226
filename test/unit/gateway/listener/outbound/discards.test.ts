// What a client does not get, and what aedes is told then: packets too large for it, messages that outlived
// themselves.

import { describe, expect, test } from 'vitest';
import { encode, FlowHarness, pingresp, puback, publishFrame } from './flow-harness.ts';

function numbered(harness: FlowHarness, qos: 0 | 1 | 2, ids: number[], topic = 'a/b'): Buffer[] {
  return ids.map((id) => harness.publish({ qos, messageId: id, payload: `m${id}`, topic }));
}

describe('Maximum Packet Size (MQTT 5.0 3.1.2.11.4 MQTT-3.1.2-24, MQTT-3.1.2-25)', () => {
  test('a PUBLISH that is too large is discarded, and aedes takes it for delivered', () => {
    const harness = new FlowHarness({ maximumPacketBytes: 30 });
    const payload = 'y'.repeat(30);
    harness.aedesWrites(
      harness.publish({ payload }),
      harness.publish({ qos: 1, messageId: 0x0102, payload }),
      harness.publish({ qos: 2, messageId: 0x0304, payload }),
      harness.publish({ qos: 1, messageId: 5, payload: 'small' }),
    );
    expect(harness.wirePayloads).toEqual(['small']);
    expect(harness.discards).toEqual([
      ['packet-too-large', 1],
      ['packet-too-large', 1],
      ['packet-too-large', 1],
    ]);
    expect(harness.toAedes).toMatchObject([
      { cmd: 'puback', messageId: 0x0102 },
      { cmd: 'pubrec', messageId: 0x0304, reasonCode: 0x83 },
    ]);
  });

  test('a PUBLISH of exactly the maximum is sent', () => {
    const frame = publishFrame(5, { payload: 'y'.repeat(30) });
    const harness = new FlowHarness({ maximumPacketBytes: frame.length });
    harness.aedesWrites(frame);
    expect(Buffer.concat(harness.sent)).toEqual(frame);
  });

  test('discarding does not end a message in flight that has the same identifier', () => {
    const harness = new FlowHarness({ maximumPacketBytes: 30 });
    harness.aedesWrites(...numbered(harness, 1, [4]));
    harness.aedesWrites(harness.publish({ qos: 1, messageId: 4, payload: 'y'.repeat(30) }));
    expect(harness.discards).toHaveLength(1);
    expect(harness.toAedes).toEqual([]);
  });

  test('an acknowledgement sheds what is only for people until it fits (MQTT-3.4.2-2, MQTT-3.4.2-3)', () => {
    const properties = { reasonString: 'r'.repeat(20), userProperties: { k: 'v'.repeat(20) } };
    const refusal = encode({ cmd: 'puback', messageId: 3, reasonCode: 0x87, properties }, 5);
    const wires = [64, 40, 10].map((maximumPacketBytes) => {
      const harness = new FlowHarness({ maximumPacketBytes });
      harness.aedesWrites(refusal);
      return harness.wire;
    });
    expect(wires[0]).toMatchObject([{ cmd: 'puback', messageId: 3, reasonCode: 0x87, properties }]);
    expect(wires[1]).toMatchObject([{ properties: { reasonString: properties.reasonString } }]);
    expect(wires[1]![0]).not.toHaveProperty('properties.userProperties');
    expect(wires[2]).toMatchObject([{ cmd: 'puback', messageId: 3, reasonCode: 0x87 }]);
    expect(wires[2]![0]).not.toHaveProperty('properties');
  });

  test('a packet that cannot be made to fit ends the connection, and nothing follows it', () => {
    const harness = new FlowHarness({ maximumPacketBytes: 12 });
    const suback = encode({ cmd: 'suback', messageId: 5, granted: Array(20).fill(0) }, 5);
    harness.aedesWrites(pingresp, suback, pingresp);
    expect(harness.faults.map((fault) => fault.code)).toEqual(['PACKET_EXCEEDS_CLIENT_LIMIT']);
    expect(harness.wire.map((packet) => packet.cmd)).toEqual(['pingresp']);
    expect(harness.doneCalls).toBe(1);
  });
});

describe('Message Expiry Interval (MQTT 5.0 3.3.2.3.3)', () => {
  function waitingFor(harness: FlowHarness, intervalS: number, qos: 0 | 1 | 2 = 1): Buffer {
    const properties = { messageExpiryInterval: intervalS, contentType: 'c' };
    return harness.publish({ qos, messageId: 2, payload: 'late', properties });
  }

  test('the interval sent is less by the time the message waited (MQTT-3.3.2-6)', () => {
    const harness = new FlowHarness({ receiveMaximum: 1 });
    harness.aedesWrites(...numbered(harness, 1, [1]), waitingFor(harness, 10));
    harness.clock.advance(3_700);
    harness.clientSends(puback(1));
    expect(harness.wire[1]).toMatchObject({ properties: { messageExpiryInterval: 7, contentType: 'c' } });
  });

  test('the bytes that aedes wrote are not changed, which may be those of another client too', () => {
    const harness = new FlowHarness({ receiveMaximum: 1 });
    const written = waitingFor(harness, 10);
    const before = Buffer.from(written);
    harness.aedesWrites(...numbered(harness, 1, [1]));
    harness.flow.fromAedes(written, () => {});
    harness.clock.advance(3_000);
    harness.clientSends(puback(1));
    expect(harness.wirePayloads).toEqual(['m1', 'late']);
    expect(written).toEqual(before);
  });

  test('a message that does not wait keeps its interval', () => {
    const harness = new FlowHarness();
    harness.aedesWrites(waitingFor(harness, 0), harness.publish({ qos: 1, messageId: 3 }));
    expect(harness.wire).toMatchObject([{ properties: { messageExpiryInterval: 0 } }, {}]);
  });

  test.each([
    [1, { cmd: 'puback', messageId: 2 }],
    [2, { cmd: 'pubrec', messageId: 2, reasonCode: 0x83 }],
  ] as const)('a QoS %i message that outlived itself is discarded (MQTT-3.3.2-5)', (qos, ack) => {
    const harness = new FlowHarness({ receiveMaximum: 1 });
    harness.aedesWrites(...numbered(harness, 1, [1]), waitingFor(harness, 10, qos));
    harness.clock.advance(10_000);
    harness.clientSends(puback(1));
    expect(harness.wirePayloads).toEqual(['m1']);
    expect(harness.discards).toEqual([['expired', 1]]);
    expect(harness.toAedes).toMatchObject([ack]);
  });

  test('what outlived itself at the head makes way even while the window is full', () => {
    const harness = new FlowHarness({ receiveMaximum: 1 });
    harness.aedesWrites(
      ...numbered(harness, 1, [1]),
      waitingFor(harness, 1),
      harness.publish({ payload: 'z' }),
    );
    harness.clock.advance(1_000);
    harness.clientSends(puback(99));
    expect(harness.wirePayloads).toEqual(['m1', 'z']);
  });

  test('a full queue first throws out what outlived itself, wherever it waits', () => {
    const harness = new FlowHarness({ receiveMaximum: 1, queuedMessagesMax: 3 });
    harness.aedesWrites(...numbered(harness, 1, [1, 7]), waitingFor(harness, 1));
    harness.clock.advance(1_000);
    harness.aedesWrites(...numbered(harness, 1, [3]));
    expect(harness.doneCalls).toBe(2);
    expect(harness.discards).toEqual([['expired', 1]]);
    expect(harness.toAedes).toMatchObject([{ cmd: 'puback', messageId: 2 }]);
    for (const id of [1, 7, 3]) harness.clientSends(puback(id));
    expect(harness.wirePayloads).toEqual(['m1', 'm7', 'm3']);
  });
});
