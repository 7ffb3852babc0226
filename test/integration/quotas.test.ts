// What a device feels that is over its quota, for each way of going about it, by MQTT 3.1.1 and 5. One gateway with a
// quota for each kind of device, told apart by their client ids.

import { describe, expect, test } from 'vitest';
import { auditLine } from '../support/audit-lines.ts';
import { type Packet, type PublishFields, RawClient } from '../support/raw-client.ts';
import { RunningGateway } from '../support/running-gateway.ts';
import { SharedGateway } from '../support/shared-gateway.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

const versions = [4, 5] as const;
type Version = (typeof versions)[number];
const KEEP_ALIVE_S = 1;
const QUOTA_EXCEEDED = 0x97;

const refuse = { messagesPerS: '1/m', messagesBurst: 2, over: 'refuse' };
const quotas = {
  devices: [
    { clients: ['slow*'], messagesPerS: '30/m', messagesBurst: 1 },
    { clients: ['tiny*'], messagesPerS: '5/s', messagesBurst: 1 },
    { clients: ['refused*'], ...refuse },
    { clients: ['cut*'], ...refuse, refuseMqtt3: 'disconnect' },
    { clients: ['qos0*'], messagesPerS: '2/s', messagesBurst: 2, over: 'drop-qos0' },
    { clients: ['one-in*'], messagesPerS: '1/m', messagesBurst: 2, over: 'sample', sampleOneIn: 5 },
    {
      clients: ['latest*'],
      messagesPerS: '1/m',
      messagesBurst: 1,
      over: 'sample',
      sample: 'latest',
      sampleEveryMs: '300ms',
    },
  ],
};

const gateway = new SharedGateway({ quotas });

const connect = (clientId: string, version: Version, keepalive = 0): Promise<RawClient> =>
  RawClient.connect(gateway.port, version, { clientId, keepalive });
const payloadsOf = (device: string): string[] =>
  gateway
    .records()
    .filter((record) => record.device === device)
    .map(({ payload }) => payload);

/** Publishes and waits for what comes back: the reason code, 0 in MQTT 3.1.1; QoS 2 to its end. */
async function send(
  client: RawClient,
  topic: string,
  payload: string,
  fields: PublishFields,
): Promise<Packet> {
  client.publish(topic, payload, fields);
  if (fields.qos === 1) return await client.next('puback');
  const answer = await client.next('pubrec');
  if ((answer.reasonCode ?? 0) < 0x80) {
    client.send({ cmd: 'pubrel', messageId: fields.messageId });
    await client.next('pubcomp');
  }
  return answer;
}

describe('over: delay', () => {
  test.concurrent.each(versions)(
    'a device whose rate is slower than its keep-alive is answered its pings, and loses nothing (MQTT level %i)',
    async (version) => {
      using client = await connect(`slow.v${version}`, version, KEEP_ALIVE_S);
      client.publish('t', 'first', { qos: 1, messageId: 1 });
      client.publish('t', 'second', { qos: 1, messageId: 2 });
      let pings = 0;
      const ping = (): void => {
        pings++;
        client.send({ cmd: 'pingreq' });
      };
      ping(); // with the publishes, and then as every client does that waits for its acknowledgements
      const timer = setInterval(ping, KEEP_ALIVE_S * 400);
      const came: string[] = [];
      while (came.filter((what) => what === 'puback').length < 2) came.push((await client.whenever()).cmd);
      clearInterval(timer);
      // Before the second acknowledgement, which took longer than the keep-alive allows.
      const between = came.slice(came.indexOf('puback') + 1, -1);
      expect(between.length).toBeGreaterThanOrEqual(3);
      expect(new Set(between)).toEqual(new Set(['pingresp']));
      while (came.length < 2 + pings) came.push((await client.next('pingresp')).cmd);
      await client.ping();
      expect(client.pending).toEqual([]);
      expect(payloadsOf(`slow.v${version}`)).toEqual(['first', 'second']);
    },
  );

  test.concurrent('a device that has gone silent while it waits is ended by its keep-alive', async () => {
    using client = await connect('slow.silent', 5, KEEP_ALIVE_S);
    for (let messageId = 1; messageId <= 20; messageId++) client.publish('t', 'x', { qos: 1, messageId });
    await client.end();
    expect(payloadsOf('slow.silent').length).toBeLessThan(20);
  });

  test.concurrent.each(versions)(
    'what a device has sent is kept, whatever its QoS, in its order, also when it says goodbye meanwhile (MQTT level %i)',
    async (version) => {
      const device = `tiny.v${version}`;
      const will = { topic: 'will/of/tiny', payload: Buffer.from('gone'), qos: 1, retain: false };
      using client = await RawClient.connect(gateway.port, version, { clientId: device, will });
      const payloads = Array.from({ length: 6 }, (_, i) => `${i}`);
      for (const [i, payload] of payloads.entries()) client.publish('t', payload, { qos: 0, messageId: i });
      client.send({ cmd: 'disconnect' });
      client.socket.end();
      await client.closed;
      await waitFor(() => payloadsOf(device).length === payloads.length, {
        what: () => payloadsOf(device).join(),
      });
      expect(payloadsOf(device)).toEqual(payloads);
    },
  );
});

