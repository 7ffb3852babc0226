// Retained messages over real sockets and over restarts of the gateway (MQTT 5.0 3.3.1.3).

import { describe, expect, test } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { RunningGateway } from '../support/running-gateway.ts';
import { publishAll, SharedGateway } from '../support/shared-gateway.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';

const gateway = new SharedGateway();

describe.concurrent.each([3, 4, 5] as const)(
  'a retained message, to a subscriber of version %i,',
  (version) => {
    test('comes with RETAIN 1 on subscribing and with RETAIN 0 live, the last one only, and not when it was emptied (MQTT-3.3.1-5, MQTT-3.3.1-6, MQTT-3.3.1-10)', async () => {
      const id = `retained-${version}`;
      await publishAll({ port: gateway.port, topic: `${id}/a` }, ['old', 'new'], { retain: true });
      await publishAll({ port: gateway.port, topic: `${id}/b` }, ['gone', ''], { retain: true });
      using client = await RawClient.connect(gateway.port, version, { clientId: id });
      await client.subscribe(`${id}/+`, 1);
      expect(await client.next('publish')).toMatchObject({
        topic: `${id}/a`,
        payload: Buffer.from('new'),
        retain: true,
        qos: 1,
      });
      await publishAll({ port: gateway.port, topic: `${id}/b` }, ['live'], { retain: true });
      expect(await client.next('publish')).toMatchObject({
        topic: `${id}/b`,
        payload: Buffer.from('live'),
        retain: false,
      });
      await client.ping();
      expect(client.pending).toEqual([]);
    });

    test('is there after a restart of the gateway, with its properties', async () => {
      using own = new TemporaryDirectory();
      {
        await using before = await RunningGateway.start(own.path);
        await publishAll({ port: before.port, topic: 'state' }, ['kept'], {
          retain: true,
          properties: { contentType: 'text/plain' },
        });
      }
      await using after = await RunningGateway.start(own.path);
      using client = await RawClient.connect(after.port, version);
      await client.subscribe('#', 2);
      const packet = await client.next('publish');
      expect(packet).toMatchObject({ topic: 'state', payload: Buffer.from('kept'), retain: true, qos: 1 });
      if (version === 5) expect(packet.properties).toEqual({ contentType: 'text/plain' });
    });
  },
);

// The engine takes longer over what is to be retained, and must lose neither it nor its place for that.
describe.concurrent.each([0, 1, 2] as const)('published with QoS %i among others,', (qos) => {
  const sent = (id: string) =>
    Array.from({ length: 20 }, (_, i) => ({ topic: `${id}/${i % 2}`, retain: i % 3 === 0, name: `${i}` }));

  test.each([true, false])(
    'a retained message comes to a live subscriber as well, in its order (MQTT 5.0 4.6; clean session: %s)',
    async (clean) => {
      const id = `mixed-${qos}-${clean}`;
      using subscriber = await RawClient.connect(gateway.port, 4, { clientId: id, clean });
      await subscriber.subscribe(`${id}/#`, 2);
      await subscriber.subscribe(`${id}/+`, 2); // overlapping: one copy each
      using publisher = await RawClient.connect(gateway.port, 4);
      const messages = sent(id);
      for (const [i, { topic, retain, name }] of messages.entries())
        publisher.publish(topic, name, { qos, retain, messageId: i + 1 });
      const arrived: string[] = [];
      while (arrived.length < messages.length)
        arrived.push(String((await subscriber.next('publish')).payload));
      expect(arrived).toEqual(messages.map(({ name }) => name));
      await subscriber.ping();
      expect(subscriber.pending.filter(({ cmd }) => cmd === 'publish')).toEqual([]);
    },
  );
});
