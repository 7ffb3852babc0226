// Publishes that the gateway does not take, and what MQTT 5 adds to a publish: how each is answered, whether the
// connection goes on, and what is in the log.

import { describe, expect, test } from 'vitest';
import { bytes, frameOf, prefixed, properties, uint16 } from '../support/mqtt-bytes.ts';
import type { ClientVersion } from '../support/mqtt-frame-packets.ts';
import { publishPacket, RawClient } from '../support/raw-client.ts';
import { SharedGateway } from '../support/shared-gateway.ts';

const PACKET_BYTES_MAX = 4096;
const RECEIVE_MAXIMUM = 8;
const ALIASES = 4;
const versions: readonly ClientVersion[] = [3, 4, 5];

let devices = 0;
let device = '';

const mqtt = {
  packetBytesMax: PACKET_BYTES_MAX,
  receiveMaximum: RECEIVE_MAXIMUM,
  topicAliasMaximum: ALIASES,
  topicLevelsMax: 8,
  topicBytesMax: 64,
};
const gateway = new SharedGateway({ mqtt });

function connect(version: ClientVersion): Promise<RawClient> {
  device = `device-${++devices}`;
  return RawClient.connect(gateway.port, version, { clientId: device });
}

const stored = () => gateway.records().filter((record) => record.device === device);

/** MQTT 5 is told why, the others see the connection end (MQTT 5.0 4.13, MQTT-3.1.1 4.8). */
async function expectEnd(client: RawClient, reasonCode: number): Promise<void> {
  if (client.version === 5) expect(await client.next('disconnect')).toMatchObject({ reasonCode });
  await client.end();
  expect(client.pending).toEqual([]);
}

/** A PUBLISH with QoS 1 and a topic of any bytes. */
function rawPublish(version: ClientVersion, topic: string | readonly number[]): Buffer {
  const rest = version === 5 ? [uint16(1), properties()] : [uint16(1)];
  return frameOf(0x32, prefixed(topic), ...rest, Buffer.from('x'));
}

describe.each(versions)('a publisher of version %i is disconnected for', (version) => {
  test.each([
    ['a topic with a wildcard (MQTT-3.3.2-2)', 'plant/+/t', 0x81],
    ['a topic with a wildcard at its end (MQTT-3.3.2-2)', 'plant/#', 0x81],
    ['an empty topic (MQTT-4.7.3-1)', '', 0x82],
    ['a topic that is no UTF-8 (MQTT-1.5.4-1)', [0x61, 0xc3, 0x28], 0x81],
    ['a topic with a surrogate (MQTT-1.5.4-1)', [0xed, 0xa0, 0x80], 0x81],
    ['a topic with U+0000 (MQTT-1.5.4-2)', [0x61, 0x00], 0x81],
  ] as const)('%s', async (_name, topic, reasonCode) => {
    using client = await connect(version);
    client.write(rawPublish(version, topic));
    await expectEnd(client, reasonCode);
    expect(stored()).toEqual([]);
  });

  test('packet identifier 0 (MQTT-2.2.1-3)', async () => {
    using client = await connect(version);
    const rest = version === 5 ? [uint16(0), properties()] : [uint16(0)];
    client.write(frameOf(0x32, prefixed('plant/t'), ...rest));
    await expectEnd(client, 0x82);
  });

  test('QoS 3 (MQTT-3.3.1-4)', async () => {
    using client = await connect(version);
    client.write(frameOf(0x36, prefixed('plant/t'), uint16(1)));
    await expectEnd(client, 0x81);
  });

  test('a packet that is too large, as soon as its length is known (MQTT 5.0 3.2.2.3.6)', async () => {
    using client = await connect(version);
    client.publish('plant/t', Buffer.alloc(PACKET_BYTES_MAX - 20), { qos: 1, messageId: 1 });
    await client.next('puback');
    client.write(bytes(0x30, 0x80, 0x80, 0x01));
    await expectEnd(client, 0x95);
  });

  test('a second CONNECT (MQTT-3.1.0-2)', async () => {
    using client = await connect(version);
    client.send({
      cmd: 'connect',
      protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
      protocolVersion: version,
      clientId: 'a',
      clean: true,
    });
    await expectEnd(client, 0x82);
  });
});

