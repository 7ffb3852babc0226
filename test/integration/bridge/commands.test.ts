// Messages from upstream to devices: when they are acknowledged, that they are not lost and do not go in
// circles, and that they do not disturb what goes the other way.

import { connectAsync, type MqttClient } from 'mqtt';
import type { IPublishPacket, Packet } from 'mqtt-packet';
import { describe, expect, test } from 'vitest';
import type { MqttSinkSettings } from '../../../bridge/sinks/mqtt/config.ts';
import { COMMANDS_OPEN_MAX } from '../../../bridge/sinks/mqtt/config.ts';
import type { CommandMessage } from '../../../bridge/sinks/sink.ts';
import { SluiceError } from '../../../config/errors.ts';
import { LinkProxy } from '../../../simulator/faults/link-proxy.ts';
import { LookOut } from '../../support/look-out.ts';
import { hasMosquitto, type Mosquitto, startMosquitto } from '../../support/mosquitto.ts';
import { startImpostor } from '../../support/mqtt-impostor.ts';
import { UpstreamObserver } from '../../support/upstream-observer.ts';
import { BridgeHarness } from './bridge-harness.ts';

const versions: [string, Partial<MqttSinkSettings>][] = [
  ['MQTT 5', { protocolVersion: 5 }],
  ['MQTT 3.1.1', { protocolVersion: 4 }],
];

/** What the gateway does with commands: notes them, and answers when the test says so. */
class Devices {
  readonly commands: CommandMessage[] = [];
  isAnswering = true;
  readonly #lookOut = new LookOut();
  #unanswered: (() => void)[] = [];

