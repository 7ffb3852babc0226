// MQTT over WebSocket (MQTT 5.0 6): the same gateway behind another door.

import { type EventEmitter, once } from 'node:events';
import { request } from 'node:http';
import mqtt from 'mqtt';
import mqttPacket from 'mqtt-packet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { connectPacket, encode, type Packet, publishPacket } from '../support/raw-client.ts';
import { RunningGateway } from '../support/running-gateway.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';

let directory: TemporaryDirectory;
let gateway: RunningGateway;
let url = '';

beforeAll(async () => {
  directory = new TemporaryDirectory();
  const host = '127.0.0.1';
  const listeners = [
    { type: 'ws', host, port: 0, path: '/mqtt' },
    { type: 'tcp', host, port: 0 },
  ];
  gateway = await RunningGateway.start(directory.path, { listeners, mqtt: { packetBytesMax: 100_000 } });
  url = gateway.urls[0];
});
afterAll(async () => {
  await gateway.stop();
  directory[Symbol.dispose]();
});

/** A WebSocket of its own and the MQTT packets that come over it. */
class RawWebSocket implements Disposable {
  readonly socket: WebSocket;
  readonly #arrived: Packet[] = [];
  #wake: () => void = () => {};

  private constructor(socket: WebSocket) {
    this.socket = socket;
    const parser = mqttPacket.parser({ protocolVersion: 5 });
    parser.on('packet', (packet) => {
      this.#arrived.push(packet as unknown as Packet);
      this.#wake();
    });
    socket.on('message', (data) => parser.parse(data as Buffer));
  }

  static async open(): Promise<RawWebSocket> {
    const socket = new WebSocket(url, ['mqtt']);
    const raw = new RawWebSocket(socket);
    await once(socket, 'open');
    return raw;
  }

  async next(cmd: string): Promise<Packet> {
    while (this.#arrived.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    const packet = this.#arrived.shift()!;
    expect(packet.cmd).toBe(cmd);
    return packet;
  }

  [Symbol.dispose](): void {
    this.socket.terminate();
  }
}

/** mqtt.js types its events in a way of its own. */
const eventOf = (client: mqtt.MqttClient, name: string) => once(client as unknown as EventEmitter, name);
const connectBytes = (clientId: string): Buffer => encode(connectPacket(5, { clientId }), 5);
const publishBytes = (payload: string, messageId: number): Buffer =>
  encode(publishPacket('plant/t', payload, { qos: 1, messageId }), 5);
const keptOf = (device: string) =>
  gateway
    .records()
    .filter((record) => record.device === device)
    .map(({ payload }) => payload);

test.each([4, 5] as const)(
  'mqtt.js of version %i publishes, subscribes and keeps a session over WebSocket',
  async (protocolVersion) => {
    const clientId = `ws-${protocolVersion}`;
    const options = {
      protocolVersion,
      clientId,
      clean: false,
      properties: protocolVersion === 5 ? { sessionExpiryInterval: 100 } : undefined,
    };
    const first = await mqtt.connectAsync(url, options);
    await first.subscribeAsync(`${clientId}/#`, { qos: 2 });
    for (const qos of [0, 1, 2] as const) {
      const arrived = eventOf(first, 'message');
      await first.publishAsync(`${clientId}/t`, `qos ${qos}`, { qos });
      const [topic, payload] = await arrived;
      expect([topic, String(payload)]).toEqual([`${clientId}/t`, `qos ${qos}`]);
    }
    await first.endAsync();
    const second = mqtt.connect(url, options);
    const [connack] = await eventOf(second, 'connect');
    expect(connack.sessionPresent).toBe(true);
    await second.endAsync();
    expect(keptOf(clientId)).toEqual(['qos 0', 'qos 1', 'qos 2']);
  },
);

test.each(['mqtt', 'mqttv3.1'])('the subprotocol %s is agreed on (MQTT-6.0.0-4)', async (name) => {
  const socket = new WebSocket(url, ['other', name]);
  await once(socket, 'open');
  expect(socket.protocol).toBe(name);
  socket.terminate();
});

test('no other subprotocol is agreed on (MQTT-6.0.0-3)', async () => {
  const socket = new WebSocket(url, ['other']);
  const [error] = await once(socket, 'error');
  expect(error.message).toMatch(/subprotocol/);
});

test('a text frame ends the connection with 1003, and nothing of it is taken (MQTT-6.0.0-1)', async () => {
  using client = await RawWebSocket.open();
  client.socket.send(connectBytes('texting'));
  await client.next('connack');
  const closed = once(client.socket, 'close');
  client.socket.send(publishBytes('x', 1), { binary: false });
  client.socket.send(publishBytes('behind it', 2));
  expect((await closed)[0]).toBe(1003);
  using other = await RawWebSocket.open();
  other.socket.send(Buffer.concat([connectBytes('not-texting'), publishBytes('x', 1)]));
  await other.next('connack');
  await other.next('puback'); // of a later commit
  expect(keptOf('texting')).toEqual([]);
});

test('packets and WebSocket frames need not begin together (MQTT-6.0.0-2)', async () => {
  using client = await RawWebSocket.open();
  const bytes = Buffer.concat([
    connectBytes('splitting'),
    publishBytes('one', 1),
    publishBytes('two', 2),
    publishBytes('three'.repeat(5000), 3),
  ]);
  for (let at = 0; at < 80; at++) client.socket.send(bytes.subarray(at, at + 1));
  client.socket.send(bytes.subarray(80, 10_000), { fin: false });
  client.socket.send(bytes.subarray(10_000), { fin: true });
  await client.next('connack');
  for (const messageId of [1, 2, 3]) expect(await client.next('puback')).toMatchObject({ messageId });
  expect(keptOf('splitting')).toEqual(['one', 'two', 'three'.repeat(5000)]);
});

test('a packet that is too large is refused here too (MQTT 5.0 3.2.2.3.6)', async () => {
  using client = await RawWebSocket.open();
  client.socket.send(connectBytes('huge'));
  await client.next('connack');
  const closed = once(client.socket, 'close');
  client.socket.send(publishBytes('x'.repeat(100_000), 1));
  expect(await client.next('disconnect')).toMatchObject({ reasonCode: 0x95 });
  await closed;
});

test('a client that resets its connection is gone, with its will published', async () => {
  const watcher = await mqtt.connectAsync(url, { clientId: 'ws-watcher' });
  await watcher.subscribeAsync('wills/#', { qos: 1 });
  const arrived = eventOf(watcher, 'message');
  using client = await RawWebSocket.open();
  client.socket.send(
    encode(
      connectPacket(5, {
        clientId: 'ws-mortal',
        will: { topic: 'wills/ws', payload: 'gone', qos: 1, retain: false },
      }),
      5,
    ),
  );
  await client.next('connack');
  client.socket.terminate();
  expect((await arrived)[0]).toBe('wills/ws');
  await watcher.endAsync();
});

test('other paths and plain HTTP are told what this is', async () => {
  const elsewhere = new WebSocket(url.replace('/mqtt', '/other'), ['mqtt']);
  expect((await once(elsewhere, 'error'))[0].message).toMatch(/400|404/);
  const [response] = await once(request(url.replace('ws:', 'http:')).end(), 'response');
  expect(response.statusCode).toBe(426);
  response.resume();
});
