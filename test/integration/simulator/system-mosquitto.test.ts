// Mosquitto as the simulator runs it: the upstream broker and the bridge that stands in for a gateway.

import { existsSync, readFileSync } from 'node:fs';
import { connectAsync, type MqttClient } from 'mqtt';
import { describe, expect, test } from 'vitest';
import { MosquittoProcess } from '../../../simulator/system/mosquitto-process.ts';
import { hasMosquitto } from '../../support/mosquitto.ts';
import { waitFor } from '../../support/wait-for.ts';

const names = (prefix: string) => Array.from({ length: 20 }, (_, i) => `${prefix}-${i}`);

async function publish(url: string, payloads: readonly string[]): Promise<void> {
  const client = await connectAsync(url, { protocolVersion: 5 });
  await Promise.all(payloads.map((payload) => client.publishAsync('test/x', payload, { qos: 1 })));
  await client.endAsync();
}

/** What arrives upstream, in order, also after the broker was away. */
class Subscriber implements AsyncDisposable {
  readonly arrived: string[] = [];
  readonly #client: MqttClient;

  private constructor(client: MqttClient) {
    this.#client = client;
    client.on('message', (_topic, payload) => void this.arrived.push(payload.toString()));
    client.on('error', () => {}); // it connects again
  }

  static async start(url: string): Promise<Subscriber> {
    const client = await connectAsync(url, {
      protocolVersion: 5,
      clientId: 'subscriber',
      clean: false, // what comes before it is back is kept for it
      properties: { sessionExpiryInterval: 3600 },
      reconnectPeriod: 20,
    });
    const subscriber = new Subscriber(client);
    await client.subscribeAsync('test/#', { qos: 1 });
    return subscriber;
  }

  /** Resolves when all of them have come. */
  async has(payloads: readonly string[]): Promise<void> {
    await waitFor(() => payloads.every((payload) => this.arrived.includes(payload)), {
      what: () => `${payloads[0]} and more, there are: ${this.arrived.join(' ')}`,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.endAsync(true);
  }
}

describe.skipIf(!hasMosquitto())('a bridging mosquitto', () => {
  test('forwards in order, and goes on after a kill and a restart', async () => {
    await using upstream = await MosquittoProcess.create({ name: 'upstream' });
    await upstream.server.start();
    await using subscriber = await Subscriber.start(upstream.url);
    await using bridge = await MosquittoProcess.create({ bridge: { port: upstream.server.port } });
    await bridge.server.start();
    // While it connects, mosquitto may let those that come overtake those that wait.
    await publish(bridge.url, ['connected']);
    await subscriber.has(['connected']);
    await publish(bridge.url, names('before'));
    await subscriber.has(names('before'));
    expect(subscriber.arrived).toEqual(['connected', ...names('before')]);
    await bridge.killAndRestart();
    await publish(bridge.url, names('after'));
    await subscriber.has(names('after'));
    expect(bridge.version).toMatch(/^mosquitto \d+\.\d+/);
    expect(await bridge.server.stop()).toEqual({ code: 0, signal: null });
  });

  test('delivers after a kill what it had saved while the upstream was away', async () => {
    await using upstream = await MosquittoProcess.create();
    await upstream.server.start();
    await using subscriber = await Subscriber.start(upstream.url);
    await using bridge = await MosquittoProcess.create({
      bridge: { port: upstream.server.port },
      autosave: { everyChanges: 1 },
    });
    await bridge.server.start();
    await upstream.server.stop();
    await publish(bridge.url, names('kept'));
    const isSaved = () =>
      existsSync(bridge.databaseFile) && readFileSync(bridge.databaseFile, 'latin1').includes('kept-19');
    await waitFor(isSaved, { what: 'the queue to be saved' });
    await bridge.server.kill();
    await upstream.server.start();
    await bridge.server.start(); // the upstream is there: otherwise it tries again only after five seconds
    await subscriber.has(names('kept'));
  });

  test('takes settings of its own, which come before those it is given by default', async () => {
    await using broker = await MosquittoProcess.create({
      settings: { max_queued_messages: 7, sys_interval: 0 },
    });
    const text = readFileSync(`${broker.directory}/mosquitto.conf`, 'utf8');
    expect(text.match(/^(max_queued_messages|sys_interval) .*$/gm)).toEqual([
      'max_queued_messages 7',
      'sys_interval 0',
    ]);
    await broker.server.start();
    expect(broker.server.usage?.rssBytes).toBeGreaterThan(0);
  });
});