describe.each(versions)('a publish of version %i to a topic that is not taken', (version) => {
  test.each([
    ['of the server (MQTT 5.0 4.7.2)', '$SYS/broker/load', 0x87],
    ['with too many levels', 'a/b/c/d/e/f/g/h/i', 0x90],
    ['that is too long', 'x'.repeat(65), 0x90],
  ])(
    '%s is answered, dropped and counted, and the connection goes on (MQTT 5.0 3.4.2.1, 3.1.1: 3.3.5)',
    async (_name, topic, code) => {
      using client = await connect(version);
      const before = (await gateway.counters()).refused;
      const reasonCode = version === 5 ? code : undefined;
      client.publish(topic, 'x');
      client.publish(topic, 'x', { qos: 1, messageId: 1 });
      expect(await client.next('puback')).toMatchObject({
        messageId: 1,
        ...(version === 5 ? { reasonCode } : {}),
      });
      client.publish(topic, 'x', { qos: 2, messageId: 2 });
      expect(await client.next('pubrec')).toMatchObject({
        messageId: 2,
        ...(version === 5 ? { reasonCode } : {}),
      });
      if (version !== 5) {
        client.send({ cmd: 'pubrel', messageId: 2 });
        await client.next('pubcomp');
      }
      client.publish('plant/t', 'taken', { qos: 2, messageId: 2 });
      await client.next('pubrec');
      expect(stored()).toMatchObject([{ payload: 'taken' }]);
      expect((await gateway.counters()).refused - before).toBe(3);
    },
  );
});

describe('the receive maximum', () => {
  const publishes = Array.from({ length: 2 * RECEIVE_MAXIMUM }, (_, i) =>
    publishPacket('plant/t', 'x', { qos: 1, messageId: i + 1 }),
  );

  test('is announced; who sends more is read no further until it is acknowledged (MQTT 5.0 3.2.2.3.3, 3.3.4)', async () => {
    using client = await RawClient.open(gateway.port, 5);
    device = 'eager';
    expect((await client.sendConnect({ clientId: device })).properties).toMatchObject({
      receiveMaximum: RECEIVE_MAXIMUM,
    });
    const before = (await gateway.counters()).windowPauses;
    client.send(...publishes);
    const acknowledged = await client.take('puback', publishes.length);
    expect(acknowledged.map(({ messageId }) => messageId)).toEqual(publishes.map((_, i) => i + 1));
    expect(stored()).toHaveLength(publishes.length);
    expect((await gateway.counters()).windowPauses - before).toBe(1);
  });

  test.each([3, 4] as const)(
    'does not exist for version %i: all are acknowledged (MQTT 3.1.1 4.6)',
    async (version) => {
      using client = await connect(version);
      client.send(...publishes);
      await client.take('puback', publishes.length);
      expect(stored()).toHaveLength(publishes.length);
    },
  );

  test('counts a QoS 2 publish until its PUBCOMP, not its PUBREC (MQTT 5.0 4.9, 3.3.4)', async () => {
    using client = await connect(5);
    const publish = (messageId: number, qos: 1 | 2) =>
      publishPacket('plant/t', `${messageId}`, { qos, messageId });
    client.send(...Array.from({ length: RECEIVE_MAXIMUM }, (_, i) => publish(i + 1, 2)));
    await client.take('pubrec', RECEIVE_MAXIMUM);
    const before = (await gateway.counters()).windowPauses;
    client.send({ cmd: 'pubrel', messageId: 1 }, publish(100, 1)); // waits for the PUBCOMP
    expect(await client.next('pubcomp')).toMatchObject({ messageId: 1 });
    expect(await client.next('puback')).toMatchObject({ messageId: 100 });
    expect((await gateway.counters()).windowPauses - before).toBe(1);
    expect(stored()).toHaveLength(RECEIVE_MAXIMUM + 1);
  });

  test('gives a refused QoS 2 publish back at its PUBREC, and takes one that is sent again for the same (MQTT 5.0 4.9)', async () => {
    using client = await connect(5);
    const refused = Array.from({ length: 2 * RECEIVE_MAXIMUM }, (_, i) =>
      publishPacket('$SYS/x', 'x', { qos: 2, messageId: i + 1 }),
    );
    client.send(...refused);
    const answers = await client.take('pubrec', refused.length);
    expect(answers.every(({ reasonCode }) => (reasonCode ?? 0) >= 0x80)).toBe(true);
    const kept = publishPacket('plant/t', 'x', { qos: 2, messageId: 1, dup: false });
    client.send(kept, ...Array.from({ length: 2 * RECEIVE_MAXIMUM }, () => ({ ...kept, dup: true })));
    await client.take('pubrec', 1 + 2 * RECEIVE_MAXIMUM);
    client.send({ cmd: 'pubrel', messageId: 1 });
    await client.next('pubcomp');
    expect(stored()).toHaveLength(1);
  });

  test('begins anew with each connection, and what is released of an earlier one frees no more than there is (MQTT 5.0 4.9)', async () => {
    const fields = { clientId: 'resuming', clean: false, properties: { sessionExpiryInterval: 3600 } };
    device = 'resuming';
    const publish = (messageId: number) => publishPacket('plant/t', 'x', { qos: 2, messageId });
    const all = Array.from({ length: RECEIVE_MAXIMUM }, (_, i) => i + 1);
    const first = await RawClient.connect(gateway.port, 5, fields);
    first.send(...all.map(publish));
    await first.take('pubrec', all.length);
    first[Symbol.dispose]();
    using second = await RawClient.connect(gateway.port, 5, fields);
    second.send(...all.map((id) => publish(id + 100)));
    await second.take('pubrec', all.length);
    second.send(
      ...[...all, ...all.map((id) => id + 100)].map((messageId) => ({ cmd: 'pubrel' as const, messageId })),
    );
    await second.take('pubcomp', 2 * all.length);
    second.send(...all.map((id) => publish(id + 200)));
    await second.take('pubrec', all.length);
    const before = (await gateway.counters()).windowPauses;
    second.send({ cmd: 'pubrel', messageId: 201 }, publish(300));
    await second.next('pubcomp');
    await second.next('pubrec');
    expect((await gateway.counters()).windowPauses - before).toBe(1);
    expect(stored()).toHaveLength(3 * all.length + 1);
  });

  test('is never exceeded by a publisher that keeps to it, however many it sends', async () => {
    using client = await connect(5);
    let sent = 0;
    const publish = () => client.publish('plant/t', `${++sent}`, { qos: 1, messageId: sent });
    while (sent < RECEIVE_MAXIMUM) publish();
    for (let acknowledged = 0; acknowledged < 200; acknowledged++) {
      await client.next('puback');
      if (sent < 200) publish();
    }
    expect(stored()).toHaveLength(200);
  });
});

