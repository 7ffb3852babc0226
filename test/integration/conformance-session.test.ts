// Sessions as a client sees them: what is kept, what a CONNECT gets back of it, and how a connection ends. Waiting is
// real here - a keep-alive and an expiry are about time - so these tests run side by side.

import { describe, expect, test, vi } from 'vitest';
import { frameOf, prefixed, uint16 } from '../support/mqtt-bytes.ts';
import type { ClientVersion } from '../support/mqtt-frame-packets.ts';
import { type ConnectFields, type Packet, RawClient } from '../support/raw-client.ts';
import { SharedGateway } from '../support/shared-gateway.ts';

const SUBSCRIPTIONS_MAX = 3;
const KEEP_ALIVE_MAX_S = 2;
const SESSION_EXPIRY_MAX_S = 3600;

vi.setConfig({ maxConcurrency: 50 });

const mqtt = {
  subscriptionsMax: SUBSCRIPTIONS_MAX,
  keepAliveMaxMs: `${KEEP_ALIVE_MAX_S}s`,
  sessionExpiryMaxMs: `${SESSION_EXPIRY_MAX_S}s`,
  connectTimeoutMs: '1s',
};
const access = { anonymous: true, failures: { delayMaxMs: '500ms' } }; // less than the time for a CONNECT
const gateway = new SharedGateway({ mqtt, access });

/** Clean Start or not; the session is kept for an hour where the version lets a client say so. */
function fields(version: ClientVersion, clientId: string, clean: boolean, expiryS = 3600): ConnectFields {
  return { clientId, clean, ...(version === 5 ? { properties: { sessionExpiryInterval: expiryS } } : {}) };
}

async function open(
  version: ClientVersion,
  connect: ConnectFields,
): Promise<{ client: RawClient; connack: Packet }> {
  const client = await RawClient.open(gateway.port, version);
  return { client, connack: await client.sendConnect(connect) };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)); // the time itself is what is tested

describe.concurrent.each([4, 5] as const)('a session of version %i', (version) => {
  test.each([true, false])(
    'is there again after a disconnect, with subscriptions: %s (MQTT-3.2.2-2)',
    async (subscribes) => {
      const id = `returning-${version}-${subscribes}`;
      const first = await open(version, fields(version, id, false));
      expect(first.connack.sessionPresent).toBe(false);
      if (subscribes) await first.client.subscribe(`${id}/cmd`, 1);
      await first.client.disconnect();
      const second = await open(version, fields(version, id, false));
      expect(second.connack.sessionPresent).toBe(true);
      if (subscribes) {
        second.client.publish(`${id}/cmd`, 'x', { qos: 1, messageId: 1 });
        const [publish] = await second.client.each('publish', 'puback');
        expect(publish).toMatchObject({ topic: `${id}/cmd`, qos: 1 });
      }
      second.client[Symbol.dispose]();
    },
  );

  test('ends with a clean start: nothing of it is left (MQTT-3.1.2-4, MQTT-3.2.2-3)', async () => {
    const id = `clean-${version}`;
    const first = await open(version, fields(version, id, false));
    await first.client.subscribe(`${id}/cmd`, 2);
    await first.client.disconnect();
    using publisher = await RawClient.connect(gateway.port, version, { clientId: `${id}-publisher` });
    publisher.publish(`${id}/cmd`, 'queued', { qos: 1, messageId: 1 });
    await publisher.next('puback');
    const second = await open(version, fields(version, id, true));
    expect(second.connack.sessionPresent).toBe(false);
    publisher.publish(`${id}/cmd`, 'live', { qos: 1, messageId: 2 });
    await publisher.next('puback');
    await second.client.ping();
    expect(second.client.pending).toEqual([]);
    second.client[Symbol.dispose]();
  });

  test('is taken over by a new connection of its client; the old one is ended, in MQTT 5 with 0x8E (MQTT-3.1.4-3)', async () => {
    const id = `taken-${version}`;
    const first = await open(version, fields(version, id, false));
    await first.client.subscribe(`${id}/cmd`, 1);
    const second = await open(version, fields(version, id, false));
    expect(second.connack.sessionPresent).toBe(true);
    if (version === 5) expect(await first.client.next('disconnect')).toMatchObject({ reasonCode: 0x8e });
    await first.client.end();
    second.client.publish(`${id}/cmd`, 'x', { qos: 1, messageId: 1 });
    await second.client.each('publish', 'puback');
    second.client[Symbol.dispose]();
  });

  test('has at most mqtt.subscriptionsMax subscriptions, the next one is refused (MQTT-3.9.3-1)', async () => {
    const id = `many-${version}`;
    using client = await RawClient.connect(gateway.port, version, fields(version, id, false));
    for (let i = 0; i < SUBSCRIPTIONS_MAX; i++)
      expect(await client.subscribe(`${id}/${i}`, 1)).toMatchObject({ granted: [1] });
    expect((await client.subscribe(`${id}/more`, 1)).granted).toEqual([version === 5 ? 0x87 : 0x80]);
    expect((await client.subscribe(`${id}/0`, 2)).granted).toEqual([2]);
    client.publish(`${id}/more`, 'no', { qos: 1, messageId: 1 });
    client.publish(`${id}/1`, 'yes', { qos: 1, messageId: 2 });
    const packets = [await client.next('puback'), ...(await client.each('puback', 'publish'))];
    expect(packets[2]).toMatchObject({ topic: `${id}/1` });
    await client.ping();
    client.send({ cmd: 'unsubscribe', messageId: 9, unsubscriptions: [`${id}/1`] });
    await client.next('unsuback');
    expect((await client.subscribe(`${id}/more`, 1)).granted).toEqual([1]);
  });
});

