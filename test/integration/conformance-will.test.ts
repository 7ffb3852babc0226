// Wills: when they are published, when not, and that they are in the log like any publish of the device - the upstream
// hears of its death too.

import { describe, expect, test, vi } from 'vitest';
import { GatewayProcess } from '../support/gateway-process.ts';
import type { ClientVersion } from '../support/mqtt-frame-packets.ts';
import { type ConnectFields, RawClient } from '../support/raw-client.ts';
import { RunningGateway } from '../support/running-gateway.ts';
import { SharedGateway } from '../support/shared-gateway.ts';
import { storedRecords } from '../support/stored-records.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';

vi.setConfig({ maxConcurrency: 50 });

const gateway = new SharedGateway();

function withWill(clientId: string, will: object = {}, rest: ConnectFields = {}): ConnectFields {
  return {
    clientId,
    will: { topic: `${clientId}/will`, payload: 'gone', qos: 1, retain: false, ...will },
    ...rest,
  };
}

/** Somebody who hears of it. */
async function watch(clientId: string, version: ClientVersion = 4): Promise<RawClient> {
  const watcher = await RawClient.connect(gateway.port, version, { clientId: `${clientId}-watcher` });
  await watcher.subscribe(`${clientId}/#`, 2);
  return watcher;
}

/** A message published now comes next: no will came before it. */
async function expectNoWill(watcher: RawClient, clientId: string): Promise<void> {
  watcher.publish(`${clientId}/marker`, 'marker', { qos: 1, messageId: 1 });
  const [marker] = await watcher.each('publish', 'puback');
  expect(marker).toMatchObject({ topic: `${clientId}/marker` });
  expect(willsOf(clientId)).toEqual([]);
}

const willsOf = (device: string) =>
  gateway.records().filter((record) => record.device === device && record.will);

describe.concurrent.each([3, 4, 5] as const)('the will of a client of version %i', (version) => {
  test('is published and kept when its connection is lost (MQTT-3.1.2-8)', async () => {
    const id = `lost-${version}`;
    using watcher = await watch(id);
    using client = await RawClient.connect(gateway.port, version, withWill(id, { qos: 2, retain: true }));
    await client.drop();
    expect(await watcher.next('publish')).toMatchObject({
      topic: `${id}/will`,
      payload: Buffer.from('gone'),
      qos: 2,
    });
    expect(willsOf(id)).toMatchObject([{ topic: `${id}/will`, payload: 'gone', qos: 2, retain: true }]);
    using late = await RawClient.connect(gateway.port, 4, { clientId: `${id}-late` });
    await late.subscribe(`${id}/will`, 0);
    expect(await late.next('publish')).toMatchObject({ retain: true });
  });

  test('is published when the gateway ends the connection: for what it sent, and for its silence (MQTT-3.1.2-8)', async () => {
    const id = `ended-${version}`;
    using watcher = await watch(id);
    using rude = await RawClient.connect(gateway.port, version, withWill(id));
    rude.write(Buffer.of(0x00, 0x00));
    expect(await watcher.next('publish')).toMatchObject({ topic: `${id}/will` });
    using silent = await RawClient.connect(
      gateway.port,
      version,
      withWill(id, { payload: 'silent' }, { keepalive: 1 }),
    );
    expect(await watcher.next('publish')).toMatchObject({ payload: Buffer.from('silent') });
    await silent.end();
    expect(willsOf(id)).toHaveLength(2);
  });

  test('is not published when it says goodbye (MQTT-3.1.2-10)', async () => {
    const id = `polite-${version}`;
    using watcher = await watch(id);
    using client = await RawClient.connect(gateway.port, version, withWill(id));
    await client.disconnect();
    await expectNoWill(watcher, id);
  });

  test('is published when another connection takes its session over (MQTT 5.0 3.1.4)', async () => {
    const id = `over-${version}`;
    using watcher = await watch(id);
    using first = await RawClient.connect(gateway.port, version, withWill(id));
    using _second = await RawClient.connect(gateway.port, version, { clientId: id });
    expect(await watcher.next('publish')).toMatchObject({ topic: `${id}/will` });
    await first.closed;
    expect(willsOf(id)).toHaveLength(1);
  });
});

