// What a publisher sees on the wire and what is in the log then, over real sockets, for MQTT 3.1, 3.1.1 and 5.

import { describe, expect, test } from 'vitest';
import type { ClientVersion } from '../support/mqtt-frame-packets.ts';
import {
  type ConnectFields,
  connectPacket,
  encode,
  publishPacket,
  RawClient,
} from '../support/raw-client.ts';
import { RunningGateway } from '../support/running-gateway.ts';
import { SharedGateway } from '../support/shared-gateway.ts';
import type { StoredRecord } from '../support/stored-records.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';

const CONNACK = 2;
const PUBACK = 4;
const versions: readonly ClientVersion[] = [3, 4, 5];

/** CONNECT fields of a session that outlives its connection. */
function kept(version: ClientVersion, clientId: string): ConnectFields {
  const properties = { sessionExpiryInterval: 3600 };
  return { clientId, clean: false, ...(version === 5 ? { properties } : {}) };
}

const payloads = (records: StoredRecord[]): string[] => records.map(({ payload }) => payload);

describe.each(versions)('a publisher of version %i', (version) => {
  let devices = 0;
  let device = '';

  const gateway = new SharedGateway({ mqtt: { receiveMaximum: 1000 } });

  /** A client of a name of its own, and what the log has of it. */
  function connect(fields: ConnectFields = {}): Promise<RawClient> {
    device = `device-${++devices}`;
    return RawClient.connect(gateway.port, version, { clientId: device, ...fields });
  }
  const records = (of = device) => gateway.records().filter((record) => record.device === of);

  test('gets its PUBACK when the record is on disk, and not before (MQTT 5.0 4.3.2)', async () => {
    using client = await connect();
    for (let messageId = 1; messageId <= 20; messageId++) {
      client.publish('plant/t', `${messageId}`, { qos: 1, messageId });
      expect(await client.next('puback')).toMatchObject({ messageId });
      expect(records().at(-1)).toMatchObject({
        payload: `${messageId}`,
        qos: 1,
        topic: 'plant/t',
        lane: 'main',
      });
    }
  });

  test('gets its PUBACKs in the order of its publishes, each once (MQTT-4.6.0-2)', async () => {
    using client = await connect();
    const ids = Array.from({ length: 600 }, (_, i) => ((i * 7) % 600) + 1);
    for (const messageId of ids) client.publish('plant/t', `${messageId}`, { qos: 1, messageId });
    const acknowledged = await client.take('puback', ids.length);
    expect(acknowledged.map((packet) => packet.messageId)).toEqual(ids);
    await client.ping();
    expect(payloads(records())).toEqual(ids.map(String));
  });

  test('has its QoS 0 messages kept before the QoS 1 message behind them, without an answer (MQTT-4.3.1-1)', async () => {
    using client = await connect();
    client.publish('plant/t', 'a', { retain: true });
    client.publish('plant/t', 'b');
    client.publish('plant/t', 'c', { qos: 1, messageId: 1 });
    await client.next('puback');
    const stored = records().map(({ payload, qos, retain }) => [payload, qos, retain]);
    expect(stored).toEqual([
      ['a', 0, true],
      ['b', 0, false],
      ['c', 1, false],
    ]);
    await client.ping();
  });

  test('that repeats a QoS 2 PUBLISH before its PUBREL has it kept once (MQTT-4.3.3-10)', async () => {
    using client = await connect();
    client.publish('plant/t', 'once', { qos: 2, messageId: 5 });
    expect(await client.next('pubrec')).toMatchObject({ messageId: 5 });
    for (const dup of [true, true]) client.publish('plant/t', 'once', { qos: 2, messageId: 5, dup });
    expect((await client.take('pubrec', 2)).map(({ messageId }) => messageId)).toEqual([5, 5]);
    client.send({ cmd: 'pubrel', messageId: 5 });
    expect(await client.next('pubcomp')).toMatchObject({ messageId: 5 });
    client.publish('plant/t', 'another', { qos: 2, messageId: 5 });
    await client.next('pubrec');
    expect(records()).toMatchObject([
      { payload: 'once', qos: 2 },
      { payload: 'another', qos: 2 },
    ]);
  });

  test('may use a packet id again right behind its PUBREL (MQTT-4.3.3-12)', async () => {
    using client = await connect();
    const publish = (payload: string) => publishPacket('plant/t', payload, { qos: 2, messageId: 9 });
    client.send(publish('first'), { cmd: 'pubrel', messageId: 9 }, publish('second'));
    for (const cmd of ['pubrec', 'pubcomp', 'pubrec'])
      expect(await client.next(cmd)).toMatchObject({ messageId: 9 });
    expect(payloads(records())).toEqual(['first', 'second']);
  });

  test('gets PUBCOMP for a PUBREL of an id that is not in use, with 0x92 in MQTT 5 (MQTT 5.0 3.7.2.1)', async () => {
    using client = await connect();
    client.send({ cmd: 'pubrel', messageId: 77 });
    const { messageId, reasonCode } = await client.next('pubcomp');
    expect([messageId, reasonCode]).toEqual([77, version === 5 ? 0x92 : undefined]);
  });

  test('that begins a clean session begins with no QoS 2 ids in use (MQTT-3.1.2-4, MQTT-3.1.2-6)', async () => {
    const first = await connect();
    first.publish('plant/t', 'first', { qos: 2, messageId: 1 });
    await first.next('pubrec');
    await first.drop();
    using second = await RawClient.connect(gateway.port, version, { clientId: device });
    second.publish('plant/t', 'second', { qos: 2, messageId: 1 });
    await second.next('pubrec');
    expect(payloads(records())).toEqual(['first', 'second']);
  });

  test('has publishes that come right behind its CONNECT handled after the CONNACK (MQTT-3.2.0-1)', async () => {
    using client = await RawClient.open(gateway.port, version);
    const types: number[] = [];
    client.socket.prependListener('data', (chunk: Buffer) => {
      for (let at = 0; at < chunk.length; at += 2 + chunk[at + 1]) types.push(chunk[at] >> 4);
    });
    const publish = (messageId: number) => publishPacket('plant/t', `${messageId}`, { qos: 1, messageId });
    client.send(connectPacket(version, { clientId: 'early' }), publish(1), publish(2), publish(3));
    await client.next('connack');
    await client.take('puback', 3);
    expect(types).toEqual([CONNACK, PUBACK, PUBACK, PUBACK]);
    expect(payloads(records('early'))).toEqual(['1', '2', '3']);
  });

  test('whose CONNECT is refused has nothing kept of what came behind it (MQTT-3.1.4-6)', async () => {
    using client = await RawClient.open(gateway.port, version);
    const before = gateway.records().length;
    client.send(
      connectPacket(version, { clientId: 'x'.repeat(500) }),
      publishPacket('plant/t', 'x', { qos: 1, messageId: 1 }),
    );
    const connack = await client.next('connack');
    expect(connack.reasonCode ?? connack.returnCode).toBe(version === 5 ? 0x85 : 2);
    await client.end();
    expect(client.pending).toEqual([]);
    expect(gateway.records()).toHaveLength(before);
  });

  test('is understood when its bytes come one by one', async () => {
    using client = await RawClient.open(gateway.port, version);
    const payload = 'tiny'.repeat(400);
    const frames = [
      connectPacket(version, { clientId: 'slow' }),
      publishPacket('plant/t', payload, { qos: 1, messageId: 1 }),
    ];
    for (const byte of Buffer.concat([
      ...frames.map((frame) => encode(frame, version)),
      Buffer.of(0xc0, 0),
    ])) {
      client.write(Buffer.of(byte));
      await new Promise(setImmediate); // so that the kernel gets them one by one, too
    }
    await client.next('connack');
    await client.each('puback', 'pingresp');
    expect(payloads(records('slow'))).toEqual([payload]);
  });

  test('may send a packet of 1 MiB in any number of pieces', async () => {
    using client = await connect();
    const payload = Buffer.alloc(1024 * 1024 - 30, 'large');
    const bytes = encode(publishPacket('plant/t', payload, { qos: 1, messageId: 1 }), version);
    for (let at = 0; at < bytes.length; at += 1500) client.write(bytes.subarray(at, at + 1500));
    await client.next('puback');
    expect(records()).toHaveLength(1);
    expect(Buffer.from(records()[0].payload).equals(payload)).toBe(true);
  });
});

