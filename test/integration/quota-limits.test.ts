// The limits of a device that no waiting helps with, whatever happens above its rate: bytes a day, topics, sizes,
// subscriptions, and what waits to be sent on.

import { expect, test } from 'vitest';
import { auditLine } from '../support/audit-lines.ts';
import { type Packet, RawClient } from '../support/raw-client.ts';
import { RunningGateway } from '../support/running-gateway.ts';
import { SharedGateway } from '../support/shared-gateway.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';
import { TestBroker } from '../support/test-broker.ts';
import { waitFor } from '../support/wait-for.ts';

const versions = [4, 5] as const;
type Version = (typeof versions)[number];
const QUOTA_EXCEEDED = 0x97;
const long = 'x'.repeat(400);

const quotas = {
  devices: [
    { clients: ['daily*'], dailyBytesMax: 1000, over: 'refuse' },
    { clients: ['topics*'], topicsMax: 2 },
    { clients: ['subscriptions*'], subscriptionsMax: 2 },
    { clients: ['packets*'], packetBytesMax: 200 },
  ],
};

const gateway = new SharedGateway({ quotas });

const connect = (clientId: string, version: Version): Promise<RawClient> =>
  RawClient.connect(gateway.port, version, { clientId });

async function send(client: RawClient, topic: string, payload: string, messageId: number): Promise<Packet> {
  client.publish(topic, payload, { qos: 1, messageId });
  return await client.next('puback');
}

test('what a device has sent in a day counts over all its connections', async () => {
  using client = await connect('daily', 5);
  for (const messageId of [1, 2]) await send(client, 't', long, messageId);
  const answer = await send(client, 't', long, 3);
  expect(answer).toMatchObject({
    reasonCode: QUOTA_EXCEEDED,
    properties: { reasonString: 'this client has sent what it may send until midnight UTC' },
  });
  await client.disconnect();
  using again = await connect('daily', 5); // the day is no shorter for that
  expect(await send(again, 't', long, 4)).toMatchObject({
    reasonCode: QUOTA_EXCEEDED,
  });
  await auditLine(gateway.path, { event: 'publish-refused', reason: 'daily-bytes', client: 'daily' });
});

test('a topic too many is refused, although messages above the rate are delayed', async () => {
  using client = await connect('topics', 5);
  const codes: number[] = [];
  for (const [i, topic] of ['a', 'b', 'c', 'a', 'b', 'd'].entries()) {
    const { reasonCode = 0 } = await send(client, topic, 'x', i + 1);
    codes.push(reasonCode);
  }
  expect(codes).toEqual([0, 0, QUOTA_EXCEEDED, 0, 0, QUOTA_EXCEEDED]);
  await auditLine(gateway.path, {
    event: 'publish-refused',
    reason: 'topics',
    client: 'topics',
    object: 'c',
  });
});

test('a message that is too large is refused, and the connection stays', async () => {
  using client = await connect('packets', 5);
  // Fixed header 3, topic 3, packet id 2, no properties 1.
  expect((await send(client, 't', 'x'.repeat(191), 1)).reasonCode ?? 0).toBe(0);
  expect(await send(client, 't', 'x'.repeat(192), 2)).toMatchObject({
    reasonCode: QUOTA_EXCEEDED,
    properties: { reasonString: 'larger than this client may send' },
  });
  await auditLine(gateway.path, {
    event: 'publish-refused',
    reason: 'message-too-large',
    client: 'packets',
  });
});

test.each(versions)(
  'subscriptions too many are refused, also those in one packet (MQTT level %i)',
  async (version) => {
    const device = `subscriptions.v${version}`;
    using client = await connect(device, version);
    const refused = version === 5 ? 0x87 : 0x80;
    const options = version === 5 ? { nl: false, rap: false, rh: 0 } : {};
    const subscriptions = ['a', 'b', 'c', 'd'].map((topic) => ({ topic, qos: 0, ...options }));
    client.send({ cmd: 'subscribe', messageId: 1, subscriptions });
    expect((await client.next('suback')).granted).toEqual([0, 0, refused, refused]);
    expect((await client.subscribe('e', 0)).granted).toEqual([refused]);
    expect((await client.subscribe('a', 1)).granted).toEqual([1]); // it has that one
    client.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['b'] });
    await client.next('unsuback');
    expect((await client.subscribe('e', 0)).granted).toEqual([0]);
    await auditLine(gateway.path, {
      event: 'subscribe-refused',
      reason: 'too-many-subscriptions',
      client: device,
    });
  },
);

test('a device of which too much waits to be sent on is refused until the upstream has it, and nobody else is', async () => {
  using own = new TemporaryDirectory();
  await using upstream = await TestBroker.start();
  const { url } = upstream;
  await upstream.close();
  const reconnect = { minMs: '50ms', maxMs: '100ms' };
  const sinks = { cloud: { type: 'mqtt', url, reconnect, breaker: { openMs: '100ms' } } };
  const stored = { devices: [{ clients: ['stored'], storedBytesMax: 2000, over: 'refuse' }] };
  await using running = await RunningGateway.start(own.path, { quotas: stored, sinks });
  using client = await RawClient.connect(running.port, 5, { clientId: 'stored' });
  using other = await RawClient.connect(running.port, 5, { clientId: 'other' });
  const fill = async (): Promise<number> => {
    for (let kept = 0; kept < 100; kept++) {
      const { reasonCode = 0 } = await send(client, 't', long, 1);
      if (reasonCode === 0) continue;
      expect(reasonCode).toBe(QUOTA_EXCEEDED);
      return kept;
    }
    throw new Error('nothing was refused');
  };
  const kept = await fill();
  expect(kept).toBeGreaterThanOrEqual(4);
  expect(kept).toBeLessThanOrEqual(5);
  expect((await send(other, 't', long, 1)).reasonCode ?? 0).toBe(0);
  await upstream.open();
  await waitFor(async () => ((await send(client, 't', 'room again', 1)).reasonCode ?? 0) === 0, {
    what: 'room for the device',
  });
  await auditLine(own.path, { event: 'publish-refused', reason: 'stored-bytes', client: 'stored' });
});