describe.concurrent('session expiry (MQTT 5.0 3.1.2.11.2)', () => {
  test('ends a session whose time has passed, and not before', async () => {
    const first = await open(5, fields(5, 'expiring', false, 1));
    await first.client.disconnect();
    const second = await open(5, fields(5, 'expiring', false, 1));
    expect(second.connack.sessionPresent).toBe(true);
    await second.client.disconnect();
    await pause(1300);
    const third = await open(5, fields(5, 'expiring', false, 1));
    expect(third.connack.sessionPresent).toBe(false);
    third.client[Symbol.dispose]();
  });

  test('of 0 ends a session with its connection', async () => {
    const first = await open(5, fields(5, 'brief', true, 0));
    await first.client.disconnect();
    const second = await open(5, fields(5, 'brief', false, 0));
    expect(second.connack.sessionPresent).toBe(false);
    second.client[Symbol.dispose]();
  });

  test('can be shortened by DISCONNECT, but not given to a session that had none (MQTT 5.0 3.14.2.2.2)', async () => {
    const first = await open(5, fields(5, 'shortened', false));
    await first.client.disconnect({ properties: { sessionExpiryInterval: 0 } });
    const second = await open(5, fields(5, 'shortened', false, 0));
    expect(second.connack.sessionPresent).toBe(false);
    second.client.send({ cmd: 'disconnect', properties: { sessionExpiryInterval: 100 } });
    expect(await second.client.next('disconnect')).toMatchObject({ reasonCode: 0x82 });
    await second.client.end();
    const third = await open(5, fields(5, 'shortened', false, 0));
    expect(third.connack.sessionPresent).toBe(false);
    third.client[Symbol.dispose]();
  });

  test('longer than allowed is cut down, and CONNACK says so (MQTT 5.0 3.2.2.3.2)', async () => {
    const { client, connack } = await open(5, fields(5, 'lasting', true, 0xffffffff));
    expect(connack.properties).toMatchObject({ sessionExpiryInterval: SESSION_EXPIRY_MAX_S });
    client[Symbol.dispose]();
  });
});

describe.concurrent('a client without a name', () => {
  test('is given one of its own in MQTT 5, and told it (MQTT-3.1.3-6, MQTT-3.2.2-16)', async () => {
    const [one, other] = await Promise.all([open(5, { clientId: '' }), open(5, { clientId: '' })]);
    const names = [one, other].map(({ connack }) => connack.properties?.assignedClientIdentifier);
    expect(names[0]).toMatch(/^auto-./);
    expect(names[1]).not.toBe(names[0]);
    one.client.publish('plant/t', 'x', { qos: 1, messageId: 1 });
    await one.client.next('puback');
    expect(gateway.records().map((record) => record.device)).toContain(names[0]);
    for (const { client } of [one, other]) client[Symbol.dispose]();
  });

  test('of version 4 may have a clean session only (MQTT-3.1.3-7, MQTT-3.1.3-8)', async () => {
    const { client, connack } = await open(4, { clientId: '', clean: true });
    expect(connack.returnCode).toBe(0);
    client[Symbol.dispose]();
    using refused = await RawClient.open(gateway.port, 4);
    refused.write(frameOf(0x10, prefixed('MQTT'), 4, 0, uint16(0), prefixed('')));
    expect(await refused.next('connack')).toMatchObject({ returnCode: 2 });
    await refused.end();
  });
});

describe.concurrent('keep-alive', () => {
  test.each([0, 60])(
    'of MQTT 5 longer than allowed (%i) is replaced, and CONNACK says so (MQTT-3.2.2-21)',
    async (keepalive) => {
      const { client, connack } = await open(5, { clientId: `patient-${keepalive}`, keepalive });
      expect(connack.properties).toMatchObject({ serverKeepAlive: KEEP_ALIVE_MAX_S });
      const sinceMs = performance.now();
      await client.end();
      expect((performance.now() - sinceMs) / 1000).toBeGreaterThan(1.5 * KEEP_ALIVE_MAX_S - 0.1);
    },
  );

  test.each([3, 4, 5] as const)(
    'of version %i ends a silent client after one and a half times its length (MQTT-3.1.2-22)',
    async (version) => {
      const sinceMs = performance.now();
      using client = await RawClient.connect(gateway.port, version, {
        clientId: `silent-${version}`,
        keepalive: 1,
      });
      await client.end();
      const tookMs = performance.now() - sinceMs;
      expect(tookMs).toBeGreaterThan(1450);
      expect(tookMs).toBeLessThan(4000);
    },
  );

  test.each([3, 4, 5] as const)(
    'of version %i does not end a client that only publishes, nor does it get answers it did not ask for',
    async (version) => {
      using client = await RawClient.connect(gateway.port, version, {
        clientId: `busy-${version}`,
        keepalive: 1,
      });
      const untilMs = performance.now() + 2600;
      for (let messageId = 1; performance.now() < untilMs; messageId++) {
        client.publish('plant/t', 'x', { qos: 1, messageId });
        client.publish('plant/t', 'x');
        await client.next('puback');
        await pause(300);
      }
      expect(client.pending).toEqual([]);
      await client.ping();
    },
  );

  test('has not begun for a connection that says nothing: it is ended after mqtt.connectTimeoutMs', async () => {
    using client = await RawClient.open(gateway.port, 4);
    await client.end();
  });
});
