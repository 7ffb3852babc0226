// The rules of MQTT towards a client that aedes does not keep by itself, each under the clause that demands it.
// Those that discard messages are in discards.test.ts.

import { describe, expect, test } from 'vitest';
import {
  connackFrame,
  encode,
  FlowHarness,
  pingresp,
  puback,
  pubcomp,
  publishFrame,
  pubrec,
  pubrel,
} from './flow-harness.ts';

function numbered(harness: FlowHarness, qos: 0 | 1 | 2, ids: number[], topic = 'a/b'): Buffer[] {
  return ids.map((id) => harness.publish({ qos, messageId: id, payload: `m${id}`, topic }));
}

describe('Receive Maximum (MQTT 5.0 3.3.4 MQTT-3.3.4-9, 4.9)', () => {
  test('no more than Receive Maximum PUBLISH are unacknowledged, and the rest follow in order', () => {
    const harness = new FlowHarness({ receiveMaximum: 2 });
    harness.aedesWrites(...numbered(harness, 1, [1, 2, 3, 4]));
    expect(harness.wirePayloads).toEqual(['m1', 'm2']);
    expect(harness.clientSends(puback(2))).toBe('pass');
    expect(harness.wirePayloads).toEqual(['m1', 'm2', 'm3']);
    harness.clientSends(puback(1));
    expect(harness.wirePayloads).toEqual(['m1', 'm2', 'm3', 'm4']);
  });

  test('a QoS 2 PUBLISH counts until its PUBCOMP, not only until a successful PUBREC', () => {
    const harness = new FlowHarness({ receiveMaximum: 1 });
    harness.aedesWrites(...numbered(harness, 2, [1, 2]));
    expect(harness.clientSends(pubrec(1, 0x10))).toBe('pass');
    harness.aedesWrites(pubrel(1));
    expect(harness.wirePayloads).toEqual(['m1']);
    harness.clientSends(pubcomp(1));
    expect(harness.wirePayloads).toEqual(['m1', 'm2']);
  });

  test('a PUBREC with a reason code of 0x80 or more frees its place', () => {
    const harness = new FlowHarness({ receiveMaximum: 1 });
    harness.aedesWrites(...numbered(harness, 2, [1, 2]));
    expect(harness.clientSends(pubrec(1, 0x80))).toBe('pass');
    expect(harness.wirePayloads).toEqual(['m1', 'm2']);
  });

  test('a PUBREC of MQTT 3.1.1 has no reason code and never frees a place', () => {
    const harness = new FlowHarness({ version: 4, receiveMaximum: 1 });
    harness.aedesWrites(...numbered(harness, 2, [1, 2]));
    harness.clientSends(pubrec(1));
    expect(harness.wirePayloads).toEqual(['m1']);
  });

  test('an acknowledgement of something that was not sent does not widen the window', () => {
    const harness = new FlowHarness({ receiveMaximum: 1 });
    harness.aedesWrites(...numbered(harness, 1, [1, 2, 3]));
    harness.clientSends(puback(9));
    harness.clientSends(puback(9));
    expect(harness.wirePayloads).toEqual(['m1']);
  });

  test('a QoS 0 PUBLISH does not overtake a waiting one (MQTT-4.6.0-6)', () => {
    const harness = new FlowHarness({ receiveMaximum: 1 });
    harness.aedesWrites(...numbered(harness, 1, [1, 2]), harness.publish({ payload: 'zero' }));
    expect(harness.wirePayloads).toEqual(['m1']);
    harness.clientSends(puback(1));
    expect(harness.wirePayloads).toEqual(['m1', 'm2', 'zero']);
  });

  test('a QoS 0 PUBLISH passes a full window when nothing waits', () => {
    const harness = new FlowHarness({ receiveMaximum: 1 });
    harness.aedesWrites(...numbered(harness, 1, [1]), harness.publish({ payload: 'zero' }));
    expect(harness.wirePayloads).toEqual(['m1', 'zero']);
  });

  test('packets other than PUBLISH are not delayed by a full window (MQTT-3.3.4-10, MQTT-4.9.0-3)', () => {
    const harness = new FlowHarness({ receiveMaximum: 1 });
    const suback = encode({ cmd: 'suback', messageId: 5, granted: [1] }, 5);
    harness.aedesWrites(...numbered(harness, 2, [1, 2]), suback, pubrel(1), pingresp);
    expect(harness.wire.map((packet) => packet.cmd)).toEqual(['publish', 'suback', 'pubrel', 'pingresp']);
  });

  test('the PUBREL of an earlier connection does not count, nor does its PUBCOMP add a place (4.9)', () => {
    const harness = new FlowHarness({ receiveMaximum: 1 });
    harness.aedesWrites(pubrel(7), ...numbered(harness, 1, [1, 2]));
    expect(harness.wirePayloads).toEqual(['m1']);
    harness.clientSends(pubcomp(7));
    expect(harness.wirePayloads).toEqual(['m1']);
  });
});

