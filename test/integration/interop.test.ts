// Clients that we did not write: mosquitto_pub and mosquitto_sub, Eclipse Paho for Python, and mqtt.js.

import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { type EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasTool } from '../support/mosquitto.ts';
import { RawClient } from '../support/raw-client.ts';
import { RunningGateway } from '../support/running-gateway.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';

const run = promisify(execFile);
const PYTHON = '/usr/bin/python3';
const PAHO = fileURLToPath(new URL('../support/paho_client.py', import.meta.url));

let directory: TemporaryDirectory;
let gateway: RunningGateway;

beforeAll(async () => {
  directory = new TemporaryDirectory();
  gateway = await RunningGateway.start(directory.path);
});
afterAll(async () => {
  await gateway.stop();
  directory[Symbol.dispose]();
});

const keptOf = (topic: string) =>
  gateway
    .records()
    .filter((record) => record.topic === topic)
    .map(({ payload, qos, retain }) => ({ payload, qos, retain }));

describe.skipIf(!hasTool('mosquitto_sub', 'mosquitto-clients'))('the tools of mosquitto', () => {
  const subscribers: ChildProcess[] = [];
  afterAll(() => {
    for (const child of subscribers) child.kill('SIGKILL');
  });
  const common = (protocol: string): string[] => [
    '-h',
    '127.0.0.1',
    '-p',
    String(gateway.port),
    '-V',
    protocol,
  ];
  const publish = (protocol: string, ...args: string[]) =>
    run('mosquitto_pub', [...common(protocol), ...args]);

  /** It writes to a pipe in blocks, unless it is told otherwise. */
  const spawnSubscriber = (protocol: string, ...args: string[]) => {
    const all = [...common(protocol), '-d', '-F', '%q %r %t %p', ...args];
    const child = spawn('stdbuf', ['-oL', 'mosquitto_sub', ...all]);
    subscribers.push(child);
    return child;
  };

  /** Lines of mosquitto_sub, from when it has subscribed on. */
  async function subscribe(protocol: string, ...args: string[]) {
    const child = spawnSubscriber(protocol, ...args);
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const next = async (wanted: RegExp): Promise<string> => {
      for (;;) {
        const { value, done } = await lines.next();
        if (done) throw new Error('mosquitto_sub ended');
        if (wanted.test(value)) return value;
      }
    };
    await next(/^Subscribed/);
    return {
      message: () => next(/^[012] [01] /),
      [Symbol.dispose]: () => void child.kill(),
    };
  }

  test.each(['mqttv31', 'mqttv311', 'mqttv5'])(
    'publish and subscribe with %s and every QoS',
    async (protocol) => {
      const topic = `mosquitto/${protocol}`;
      using subscriber = await subscribe(protocol, '-t', `${topic}/#`, '-q', '2');
      for (const qos of ['0', '1', '2']) {
        await publish(protocol, '-t', `${topic}/t`, '-q', qos, '-m', `qos ${qos}`);
        expect(await subscriber.message()).toBe(`${qos} 0 ${topic}/t qos ${qos}`);
      }
      expect(keptOf(`${topic}/t`).map(({ payload, qos }) => [payload, qos])).toEqual([
        ['qos 0', 0],
        ['qos 1', 1],
        ['qos 2', 2],
      ]);
    },
  );

  test.each(['mqttv311', 'mqttv5'])(
    'get a retained message with %s, and none when it was removed',
    async (protocol) => {
      const topic = `mosquitto-retained/${protocol}`;
      await publish(protocol, '-t', topic, '-q', '1', '-r', '-m', 'kept');
      {
        using subscriber = await subscribe(protocol, '-t', topic, '-q', '1');
        expect(await subscriber.message()).toBe(`1 1 ${topic} kept`);
      }
      await publish(protocol, '-t', topic, '-q', '1', '-r', '-n');
      using subscriber = await subscribe(protocol, '-t', topic, '-q', '1');
      await publish(protocol, '-t', topic, '-q', '1', '-m', 'live');
      expect(await subscriber.message()).toBe(`1 0 ${topic} live`);
    },
  );

  test.each(['mqttv311', 'mqttv5'])(
    'hear of a will with %s when mosquitto_sub is killed',
    async (protocol) => {
      const topic = `mosquitto-will/${protocol}`;
      using watcher = await subscribe(protocol, '-t', topic, '-q', '1');
      const will = ['--will-topic', topic, '--will-payload', 'gone', '--will-qos', '1'];
      const mortal = spawnSubscriber(protocol, '-t', 'nothing', ...will);
      for await (const line of createInterface(mortal.stdout)) if (line.startsWith('Subscribed')) break;
      mortal.kill('SIGKILL');
      expect(await watcher.message()).toBe(`1 0 ${topic} gone`);
    },
  );

  test.each(['mqttv311', 'mqttv5'])(
    'get what was published while they were away, with %s',
    async (protocol) => {
      const topic = `mosquitto-away/${protocol}`;
      const session = [
        '-i',
        `sub-${protocol}`,
        '-c',
        '-q',
        '2',
        ...(protocol === 'mqttv5' ? ['-x', '600'] : []),
      ];
      (await subscribe(protocol, '-t', topic, ...session))[Symbol.dispose]();
      for (const payload of ['one', 'two', 'three'])
        await publish(protocol, '-t', topic, '-q', '2', '-m', payload);
      const { stdout } = await run('mosquitto_sub', [
        ...common(protocol),
        '-t',
        topic,
        ...session,
        '-C',
        '3',
        '-W',
        '10',
      ]);
      expect(stdout).toBe('one\ntwo\nthree\n');
    },
  );

  test('publish a file line by line with one connection, all of it kept in order', async () => {
    const child = spawn('mosquitto_pub', [...common('mqttv5'), '-t', 'mosquitto/lines', '-q', '1', '-l']);
    const lines = Array.from({ length: 500 }, (_, i) => `line ${i}`);
    child.stdin.end(`${lines.join('\n')}\n`);
    expect((await once(child, 'exit'))[0]).toBe(0);
    expect(keptOf('mosquitto/lines').map(({ payload }) => payload)).toEqual(lines);
  });
});