test('the status says which clients are made to wait, and by which limit', async () => {
  using own = new TemporaryDirectory();
  const devices = [
    { clients: ['daily*'], dailyBytesMax: '1KiB' },
    { clients: ['rated*'], messagesPerS: '1/m', messagesBurst: 1 },
  ];
  await using running = await RunningGateway.start(own.path, { quotas: { devices } });
  const connectTo = (clientId: string) => RawClient.connect(running.port, 5, { clientId });
  using _quick = await connectTo('rated.quick');
  using daily = await connectTo('daily.1');
  using rated = await connectTo('rated.1');
  for (const [client, payload] of [[daily, 'x'.repeat(900)] as const, [rated, 'x'] as const])
    for (const messageId of [1, 2, 3]) client.publish('t', payload, { qos: 1, messageId });
  const delays = async () => (await running.gateway.status()).admission.quotas.delays;
  await waitFor(async () => (await delays()).delayedClients === 2, { what: 'two clients that wait' });
  const { mostDelayed, waitingForDay, someWaitingForDay } = await delays();
  const once = { group: 'default', times: 1, waitedMs: expect.any(Number) };
  expect(mostDelayed).toEqual([{ client: 'rated.1', limit: 'messageRate', ...once }]);
  expect(waitingForDay).toBe(1);
  expect(someWaitingForDay).toEqual([{ client: 'daily.1', limit: 'dailyBytes', ...once }]);
});

describe('over: refuse', () => {
  test.each([1, 2] as const)(
    'MQTT 5 is told with QoS %i what is too much and why, and the packet id is free again',
    async (qos) => {
      const device = `refused.q${qos}`;
      using client = await connect(device, 5);
      for (const messageId of [1, 2]) {
        const { reasonCode } = await send(client, 't', 'in time', { qos, messageId });
        expect(reasonCode ?? 0).toBe(0);
      }
      for (let i = 0; i < 3; i++) {
        const answer = await send(client, 't', 'too much', { qos, messageId: 3 });
        expect(answer).toMatchObject({
          cmd: qos === 1 ? 'puback' : 'pubrec',
          messageId: 3,
          reasonCode: QUOTA_EXCEEDED,
          properties: { reasonString: 'more messages a second than this client may send' },
        });
      }
      client.publish('t', 'too much', { qos: 0 });
      await client.ping();
      expect(client.pending).toEqual([]);
      expect(payloadsOf(device)).toEqual(['in time', 'in time']);
      await auditLine(gateway.path, {
        event: 'publish-refused',
        reason: 'message-rate',
        client: device,
        object: 't',
      });
    },
  );

  test('a client that wants no problem information, or only small packets, gets the code alone (MQTT 5.0 3.1.2.11.7, MQTT-3.4.2-2)', async () => {
    for (const properties of [{ requestProblemInformation: false }, { maximumPacketSize: 60 }]) {
      const clientId = `refused.${Object.keys(properties)}`;
      using client = await RawClient.connect(gateway.port, 5, { clientId, properties });
      for (let messageId = 1; messageId <= 3; messageId++) client.publish('t', 'x', { qos: 1, messageId });
      const [, , third] = await client.take('puback', 3);
      expect(third).toMatchObject({ messageId: 3, reasonCode: QUOTA_EXCEEDED });
      expect(third.properties ?? {}).toEqual({});
    }
  });

  test.each([1, 2] as const)(
    'MQTT 3.1.1 is acknowledged with QoS %i, and what is too much is dropped',
    async (qos) => {
      const device = `refused.v4.q${qos}`;
      using client = await connect(device, 4);
      for (let messageId = 1; messageId <= 5; messageId++)
        await send(client, 't', `${messageId}`, { qos, messageId });
      expect(payloadsOf(device)).toEqual(['1', '2']);
      await auditLine(gateway.path, { event: 'publish-refused', reason: 'message-rate', client: device });
    },
  );

  test('MQTT 3.1.1 is disconnected where that is wanted, and MQTT 5 is told as ever', async () => {
    using old = await connect('cut.v4', 4);
    for (let messageId = 1; messageId <= 2; messageId++) await send(old, 't', 'x', { qos: 1, messageId });
    old.publish('t', 'too much', { qos: 0 }); // nothing waits for an answer
    await old.ping();
    old.publish('t', 'too much', { qos: 1, messageId: 3 });
    await old.end();
    expect(old.pending).toEqual([]);
    using modern = await connect('cut.v5', 5);
    for (let messageId = 1; messageId <= 3; messageId++) modern.publish('t', 'x', { qos: 1, messageId });
    expect((await modern.take('puback', 3)).map(({ reasonCode }) => reasonCode ?? 0)).toEqual([
      0,
      0,
      QUOTA_EXCEEDED,
    ]);
    expect([payloadsOf('cut.v4'), payloadsOf('cut.v5')]).toEqual([
      ['x', 'x'],
      ['x', 'x'],
    ]);
    await auditLine(gateway.path, { event: 'publish-refused', reason: 'message-rate', client: 'cut.v4' });
  });
});