describe('back-pressure', () => {
  test('aedes is told to go on only when the queue has room by count', () => {
    const harness = new FlowHarness({ receiveMaximum: 1, queuedMessagesMax: 2 });
    harness.aedesWrites(...numbered(harness, 1, [1, 2]));
    expect(harness.doneCalls).toBe(1);
    harness.aedesWrites(...numbered(harness, 1, [3, 4]));
    expect(harness.doneCalls).toBe(1);
    harness.clientSends(puback(1));
    expect(harness.doneCalls).toBe(1);
    harness.clientSends(puback(2));
    expect(harness.doneCalls).toBe(2);
    harness.clientSends(puback(3));
    expect(harness.doneCalls).toBe(2);
  });

  test('aedes is told to go on only when the queue has room by bytes', () => {
    const harness = new FlowHarness({ receiveMaximum: 1, queuedBytesMax: 100 });
    const large = harness.publish({ qos: 1, messageId: 2, payload: 'y'.repeat(200) });
    harness.aedesWrites(...numbered(harness, 1, [1]), large);
    expect(harness.doneCalls).toBe(0);
    harness.clientSends(puback(1));
    expect(harness.doneCalls).toBe(1);
  });

  test('the next chunk may come from within the call that says so', () => {
    const harness = new FlowHarness({ receiveMaximum: 1, queuedMessagesMax: 1 });
    const [first, second, third] = numbered(harness, 1, [1, 2, 3]);
    harness.flow.fromAedes(Buffer.concat([first!, second!]), () => harness.aedesWrites(third!));
    harness.clientSends(puback(1));
    expect(harness.wirePayloads).toEqual(['m1', 'm2']);
    harness.clientSends(puback(2));
    expect(harness.wirePayloads).toEqual(['m1', 'm2', 'm3']);
    expect(harness.doneCalls).toBe(1);
  });

  test('closing ends the wait and sends nothing more', () => {
    const harness = new FlowHarness({ receiveMaximum: 1, queuedMessagesMax: 1 });
    harness.aedesWrites(...numbered(harness, 1, [1, 2]));
    harness.flow.close();
    expect(harness.doneCalls).toBe(1);
    expect(harness.clientSends(puback(1))).toBe('swallow');
    harness.aedesWrites(pingresp);
    expect(harness.doneCalls).toBe(2);
    expect(harness.wire).toHaveLength(1);
  });
});

describe('packet identifiers in use (MQTT 5.0 MQTT-2.2.1-4, MQTT 3.1.1 MQTT-2.3.1-4)', () => {
  test.each([3, 4, 5] as const)('level %i: a reused identifier waits until the first is done', (version) => {
    const harness = new FlowHarness({ version });
    harness.aedesWrites(harness.publish({ qos: 1, messageId: 8, payload: 'first' }));
    harness.aedesWrites(harness.publish({ qos: 1, messageId: 8, payload: 'second' }));
    expect(harness.wirePayloads).toEqual(['first']);
    harness.clientSends(puback(8));
    expect(harness.wirePayloads).toEqual(['first', 'second']);
  });

  test('the identifier of a PUBREL is in use until its PUBCOMP', () => {
    const harness = new FlowHarness();
    harness.aedesWrites(pubrel(8), harness.publish({ qos: 1, messageId: 8, payload: 'new' }));
    expect(harness.wirePayloads).toEqual([]);
    harness.clientSends(pubcomp(8));
    expect(harness.wirePayloads).toEqual(['new']);
  });

  test('aedes does not see the acknowledgement of the first while the second waits to be sent', () => {
    const harness = new FlowHarness();
    harness.aedesWrites(...numbered(harness, 1, [8, 8]));
    expect(harness.clientSends(puback(8))).toBe('swallow');
    expect(harness.clientSends(puback(8))).toBe('pass');
  });

  test('a QoS 2 flow goes on through aedes while the identifier is wanted again', () => {
    const harness = new FlowHarness();
    harness.aedesWrites(...numbered(harness, 2, [8, 8]));
    expect(harness.clientSends(pubrec(8))).toBe('pass');
    harness.aedesWrites(pubrel(8));
    expect(harness.clientSends(pubcomp(8))).toBe('swallow');
    expect(harness.wire.map((packet) => packet.cmd)).toEqual(['publish', 'pubrel', 'publish']);
  });

  test('a PUBREC from an earlier connection does not end a message that waits to be sent again', () => {
    const harness = new FlowHarness({ receiveMaximum: 1 });
    harness.aedesWrites(...numbered(harness, 2, [1, 2]));
    expect(harness.clientSends(pubrec(2))).toBe('swallow');
    expect(harness.clientSends(pubrec(3))).toBe('pass');
  });
});

