// What a client that is signed in can do with packets: identifiers in any order or all the same, QoS 2 that is never
// released, packets that are begun and not ended, pings without end.

import { expect, test } from 'vitest';
import { clientLimits } from '../../../config/limits.ts';
import { attacked } from '../../support/attacked-gateway.ts';
import type { ClientVersion } from '../../support/mqtt-frame-packets.ts';
import { encode, RawClient } from '../../support/raw-client.ts';
import { SocketFlood } from '../../support/socket-flood.ts';
import { waitFor } from '../../support/wait-for.ts';

const versions: readonly ClientVersion[] = [4, 5];
const NOT_FOUND = 0x92;
const RECEIVE_MAXIMUM_EXCEEDED = 0x93;

test.each(versions)(
  'packet ids come back as they came, in any order and all the same (MQTT %i)',
  async (version) => {
    const ids = [65_535, 3, 1, 30_000, 2, ...Array(200).fill(7), 65_534, 4];
    await attacked({ mqtt: { receiveMaximum: 8 } }, async ({ gateway, served }) => {
      using client = await RawClient.connect(gateway.port, version, { clientId: 'muddler' });
      for (const [i, messageId] of ids.entries()) client.publish('t', `${i}`, { qos: 1, messageId });
      const pubacks = await client.take('puback', ids.length);
      expect(pubacks.map(({ messageId }) => messageId)).toEqual(ids);
      const payloads = gateway
        .records()
        .filter(({ device }) => device === 'muddler')
        .map(({ payload }) => `${payload}`);
      expect(payloads).toEqual(ids.map((_, i) => `${i}`)); // none is lost
      if (version === 5) expect((await gateway.counters()).windowPauses).toBeGreaterThan(0);
      await served();
    });
  },
);

test.each(versions)(
  'a QoS 2 id in use is the same message until it is released (MQTT %i)',
  async (version) => {
    await attacked({}, async ({ gateway }) => {
      using client = await RawClient.connect(gateway.port, version, { clientId: 'muddler' });
      const publish = (payload: string, messageId: number) =>
        client.publish('t', payload, { qos: 2, messageId });
      client.send({ cmd: 'pubrel', messageId: 9 });
      const unknown = await client.next('pubcomp');
      expect(unknown.reasonCode ?? 0).toBe(version === 5 ? NOT_FOUND : 0);
      for (let i = 0; i < 20; i++) publish(i === 0 ? 'first' : 'again', 5);
      await client.take('pubrec', 20);
      for (let i = 0; i < 20; i++) client.send({ cmd: 'pubrel', messageId: 5 });
      await client.take('pubcomp', 20);
      publish('second', 5);
      await client.next('pubrec');
      const records = gateway.records().filter(({ device }) => device === 'muddler');
      expect(records.map(({ payload }) => String(payload))).toEqual(['first', 'second']);
    });
  },
);

test.each(versions)('messages of QoS 2 that are never released end at a limit (MQTT %i)', async (version) => {
  await attacked({ mqtt: { unreleasedMax: 50 } }, async ({ gateway, served }) => {
    const expiry = version === 5 ? { properties: { sessionExpiryInterval: 1000 } } : {};
    const enter = () =>
      RawClient.connect(gateway.port, version, { clientId: 'keeper', clean: false, ...expiry });
    const expectEnd = async (client: RawClient) => {
      if (version === 5)
        expect(await client.next('disconnect')).toMatchObject({ reasonCode: RECEIVE_MAXIMUM_EXCEEDED });
      await client.end();
    };
    using first = await enter();
    for (let messageId = 1; messageId <= 50; messageId++) first.publish('t', 'x', { qos: 2, messageId });
    await first.take('pubrec', 50);
    await served();
    first.publish('t', 'one too many', { qos: 2, messageId: 51 });
    await expectEnd(first);
    using second = await enter(); // another connection is no way out
    second.publish('t', 'one too many', { qos: 2, messageId: 51 });
    await expectEnd(second);
    expect((await gateway.counters()).unreleasedFull).toBe(2);
    using third = await enter();
    third.send({ cmd: 'pubrel', messageId: 50 });
    await third.next('pubcomp');
    third.publish('t', 'room again', { qos: 2, messageId: 51 });
    await third.next('pubrec');
    expect((await gateway.counters()).unreleasedFull).toBe(2);
  });
});

test('CONNECTs that are begun and not ended take so much memory together, and no more', async () => {
  const BYTES = 250_000;
  const COUNT = 90;
  const begun = Buffer.alloc(BYTES);
  begun.set([0x10, 0x90, 0xa1, 0x0f]); // a CONNECT of 250,000 bytes and a few more
  await attacked({}, async ({ gateway, served }) => {
    using flood = new SocketFlood({ port: gateway.port, count: COUNT, first: begun });
    const mostLeft = Math.floor(clientLimits.partialConnectBytesMax / BYTES);
    await waitFor(() => flood.ended >= COUNT - mostLeft, { what: () => `${flood.ended} to end` });
    await served();
    const { partialPackets, connections } = await gateway.counters();
    expect(partialPackets).toBeGreaterThanOrEqual(COUNT - mostLeft);
    expect(connections).toBe(1 + COUNT - partialPackets);
  });
});

test('a packet that is begun and not ended holds up nobody else, and is taken when it is whole', async () => {
  await attacked({}, async ({ gateway, served }) => {
    using client = await RawClient.connect(gateway.port, 4, { clientId: 'dawdler' });
    const packet = encode(
      {
        cmd: 'publish',
        topic: 't',
        payload: 'x'.repeat(5000),
        qos: 1,
        messageId: 1,
        dup: false,
        retain: false,
      },
      4,
    );
    for (const [from, to] of [
      [0, 1],
      [1, 3],
      [3, 4500],
      [4500, packet.length - 1],
    ]) {
      client.write(packet.subarray(from, to));
      await served();
    }
    expect(client.pending).toEqual([]);
    client.write(packet.subarray(-1));
    await client.next('puback');
  });
});

test('pings without end are answered in turns', async () => {
  const COUNT = 30_000;
  await attacked({}, async ({ gateway, served }) => {
    using client = await RawClient.connect(gateway.port, 4, { clientId: 'pinger' });
    client.write(Buffer.alloc(2 * COUNT, Buffer.from([0xc0, 0])));
    await client.take('pingresp', COUNT);
    const turns = Math.floor(COUNT / clientLimits.framesPerTurnMax);
    expect((await gateway.counters()).turnPauses).toBeGreaterThanOrEqual(turns);
    await served();
  });
});