test.each(versions)('over: drop-qos0 drops these, and delays the others (MQTT level %i)', async (version) => {
  const device = `qos0.v${version}`;
  using client = await connect(device, version);
  for (let i = 0; i < 20; i++) client.publish('t', `light ${i}`, { qos: 0 });
  for (const messageId of [1, 2]) client.publish('t', `heavy ${messageId}`, { qos: 1, messageId });
  const answers = await client.take('puback', 2);
  expect(answers.map(({ reasonCode }) => reasonCode ?? 0)).toEqual([0, 0]);
  expect(payloadsOf(device)).toEqual(['light 0', 'light 1', 'heavy 1', 'heavy 2']);
});

describe('over: sample', () => {
  test.each(versions)('one in N is kept, and all are acknowledged (MQTT level %i)', async (version) => {
    const device = `one-in.v${version}`;
    using client = await connect(device, version);
    for (let messageId = 1; messageId <= 18; messageId++)
      client.publish('t', `${messageId}`, { qos: (messageId % 3) as 0 | 1 | 2, messageId });
    let answered = 0;
    while (answered < 12) {
      const { cmd, reasonCode = 0 } = await client.any();
      expect([cmd, reasonCode]).toEqual([expect.stringMatching(/^(puback|pubrec)$/), 0]);
      answered++;
    }
    await client.ping();
    expect(payloadsOf(device)).toEqual(['1', '2', '3', '8', '13', '18']);
  });

  test('the latest of each topic is kept, so often, and seen by subscribers', async () => {
    using subscriber = await connect('onlooker', 5);
    await subscriber.subscribe('latest/+', 0);
    using client = await connect('latest', 5);
    for (let messageId = 1; messageId <= 30; messageId++)
      client.publish(`latest/${messageId % 3}`, `${messageId}`, { qos: 1, messageId });
    const answers = await client.take('puback', 30);
    expect(answers.every(({ reasonCode = 0 }) => reasonCode === 0)).toBe(true);
    const seen = await subscriber.take('publish', 4);
    expect(seen.map(({ topic, payload }) => `${topic}=${payload}`)).toEqual([
      'latest/1=1',
      'latest/2=29',
      'latest/0=30',
      'latest/1=28',
    ]);
    expect(payloadsOf('latest').toSorted()).toEqual(['1', '28', '29', '30']);
  });

  test('the latest messages of one that leaves are kept', async () => {
    using client = await connect('latest.leaver', 5);
    for (const payload of ['at once', 'overtaken', 'last']) client.publish('t', payload, { qos: 0 });
    await client.disconnect();
    await waitFor(() => payloadsOf('latest.leaver').length === 2, { what: 'the last message' });
    expect(payloadsOf('latest.leaver')).toEqual(['at once', 'last']);
  });
});
