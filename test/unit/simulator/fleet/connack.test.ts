import { generate, type IConnackPacket } from 'mqtt-packet';
import { expect, test } from 'vitest';
import { readConnack } from '../../../../simulator/fleet/connack.ts';

function bodyOf(packet: Partial<IConnackPacket>, protocolVersion: 4 | 5): Buffer {
  const fields: IConnackPacket = {
    cmd: 'connack',
    sessionPresent: true,
    reasonCode: 0,
    returnCode: 0,
    ...packet,
  };
  const bytes = generate(fields, { protocolVersion });
  return bytes.subarray(bytes[1] < 0x80 ? 2 : 3);
}

test('finds Receive Maximum and Server Keep Alive among all the other properties', () => {
  const properties = {
    sessionExpiryInterval: 7,
    receiveMaximum: 21,
    maximumQoS: 1,
    retainAvailable: true,
    maximumPacketSize: 100_000,
    assignedClientIdentifier: 'given',
    topicAliasMaximum: 5,
    reasonString: 'because '.repeat(30),
    userProperties: { some: 'thing', other: 'too' },
    wildcardSubscriptionAvailable: true,
    subscriptionIdentifiersAvailable: true,
    sharedSubscriptionAvailable: false,
    serverKeepAlive: 300,
    responseInformation: 'r',
    serverReference: 's',
    authenticationMethod: 'm',
    authenticationData: Buffer.from('data'),
  };
  expect(readConnack(bodyOf({ properties }, 5), 5)).toEqual({
    sessionPresent: true,
    reasonCode: 0,
    receiveMaximum: 21,
    serverKeepAliveS: 300,
  });
});

test('reads one without properties, and the code of MQTT 3.1.1', () => {
  const plain = { sessionPresent: true, reasonCode: 0, receiveMaximum: 0xffff, serverKeepAliveS: undefined };
  expect(readConnack(bodyOf({}, 5), 5)).toEqual(plain);
  const refusal = bodyOf({ sessionPresent: false, returnCode: 4 }, 4);
  expect(readConnack(refusal, 4)).toEqual({ ...plain, sessionPresent: false, reasonCode: 4 });
});

test('knows one that is cut off', () => {
  const whole = bodyOf({ properties: { receiveMaximum: 21, reasonString: 'why' } }, 5);
  for (const length of [0, 1, 4, 5, 8, whole.length - 1]) {
    expect(readConnack(whole.subarray(0, length), 5), `${length} bytes`).toBeUndefined();
  }
});