  readonly take = (command: CommandMessage): Promise<void> => {
    this.commands.push(command);
    this.#lookOut.look();
    if (this.isAnswering) return Promise.resolve();
    return new Promise((resolve) => this.#unanswered.push(resolve));
  };

  answerAll(): void {
    this.isAnswering = true;
    for (const resolve of this.#unanswered.splice(0)) resolve();
  }

  /** Resolves when so many commands have come. */
  have(count: number): Promise<void> {
    return this.#lookOut.until(() => this.commands.length >= count);
  }

  payloads(): string[] {
    return this.commands.map(({ payload }) => Buffer.from(payload).toString());
  }
}

interface Scene extends AsyncDisposable {
  upstream: Mosquitto;
  cloud: MqttClient;
  devices: Devices;
  harness: BridgeHarness;
}

async function scene(settings: Partial<MqttSinkSettings>, port?: number): Promise<Scene> {
  const stack = new AsyncDisposableStack();
  const upstream = stack.use(await startMosquitto({ lines: ['max_queued_messages 5000'] }));
  const cloud = await connectAsync(`mqtt://127.0.0.1:${upstream.port}`, { protocolVersion: 5 });
  stack.defer(() => cloud.endAsync(true));
  const devices = new Devices();
  const commands = [{ filter: 'cmd/#', qos: 2 as const }];
  const url = `mqtt://127.0.0.1:${port ?? upstream.port}`;
  const harness = stack.use(new BridgeHarness({ url, commands, ...settings }, { onCommand: devices.take }));
  await harness.start();
  await subscribed(devices, cloud);
  return { upstream, cloud, devices, harness, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** The subscription is there when a command comes through. */
async function subscribed(devices: Devices, cloud: MqttClient): Promise<void> {
  const probe = setInterval(() => cloud.publish('cmd/probe', 'probe'), 20);
  await devices.have(1);
  clearInterval(probe);
  await cloud.publishAsync('cmd/probe', 'last', { qos: 1 });
  while (!devices.payloads().includes('last')) await devices.have(devices.commands.length + 1);
  devices.commands.length = 0;
}

describe.skipIf(!hasMosquitto()).each(versions)('commands over %s', (_name, settings) => {
  test('come with topic, payload, quality of service and retain flag', async () => {
    await using s = await scene(settings);
    for (const qos of [0, 1, 2] as const)
      await s.cloud.publishAsync(`cmd/${qos}`, Buffer.from([qos, 0xff]), { qos });
    await s.devices.have(3);
    expect(
      s.devices.commands.map(({ topic, qos, retain, payload }) => [topic, qos, retain, [...payload]]),
    ).toEqual([
      ['cmd/0', 0, false, [0, 0xff]],
      ['cmd/1', 1, false, [1, 0xff]],
      ['cmd/2', 2, false, [2, 0xff]],
    ]);
    expect(Buffer.isBuffer(s.devices.commands[0].payload)).toBe(true);
  });

  test.each([1, 2] as const)(
    'with QoS %i that the gateway has not answered come again after a restart, answered ones do not',
    async (qos) => {
      await using s = await scene(settings);
      await s.cloud.publishAsync('cmd/a', 'answered', { qos });
      await s.devices.have(1);
      s.devices.isAnswering = false;
      await s.cloud.publishAsync('cmd/b', 'unanswered', { qos });
      await s.devices.have(2);
      await s.harness.stop();
      s.devices.isAnswering = true;
      await s.harness.start();
      await s.devices.have(3);
      await s.cloud.publishAsync('cmd/c', 'new', { qos });
      await s.devices.have(4);
      expect(s.devices.payloads()).toEqual(['answered', 'unanswered', 'unanswered', 'new']);
    },
  );

  test('sent while the gateway was away are waiting for it', async () => {
    await using s = await scene(settings);
    await s.harness.stop();
    for (let i = 0; i < 30; i++) await s.cloud.publishAsync('cmd/x', String(i), { qos: 1 });
    await s.harness.start();
    await s.devices.have(30);
    expect(s.devices.payloads()).toEqual(Array.from({ length: 30 }, (_, i) => String(i)));
  });

  test('that nobody answers do not hold up deliveries, and no more than a few are taken', async () => {
    await using s = await scene(settings);
    s.devices.isAnswering = false;
    for (let i = 0; i < 10; i++) s.cloud.publish('cmd/x', String(i), { qos: 1 });
    await s.devices.have(10);
    s.harness.append(500);
    await s.harness.delivered();
    for (let i = 10; i < 300; i++) await s.cloud.publishAsync('cmd/x', String(i), { qos: 1 });
    expect(s.devices.commands.length).toBeLessThanOrEqual(COMMANDS_OPEN_MAX);
    s.devices.answerAll();
    await s.devices.have(300);
    expect(s.devices.payloads()).toEqual(Array.from({ length: 300 }, (_, i) => String(i)));
  });

  test('that cannot be published are tried again, or given up loudly when they never can', async () => {
    await using s = await scene(settings);
    const take = s.devices.take;
    const failures = [
      new SluiceError('NOT_READY', 'starting', { kind: 'transient' }),
      new SluiceError('BAD_TOPIC', 'no such topic', { kind: 'permanent' }),
    ];
    const attempts: string[] = [];
    const givenUp = Promise.withResolvers<void>();
    await s.harness.stop();
    const options = {
      onCommand: async (command: CommandMessage) => {
        attempts.push(Buffer.from(command.payload).toString());
        if (attempts.length === 2) givenUp.resolve();
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        await take(command);
      },
    };
    await using second = new BridgeHarness(
      { url: `mqtt://127.0.0.1:${s.upstream.port}`, commands: [{ filter: 'cmd/#', qos: 1 }], ...settings },
      options,
    );
    await second.start();
    await s.cloud.publishAsync('cmd/x', 'one', { qos: 1 });
    await givenUp.promise;
    await s.cloud.publishAsync('cmd/x', 'two', { qos: 1 });
    await s.devices.have(1);
    expect(attempts).toEqual(['one', 'one', 'two']);
    expect(s.devices.payloads()).toEqual(['two']);
    expect(second.logged.filter(({ level }) => level === 50)).toMatchObject([
      { topic: 'cmd/x', reason: 'no such topic' },
    ]);
  });
});

describe.skipIf(!hasMosquitto())('on MQTT 5', () => {
  test('a gateway does not get back what it sent itself', async () => {
    await using s = await scene({ format: 'each', topic: 'cmd/{topic}' });
    s.harness.append(200);
    await s.harness.delivered();
    await s.cloud.publishAsync('cmd/end', 'end', { qos: 1 });
    await s.devices.have(1);
    expect(s.devices.payloads()).toEqual(['end']);
  });

  test("what bears the gateway's own name is dropped, whoever sends it", async () => {
    await using s = await scene({});
    await s.cloud.publishAsync('cmd/x', 'echo', {
      qos: 1,
      properties: { userProperties: { sluice: 'gw/main/7' } },
    });
    await s.cloud.publishAsync('cmd/x', 'origin', {
      qos: 1,
      properties: { userProperties: { 'sluice-origin': 'gw' } },
    });
    await s.cloud.publishAsync('cmd/x', 'other', {
      qos: 1,
      properties: { userProperties: { sluice: 'gw2/main/7' } },
    });
    await s.devices.have(1);
    expect(s.devices.payloads()).toEqual(['other']);
  });

  test('properties travel with a command', async () => {
    await using s = await scene({});
    const properties = {
      contentType: 'a/b',
      responseTopic: 'r',
      correlationData: Buffer.from('c'),
      userProperties: { k: ['1', '2'] },
    };
    await s.cloud.publishAsync('cmd/x', '', { qos: 1, properties });
    await s.devices.have(1);
    const got = s.devices.commands[0].properties;
    expect(got).toMatchObject({ contentType: 'a/b', responseTopic: 'r' });
    expect(got.userProperties).toEqual({ k: ['1', '2'] });
    expect(Buffer.isBuffer(got.correlationData) && got.correlationData.toString()).toBe('c');
  });

  test('retained commands come once, not again with every connection', async () => {
    await using s = await scene({});
    await s.cloud.publishAsync('cmd/mode', 'auto', { qos: 1, retain: true });
    await s.devices.have(1);
    await s.harness.bridge.requestStatus(); // the answer is on its way before this is
    await s.harness.stop();
    await s.harness.start();
    await s.cloud.publishAsync('cmd/end', 'end', { qos: 1 });
    await s.devices.have(2);
    expect(s.devices.payloads()).toEqual(['auto', 'end']);
  });

  test('a refused subscription is logged as an error, and the rest works', async () => {
    await using impostor = await startImpostor({ subackCodes: [1, 0x87], onPublish: () => 0 });
    const commands = ['ok/#', 'forbidden/#'].map((filter) => ({ filter, qos: 1 as const }));
    await using harness = new BridgeHarness({ url: `mqtt://127.0.0.1:${impostor.port}`, commands });
    await harness.start();
    harness.append(10);
    await harness.delivered();
    await harness.bridge.requestStatus(); // comes the same way as log lines
    const errors = harness.logged.filter(({ level }) => level === 50);
    expect(errors).toMatchObject([
      { msg: 'the upstream refused a command subscription', filter: 'forbidden/#' },
    ]);
  });

  test('packet ids of half-done QoS 2 publishes that the upstream remembers are not taken for resent ones', async () => {
    // MQTT 5.0 4.3.3: a PUBLISH with an id that is not released yet is the same message again, and is not
    // passed on.
    const unreleased = new Map<number, IPublishPacket>();
    const passedOn: string[] = [];
    await using impostor = await startImpostor({
      sessionPresent: true,
      subackCodes: [1],
      onPacket(packet, { connection, send, destroy }) {
        const id = packet.messageId!;
        if (packet.cmd === 'publish') {
          if (!unreleased.has(id)) unreleased.set(id, packet);
          send({ cmd: 'pubrec', messageId: id, reasonCode: 0 });
        } else if (packet.cmd === 'pubrel') {
          if (connection === 1 && passedOn.length > 0)
            destroy(); // the first message gets through, no other
          else release(id, send);
        }
        return packet.cmd === 'publish' || packet.cmd === 'pubrel';
      },
    });
    const release = (id: number, send: (packet: Packet) => void) => {
      const released = unreleased.get(id);
      unreleased.delete(id);
      if (released !== undefined) passedOn.push(String(released.properties?.userProperties?.sluice));
      send({ cmd: 'pubcomp', messageId: id, reasonCode: released === undefined ? 0x92 : 0 });
    };
    await using harness = new BridgeHarness({
      url: `mqtt://127.0.0.1:${impostor.port}`,
      qos: 2,
      commands: [{ filter: 'cmd/#', qos: 1 }],
      batch: { maxBytes: 100_000, maxMessages: 10, lingerMs: 0 },
      reconnect: { minMs: 10, maxMs: 20, stableAfterMs: 10_000 },
    });
    harness.append(80, { batch: 10 });
    await harness.start();
    await harness.delivered();
    expect(impostor.connects).toBe(2);
    const names = Array.from({ length: 8 }, (_, i) => `gw/main/${i * 10}/10`);
    expect([...new Set(passedOn)].toSorted()).toEqual(names);
  });

  test('QoS 2 with a session upstream loses nothing over broken connections', async () => {
    await using upstream = await startMosquitto({
      lines: ['max_queued_messages 0', 'max_inflight_messages 100'],
    });
    await using observer = await UpstreamObserver.start(upstream.port, 'sluice/#');
    await using proxy = await LinkProxy.start({
      target: { port: upstream.port },
      faults: { bytesPerSecondEach: 500_000 },
    });
    await using harness = new BridgeHarness({
      url: `mqtt://127.0.0.1:${proxy.port}`,
      qos: 2,
      compression: 'none',
      commands: [{ filter: 'cmd/#', qos: 1 }],
      batch: { maxBytes: 4096, maxMessages: 20, lingerMs: 0 },
      breaker: { failures: 100, openMs: 100 },
      reconnect: { minMs: 10, maxMs: 20, stableAfterMs: 10_000 },
    });
    harness.append(5000, { payloadBytes: 150 });
    await harness.start();
    for (let cuts = 1; cuts <= 8 && harness.cursor() < 5000; cuts++) {
      const from = harness.cursor();
      await harness.until(
        () => (proxy.counters.connections >= cuts && harness.cursor() > from) || harness.cursor() === 5000,
      );
      proxy.cut();
    }
    await harness.delivered();
    await observer.received(5000);
    expect(observer.firstCopies()).toEqual(Array.from({ length: 5000 }, (_, i) => i));
  });
});
