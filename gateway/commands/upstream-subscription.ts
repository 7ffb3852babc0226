// The subscription of `sluice receive`: an MQTT 5 client that acknowledges a message upstream only when its receiver
// says that it is done with it, in the order in which the messages came (MQTT 5.0 4.6), several being under way.
// mqtt.js acknowledges one message before it looks at the next; here it is told not to, and the PUBACKs are ours.
//
// What is not acknowledged when the connection or this process ends is delivered again: a session is resumed, and a
// PUBACK is never sent on another connection than its message came by. A message that comes again waits behind itself:
// it is acknowledged after the first copy is done with. Bounded by messages and bytes under way; beyond,
// nothing is read.

import type { IClientOptions, IPublishPacket, MqttClient } from 'mqtt';
import { connect } from 'mqtt';
import mqttPacket from 'mqtt-packet';
import { type Clock, systemClock, type Timer } from '../../config/clock.ts';
import { SluiceError } from '../../config/errors.ts';
import { endClient } from '../../config/mqtt-ending.ts';
import { publicUrl } from './broker-url.ts';
import { firstConnection, reasonOf } from './first-connection.ts';

export interface SubscriptionOptions {
  url: string;
  filter: string;
  clientId: string;
  /** The session outlives this process: messages that come while it is away are delivered to the next. */
  persistent: boolean;
}

export interface SubscriptionEvents {
  /**
   * To call `done` once, when the message may be acknowledged; perhaps at once. Returns how many bytes of memory the
   * message takes until then, which is more than its packet has when that is compressed.
   */
  message(packet: IPublishPacket, done: () => void): number;
  /** The connection was lost, or is there again; reconnecting goes on by itself. */
  connection(state: 'lost' | 'restored', reason: string): void;
  /** It cannot go on. */
  fault(error: unknown): void;
}

interface MessageUnderWay {
  /** Undefined for QoS 0, which is not acknowledged. */
  packetId: number | undefined;
  bytes: number;
  stream: MqttClient['stream'];
  done: boolean;
}

const MESSAGES_MAX = 256;
const BYTES_MAX = 8 * 1024 * 1024;
const PACKET_BYTES_MAX = 80 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 10_000;
const RECONNECT_MS = 1000;
const KEEP_ALIVE_S = 30;
/**
 * How long upstream keeps the session of a receiver that is not persistent, should it lose its connection.
 */
const SESSION_EXPIRY_S = 3600;
const SESSION_EXPIRY_PERSISTENT_S = 7 * 24 * 3600;
/** MQTT 5.0 3.14.2.1. */
const SESSION_TAKEN_OVER = 0x8e;
const NOT_YET = new Error('acknowledged later');

export class UpstreamSubscription {
  readonly #options: SubscriptionOptions;
  readonly #events: SubscriptionEvents;
  readonly #clock: Clock;
  readonly #underWay: MessageUnderWay[] = [];
  #bytesUnderWay = 0;
  #client: MqttClient | undefined;
  #lastError = 'closed by the broker';
  #resume: (() => void) | undefined;
  #paused = false;
  #idle: (() => void) | undefined;

  constructor(options: SubscriptionOptions, events: SubscriptionEvents, clock: Clock = systemClock) {
    this.#options = options;
    this.#events = events;
    this.#clock = clock;
  }

