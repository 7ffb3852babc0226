// The upstream of a fault test: a real mosquitto that keeps everything for its one receiver, and that
// receiver - a persistent session of its own, so that nothing is missed while either is away - which enters
// all it gets in a delivery account.

import { connectAsync, type IPublishPacket, type MqttClient } from 'mqtt';
import { parseUpstreamMessage } from '../../gateway/commands/upstream-message.ts';
import { DeliveryAccount } from './delivery-account.ts';
import { type Mosquitto, startMosquitto } from './mosquitto.ts';
import type { ResendingDevice } from './resending-device.ts';
import { waitFor } from './wait-for.ts';

/** Nothing is dropped, and stopped in order it forgets nothing. */
const BROKER = [
  'user root',
  'max_queued_messages 0',
  'max_inflight_messages 0',
  'message_size_limit 0',
  'set_tcp_nodelay true',
  'persistence true',
  'persistence_location {directory}/',
  'autosave_interval 3600',
];
const TOPIC = 'sluice/#';
const SESSION_EXPIRY_S = 3600;

export class Upstream implements AsyncDisposable {
  readonly broker: Mosquitto;
  readonly account = new DeliveryAccount();
  readonly #receiver: MqttClient;

  private constructor(broker: Mosquitto, receiver: MqttClient) {
    this.broker = broker;
    this.#receiver = receiver;
    receiver.on('message', (_topic, _payload, packet: IPublishPacket) =>
      this.account.enter(parseUpstreamMessage(packet)),
    );
    receiver.on('error', () => {}); // it connects again
  }

  static async start(): Promise<Upstream> {
    const broker = await startMosquitto({ lines: BROKER });
    try {
      return new Upstream(broker, await receiver(broker.port));
    } catch (error) {
      await broker[Symbol.asyncDispose]();
      throw error;
    }
  }

  get port(): number {
    return this.broker.port;
  }

  /** Stops the broker in order; what it has not handed on it keeps. */
  async goAway(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#receiver.once('close', () => resolve()));
    await this.broker.stop();
    await closed;
  }

  async comeBack(): Promise<void> {
    const connected = new Promise<void>((resolve) => this.#receiver.once('connect', () => resolve()));
    await this.broker.restart();
    await connected;
  }

  /** Resolves when everything the devices were acknowledged has arrived. */
  async receivedAll(devices: readonly ResendingDevice[], timeoutMs = 30_000): Promise<void> {
    await waitFor(() => this.account.lost(devices, 1).length === 0, {
      timeoutMs,
      what: () => `everything acknowledged to arrive; missing: ${this.account.lost(devices).join(', ')} ...`,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#receiver.endAsync(true);
    await this.broker[Symbol.asyncDispose]();
  }
}

async function receiver(port: number): Promise<MqttClient> {
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, {
    protocolVersion: 5,
    clientId: 'receiver',
    clean: false,
    properties: { sessionExpiryInterval: SESSION_EXPIRY_S, receiveMaximum: 1000 },
    reconnectPeriod: 50,
    resubscribe: false,
  });
  await client.subscribeAsync(TOPIC, { qos: 1 });
  return client;
}