describe.each([4, 5] as const)(
  'over a restart of the gateway, a publisher of version %i that keeps its session',
  (version) => {
    test('resends a QoS 2 PUBLISH and has it kept once (MQTT-4.4.0-1)', async () => {
      using directory = new TemporaryDirectory();
      {
        await using gateway = await RunningGateway.start(directory.path);
        using client = await RawClient.connect(gateway.port, version, kept(version, 'device'));
        client.publish('plant/t', 'once', { qos: 2, messageId: 11 });
        await client.next('pubrec');
      }
      await using gateway = await RunningGateway.start(directory.path);
      using client = await RawClient.connect(gateway.port, version, kept(version, 'device'));
      client.publish('plant/t', 'once', { qos: 2, messageId: 11, dup: true });
      await client.next('pubrec');
      client.send({ cmd: 'pubrel', messageId: 11 });
      expect((await client.next('pubcomp')).reasonCode ?? 0).toBe(0);
      client.publish('plant/t', 'next', { qos: 2, messageId: 11 });
      await client.next('pubrec');
      expect(payloads(gateway.records())).toEqual(['once', 'next']);
    });

    test('resends a QoS 1 PUBLISH with DUP and has it kept once, but not what only bears its packet id (MQTT-4.4.0-1)', async () => {
      using directory = new TemporaryDirectory();
      {
        await using gateway = await RunningGateway.start(directory.path);
        using lost = await RawClient.connect(gateway.port, version, kept(version, 'device'));
        lost.publish('plant/t', 'once', { qos: 1, messageId: 3 });
        await lost.next('puback'); // which its device does not get to see
        await lost.drop();
        using again = await RawClient.connect(gateway.port, version, kept(version, 'device'));
        again.publish('plant/t', 'once', { qos: 1, messageId: 3, dup: true });
        expect(await again.next('puback')).toMatchObject({ messageId: 3 });
        expect(gateway.records()).toHaveLength(1);
      }
      await using gateway = await RunningGateway.start(directory.path);
      using client = await RawClient.connect(gateway.port, version, kept(version, 'device'));
      client.publish('plant/t', 'once', { qos: 1, messageId: 3, dup: true });
      await client.next('puback');
      expect(gateway.records()).toHaveLength(1);
      client.publish('plant/t', 'another', { qos: 1, messageId: 3, dup: true });
      client.publish('plant/t', 'another', { qos: 1, messageId: 3 });
      await client.take('puback', 2);
      expect(payloads(gateway.records())).toEqual(['once', 'another', 'another']);
    });
  },
);