  /**
   * Resolves when the broker has granted the subscription; throws when the first attempt to get there fails.
   */
  async start(): Promise<void> {
    const client = connect(this.#options.url, this.#clientOptions());
    this.#client = client;
    client.handleMessage = (packet, callback) => this.#take(packet, callback);
    try {
      await firstConnection(client);
      // From now on the session is resumed, also of a receiver that began with a clean one.
      client.options.clean = false;
      await this.#subscribe(client);
    } catch (cause) {
      throw unreachable(this.#options, cause);
    }
    this.#watch(client);
  }

  /** Takes no message any more; what is under way goes on. Resolves when nothing is, or at the deadline. */
  async drain(deadlineMs: number): Promise<void> {
    this.#paused = true;
    if (this.#underWay.length === 0) return;
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
      timer = this.#clock.after(deadlineMs, resolve);
    });
    timer?.clear();
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#paused = true;
    if (this.#client === undefined) return;
    const properties = this.#options.persistent ? undefined : { sessionExpiryInterval: 0 };
    await endClient(this.#client, { clock: this.#clock, deadlineMs, properties });
  }

  /**
   * Retained messages keep their flag, and those from before the subscription are not wanted (MQTT 5.0
   * 3.8.3.1).
   */
  async #subscribe(client: MqttClient): Promise<void> {
    await client.subscribeAsync(this.#options.filter, { qos: 1, rap: true, rh: 2 });
  }

  #clientOptions(): IClientOptions {
    const { clientId, persistent } = this.#options;
    return {
      protocolVersion: 5,
      clientId,
      clean: !persistent,
      keepalive: KEEP_ALIVE_S,
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectPeriod: RECONNECT_MS,
      reconnectOnConnackError: true,
      resubscribe: false, // it would not tell of a refusal
      properties: {
        sessionExpiryInterval: persistent ? SESSION_EXPIRY_PERSISTENT_S : SESSION_EXPIRY_S,
        receiveMaximum: MESSAGES_MAX,
        maximumPacketSize: PACKET_BYTES_MAX,
      },
    };
  }

  #watch(client: MqttClient): void {
    client.on('error', (error) => {
      this.#lastError = reasonOf(error);
    });
    client.on('connect', (connack) => {
      this.#events.connection('restored', '');
      if (!connack.sessionPresent) this.#subscribeAgain(client);
    });
    client.on('offline', () => this.#events.connection('lost', this.#lastError));
    client.on('disconnect', (packet) => {
      if (packet.reasonCode === SESSION_TAKEN_OVER) this.#events.fault(takenOver(this.#options.clientId));
    });
  }

  #subscribeAgain(client: MqttClient): void {
    this.#subscribe(client).catch((cause) => {
      // When the connection is gone there will be another one, and another attempt.
      if (client.connected) this.#events.fault(unreachable(this.#options, cause));
    });
  }

  #take(packet: IPublishPacket, callback: (error?: Error) => void): void {
    if (this.#paused) return; // no callback: nothing more is read from this connection
    const entry: MessageUnderWay = {
      packetId: packet.qos === 0 ? undefined : packet.messageId,
      bytes: 0,
      stream: this.#client!.stream,
      done: false,
    };
    this.#underWay.push(entry);
    this.#resume = () => callback(entry.packetId === undefined ? undefined : NOT_YET);
    const bytes = this.#events.message(packet, () => {
      entry.done = true;
      this.#settle();
    });
    if (!entry.done) {
      entry.bytes = bytes;
      this.#bytesUnderWay += bytes;
    }
    this.#readOn();
  }

  /** Acknowledges from the front, as far as everything is done. */
  #settle(): void {
    while (this.#underWay.length > 0 && this.#underWay[0].done) {
      const { packetId, bytes, stream } = this.#underWay.shift()!;
      this.#bytesUnderWay -= bytes;
      if (packetId !== undefined && stream === this.#client!.stream && !stream.destroyed) {
        mqttPacket.writeToStream({ cmd: 'puback', messageId: packetId, reasonCode: 0 }, stream, {
          protocolVersion: 5,
        });
      }
    }
    if (this.#underWay.length === 0) this.#idle?.();
    this.#readOn();
  }

  #readOn(): void {
    if (this.#underWay.length >= MESSAGES_MAX || this.#bytesUnderWay >= BYTES_MAX) return;
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }
}

function unreachable({ url, filter }: SubscriptionOptions, cause: unknown): SluiceError {
  return new SluiceError(
    'UPSTREAM_UNREACHABLE',
    `cannot subscribe to '${filter}' at ${publicUrl(url)}: ${reasonOf(cause)}`,
    {
      kind: 'transient',
      hint: 'Check that a broker for MQTT 5 runs there, and that it admits this client and filter.',
      cause,
    },
  );
}

function takenOver(clientId: string): SluiceError {
  return new SluiceError('SESSION_TAKEN_OVER', `another client has connected as '${clientId}'`, {
    kind: 'permanent',
    hint: 'Give every receiver its own --client-id.',
  });
}