/** Throws where CI is set and the package is not there. */
function hasPaho(): boolean {
  if (spawnSync(PYTHON, ['-c', 'import paho.mqtt.client']).status === 0) return true;
  const line = "paho for Python is missing: install Debian's python3-paho-mqtt";
  if (process.env.CI) throw new Error(line);
  console.warn(`skipped: ${line}`);
  return false;
}

describe.skipIf(!hasPaho()).each([4, 5])('paho for Python with MQTT version %i', (protocol) => {
  async function paho(clientId: string, step: string) {
    const { stdout } = await run(PYTHON, [PAHO, String(gateway.port), String(protocol), clientId, step]);
    return JSON.parse(stdout);
  }

  test('publishes and gets back every QoS, a retained message and properties', async () => {
    const id = `paho-${protocol}`;
    const message = (payload: string, qos: number, topic = `${id}/t`, retain = false) => ({
      topic,
      payload,
      qos,
      retain,
    });
    const user =
      protocol === 5
        ? {
            user: [
              ['unit', '°C'],
              ['unit', 'K'],
            ],
          }
        : {};
    const { connected, messages } = await paho(id, 'exchange');
    expect(connected).toEqual({ code: 0, 'session present': 0 });
    expect(messages).toMatchObject([
      ...[0, 1, 2].map((qos) => message(`qos ${qos}`, qos)),
      { ...message('retained', 1, `${id}/kept`), ...user },
      { ...message('retained', 1, `${id}/kept`, true), ...user },
    ]);
    expect(keptOf(`${id}/kept`)).toEqual([{ payload: 'retained', qos: 1, retain: true }]);
  });

  test('leaves a session and gets its queue when it returns', async () => {
    const id = `paho-away-${protocol}`;
    await paho(id, 'leave');
    using publisher = await RawClient.connect(gateway.port, 5, { clientId: `${id}-publisher` });
    for (const messageId of [1, 2, 3]) publisher.publish(`${id}/t`, `${messageId}`, { qos: 2, messageId });
    await publisher.take('pubrec', 3);
    const { connected, messages } = await paho(id, 'return');
    expect(connected).toEqual({ code: 0, 'session present': 1 });
    expect(messages).toMatchObject([1, 2, 3].map((i) => ({ payload: `${i}`, qos: 2 })));
  });

  test('has its will published when it dies', async () => {
    const id = `paho-will-${protocol}`;
    using watcher = await RawClient.connect(gateway.port, 4, { clientId: `${id}-watcher` });
    await watcher.subscribe(`${id}/#`, 1);
    await paho(id, 'die');
    // Its session is kept for a while, but the will has no delay.
    expect(await watcher.next('publish')).toMatchObject({
      topic: `${id}/will`,
      payload: Buffer.from('gone'),
    });
  });
});

describe.each([3, 4, 5] as const)('mqtt.js with MQTT version %i', (protocolVersion) => {
  const eventOf = (client: mqtt.MqttClient, name: string) => once(client as unknown as EventEmitter, name);
  const options = (clientId: string): mqtt.IClientOptions => ({
    protocolVersion,
    protocolId: protocolVersion === 3 ? 'MQIsdp' : 'MQTT',
    clientId,
    clean: false,
    ...(protocolVersion === 5 ? { properties: { sessionExpiryInterval: 600 } } : {}),
  });
  const url = () => `mqtt://127.0.0.1:${gateway.port}`;

  test('publishes with every QoS, leaves a session and gets its queue in order when it returns', async () => {
    const id = `mqttjs-${protocolVersion}`;
    const first = await mqtt.connectAsync(url(), options(id));
    await first.subscribeAsync(`${id}/#`, { qos: 2 });
    for (const qos of [0, 1, 2] as const) {
      const arrived = eventOf(first, 'message');
      await first.publishAsync(`${id}/t`, `qos ${qos}`, { qos });
      expect(String((await arrived)[1])).toBe(`qos ${qos}`);
    }
    await first.endAsync();
    const publisher = await mqtt.connectAsync(url(), { ...options(`${id}-publisher`), clean: true });
    await Promise.all(
      Array.from({ length: 50 }, (_, i) => publisher.publishAsync(`${id}/t`, `${i}`, { qos: 2 })),
    );
    await publisher.endAsync();
    const second = mqtt.connect(url(), options(id));
    const payloads: string[] = [];
    const complete = new Promise<void>((resolve) => {
      second.on('message', (_topic, payload) => {
        if (payloads.push(String(payload)) === 50) resolve();
      });
    });
    await complete;
    await second.endAsync();
    expect(payloads).toEqual(Array.from({ length: 50 }, (_, i) => `${i}`));
  });

  test('has many publishes under way at once, each acknowledged and kept once, in order', async () => {
    const client = await mqtt.connectAsync(url(), options(`mqttjs-busy-${protocolVersion}`));
    const topic = `mqttjs-busy/${protocolVersion}`;
    // It does not keep to the receive maximum that it is told.
    const payloads = Array.from({ length: protocolVersion === 5 ? 256 : 1000 }, (_, i) => `${i}`);
    await Promise.all(payloads.map((payload) => client.publishAsync(topic, payload, { qos: 1 })));
    await client.endAsync();
    expect(keptOf(topic).map(({ payload }) => payload)).toEqual(payloads);
  });
});