describe('properties of a PUBLISH (MQTT 5.0 2.2.2.2, 3.3.2.3)', () => {
  test('the will delay that aedes leaves in a will, and a leaked topic alias, are taken out', () => {
    const harness = new FlowHarness();
    const kept = {
      contentType: 'c',
      userProperties: { a: ['1', '2'], b: '3' },
      correlationData: Buffer.of(1, 0),
    };
    const properties = { ...kept, willDelayInterval: 5, topicAlias: 3 };
    harness.aedesWrites(harness.publish({ qos: 1, messageId: 2, properties }));
    expect(harness.wire).toMatchObject([{ cmd: 'publish', messageId: 2, payload: Buffer.from('x') }]);
    expect((harness.wire[0] as { properties: object }).properties).toEqual(
      expect.objectContaining({ contentType: 'c', correlationData: Buffer.of(1, 0) }),
    );
    expect(harness.wire[0]).toMatchObject({ properties: { userProperties: { a: ['1', '2'], b: '3' } } });
    expect(harness.wire[0]).not.toHaveProperty('properties.willDelayInterval');
    expect(harness.wire[0]).not.toHaveProperty('properties.topicAlias');
  });

  test('every property a PUBLISH may bear passes untouched', () => {
    const harness = new FlowHarness();
    const frame = harness.publish({
      qos: 2,
      messageId: 2,
      properties: {
        payloadFormatIndicator: true,
        messageExpiryInterval: 9,
        contentType: 'c',
        responseTopic: 'r',
        correlationData: Buffer.of(1),
        userProperties: { k: 'v' },
        // Its second byte is the identifier of the will delay.
        subscriptionIdentifier: [1, 0x18 << 7],
      },
    });
    harness.aedesWrites(frame);
    expect(Buffer.concat(harness.sent)).toEqual(frame);
  });

  test('a PUBLISH that is too large only for a property it may not bear is sent without it', () => {
    const plain = publishFrame(5, { payload: 'p' });
    const harness = new FlowHarness({ maximumPacketBytes: plain.length });
    harness.aedesWrites(harness.publish({ payload: 'p', properties: { topicAlias: 3 } }));
    expect(Buffer.concat(harness.sent)).toEqual(plain);
  });
});

describe('CONNACK first (MQTT 5.0 and 3.1.1 MQTT-3.2.0-1)', () => {
  test('a PUBLISH that aedes writes before its CONNACK follows it', () => {
    const harness = new FlowHarness({ isConnecting: true, version: 4 });
    harness.aedesWrites(harness.publish({ payload: 'early' }));
    expect(harness.wire).toEqual([]);
    harness.aedesWrites(connackFrame(4, {}), harness.publish({ payload: 'next' }));
    expect(harness.wire.map((packet) => packet.cmd)).toEqual(['connack', 'publish', 'publish']);
    expect(harness.wirePayloads).toEqual(['early', 'next']);
  });

  test('a full queue does not hold up the CONNACK, but has an end', () => {
    const harness = new FlowHarness({ isConnecting: true, queuedMessagesMax: 2 });
    harness.aedesWrites(harness.publish({}), harness.publish({}));
    expect(harness.doneCalls).toBe(1);
    harness.aedesWrites(harness.publish({}));
    expect(harness.faults.map((fault) => fault.code)).toEqual(['OUTBOUND_QUEUE_FULL']);
  });

  test('after a refusal nothing is sent', () => {
    const harness = new FlowHarness({ isConnecting: true });
    harness.aedesWrites(harness.publish({}), connackFrame(5, { reasonCode: 0x87 }), harness.publish({}));
    expect(harness.wire.map((packet) => packet.cmd)).toEqual(['connack']);
  });

  test('the CONNACK says what the gateway chose (MQTT-3.2.2-3, MQTT-3.2.2-16, MQTT-3.2.2-21)', () => {
    const connack = { sessionPresent: true, serverKeepAliveS: 60, assignedClientId: 'auto-1' };
    const harness = new FlowHarness({ isConnecting: true, connack });
    harness.aedesWrites(connackFrame(5, { properties: { sharedSubscriptionAvailable: false } }));
    expect(harness.wire).toMatchObject([
      {
        cmd: 'connack',
        sessionPresent: true,
        properties: {
          sharedSubscriptionAvailable: false,
          serverKeepAlive: 60,
          assignedClientIdentifier: 'auto-1',
        },
      },
    ]);
  });
});

describe('keep alive of aedes', () => {
  test('the injected PINGREQ costs exactly one PINGRESP, and the client gets its own', () => {
    const harness = new FlowHarness();
    harness.flow.pingAsAedesKeepAlive();
    harness.flow.pingAsAedesKeepAlive();
    expect(harness.toAedes.map((packet) => packet.cmd)).toEqual(['pingreq']);
    harness.aedesWrites(pingresp, pingresp, pingresp);
    expect(harness.wire.map((packet) => packet.cmd)).toEqual(['pingresp', 'pingresp']);
    harness.flow.pingAsAedesKeepAlive();
    harness.aedesWrites(pingresp);
    expect(harness.toAedes).toHaveLength(2);
    expect(harness.wire).toHaveLength(2);
  });

  test('nothing is injected before the CONNACK', () => {
    const harness = new FlowHarness({ isConnecting: true });
    harness.flow.pingAsAedesKeepAlive();
    expect(harness.toAedes).toEqual([]);
  });
});