describe.concurrent('the will of an MQTT 5 client', () => {
  test('is published when it disconnects with 0x04 (MQTT 5.0 3.14.2.1)', async () => {
    using watcher = await watch('asking');
    using client = await RawClient.connect(gateway.port, 5, withWill('asking'));
    client.send({ cmd: 'disconnect', reasonCode: 4 });
    expect(await watcher.next('publish')).toMatchObject({ topic: 'asking/will' });
  });

  test('has its properties, without the delay, on the wire and in the log (MQTT 5.0 3.1.3.2, 3.3.2.3)', async () => {
    using watcher = await watch('wordy', 5);
    const properties = {
      contentType: 'text/plain',
      userProperties: { a: 'b' },
      messageExpiryInterval: 100,
      willDelayInterval: 0,
    };
    using client = await RawClient.connect(gateway.port, 5, withWill('wordy', { properties }));
    await client.drop();
    const { willDelayInterval: _delay, ...kept } = properties;
    expect((await watcher.next('publish')).properties).toEqual(kept);
    expect(willsOf('wordy')).toMatchObject([{ properties: kept }]);
  });

  test('waits for its delay, and is not published when its client comes back before (MQTT-3.1.3-9)', async () => {
    using watcher = await watch('delayed');
    const rest = { clean: false, properties: { sessionExpiryInterval: 3600 } };
    const will = { properties: { willDelayInterval: 1 } };
    using first = await RawClient.connect(gateway.port, 5, withWill('delayed', will, rest));
    await first.drop();
    const sinceMs = performance.now();
    using second = await RawClient.connect(gateway.port, 5, withWill('delayed', will, rest));
    await new Promise((resolve) => setTimeout(resolve, 1300)); // longer than the delay of the first
    await expectNoWill(watcher, 'delayed');
    await second.drop();
    const droppedMs = performance.now();
    expect(await watcher.next('publish')).toMatchObject({ topic: 'delayed/will' });
    expect(performance.now() - droppedMs).toBeGreaterThan(950);
    expect(droppedMs - sinceMs).toBeGreaterThan(1300);
    expect(willsOf('delayed')).toHaveLength(1);
  });

  test('is published when its session ends, if that is before the delay is over (MQTT 5.0 3.1.3.2.2)', async () => {
    using watcher = await watch('sessionless');
    const will = { properties: { willDelayInterval: 3600 } };
    using client = await RawClient.connect(gateway.port, 5, withWill('sessionless', will));
    await client.drop();
    expect(await watcher.next('publish')).toMatchObject({ topic: 'sessionless/will' });
  });
});

test.each([4, 5] as const)(
  'the will of a client of version %i that is connected when the gateway stops in order is published and kept once',
  async (version) => {
    using home = new TemporaryDirectory();
    const watcherFields = { clientId: 'watcher', clean: false };
    {
      await using stopped = await RunningGateway.start(home.path);
      using watcher = await RawClient.connect(stopped.port, 4, watcherFields);
      await watcher.subscribe('stopped/#', 1);
      using client = await RawClient.connect(stopped.port, version, withWill('stopped'));
      await stopped.stop();
      if (version === 5) expect(await client.next('disconnect')).toMatchObject({ reasonCode: 0x8b });
      await client.end();
    }
    await using gateway = await RunningGateway.start(home.path);
    using watcher = await RawClient.connect(gateway.port, 4, watcherFields);
    expect(await watcher.next('publish')).toMatchObject({ topic: 'stopped/will' });
    await watcher.ping();
    expect(watcher.pending).toEqual([]);
    expect(gateway.records()).toMatchObject([{ device: 'stopped', will: true }]);
  },
);

test('a will whose gateway was killed is published and kept after its restart, once (MQTT 5.0 3.1.2.5)', async () => {
  await using gateway = await GatewayProcess.start();
  const watcherFields = { clientId: 'watcher', clean: false };
  {
    using watcher = await RawClient.connect(gateway.port, 4, watcherFields);
    await watcher.subscribe('orphan/#', 1);
    using _client = await RawClient.connect(gateway.port, 4, withWill('orphan'));
    using polite = await RawClient.connect(gateway.port, 4, withWill('polite', { topic: 'orphan/polite' }));
    await polite.disconnect();
    watcher.publish('later', 'on disk behind the goodbye', { qos: 1, messageId: 1 });
    await watcher.next('puback');
    await gateway.server.kill();
  }
  for (const restart of [1, 2]) {
    await gateway.server.start();
    using watcher = await RawClient.connect(gateway.port, 4, watcherFields);
    if (restart === 1) {
      const { cmd, topic, messageId } = await watcher.any();
      expect([cmd, topic]).toEqual(['publish', 'orphan/will']);
      watcher.send({ cmd: 'puback', messageId });
      watcher.publish('later', 'on disk behind the acknowledgement', { qos: 1, messageId: 2 });
      await watcher.next('puback');
    }
    await watcher.ping();
    expect(watcher.pending).toEqual([]);
    const wills = storedRecords(gateway.dataDir).filter(({ will }) => will);
    expect(wills).toMatchObject([{ device: 'orphan', topic: 'orphan/will', payload: 'gone', qos: 1 }]);
    await gateway.server.kill();
  }
});