describe('a topic alias of MQTT 5', () => {
  const aliased = (topic: string, topicAlias: number, messageId: number) =>
    publishPacket(topic, `${messageId}`, { qos: 1, messageId, properties: { topicAlias } });

  test('stands for the topic it was last set to, and is not kept with the record (MQTT-3.3.2-12)', async () => {
    using client = await RawClient.open(gateway.port, 5);
    expect((await client.sendConnect({ clientId: 'aliasing' })).properties).toMatchObject({
      topicAliasMaximum: ALIASES,
    });
    device = 'aliasing';
    client.send(aliased('one', 1, 1), aliased('', 1, 2), aliased('two', ALIASES, 3), aliased('', 1, 4));
    client.send(aliased('three', 1, 5), aliased('', 1, 6), aliased('', ALIASES, 7));
    await client.take('puback', 7);
    expect(stored().map(({ topic }) => topic)).toEqual(['one', 'one', 'two', 'one', 'three', 'three', 'two']);
    expect(stored().every((record) => Object.keys(record.properties).length === 0)).toBe(true);
  });

  test.each([
    ['0 ends the connection with 0x94 (MQTT-3.3.2-8)', 'one', 0, 0x94],
    ['beyond the maximum ends the connection with 0x94 (MQTT-3.3.2-9)', 'one', ALIASES + 1, 0x94],
    ['that was never set ends the connection with 0x82 (MQTT 5.0 3.3.2.3.4)', '', 2, 0x82],
  ] as const)('%s', async (_name, topic, alias, reasonCode) => {
    using client = await connect(5);
    client.send(aliased(topic, alias, 1));
    await expectEnd(client, reasonCode);
  });

  test('does not outlive its connection (MQTT-3.3.2-10)', async () => {
    const fields = { clientId: 'returning', clean: false, properties: { sessionExpiryInterval: 3600 } };
    const first = await RawClient.connect(gateway.port, 5, fields);
    first.send(aliased('one', 1, 1));
    await first.next('puback');
    await first.drop();
    using second = await RawClient.connect(gateway.port, 5, fields);
    second.send(aliased('', 1, 2));
    await expectEnd(second, 0x82);
  });
});

test('the properties of an MQTT 5 publish are kept with its record, in their order (MQTT 5.0 3.3.2.3, MQTT-3.3.2-17)', async () => {
  using client = await connect(5);
  const properties = {
    payloadFormatIndicator: true,
    messageExpiryInterval: 4_000_000_000,
    contentType: 'text/plain',
    responseTopic: 'answers/größe',
    correlationData: Buffer.from([0, 1, 255]),
    userProperties: { unit: '°C', tag: ['a', 'b', ''] },
  };
  client.publish('plant/t', '21.5', { qos: 1, messageId: 1, properties: { ...properties, topicAlias: 1 } });
  client.publish('', '21.6', { qos: 1, messageId: 2, properties: { topicAlias: 1, contentType: 'x' } });
  client.publish('plant/t', '21.7', { qos: 1, messageId: 3 });
  await client.take('puback', 3);
  expect(stored().map((record) => record.properties)).toEqual([properties, { contentType: 'x' }, {}]);
  expect(stored().map((record) => record.payload)).toEqual(['21.5', '21.6', '21.7']);
});
