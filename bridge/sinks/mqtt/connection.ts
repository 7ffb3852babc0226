// One network connection to the upstream, on one MqttClient that is used once and thrown away. The client
// library does CONNECT, TLS, WebSocket, keep-alive, SUBSCRIBE and cuts what comes in into packets. It never
// sees our publishes: they are written to its stream as whole frames, and their acknowledgements are taken
// from its `packetreceive` event - so it has nothing to store, to resend after a reconnect, or to clone. It
// does not acknowledge commands either: that is done when the gateway has answered for them.
//
// Keep-alive: an unanswered PINGREQ ends the connection only when nothing of ours is under way. Otherwise it
// stands in line behind our own bytes on a slow link, and the watchdog is the judge.

import { readFileSync } from 'node:fs';
import {
  connect,
  type IClientOptions,
  type IConnackPacket,
  type IPublishPacket,
  type MqttClient,
} from 'mqtt';
import { messageOf } from '../../../config/errors.ts';
import {
  COMMAND_PACKET_BYTES_MAX,
  COMMAND_SESSION_EXPIRY_S,
  COMMANDS_OPEN_MAX,
  type MqttSinkSettings,
} from './config.ts';
import type { AckKind } from './outbox.ts';
import { LIBRARY_IDS_FROM } from './packet-ids.ts';
import { connackCode, reasonText } from './reason-codes.ts';

export type Opened =
  | { kind: 'open'; connack: IConnackPacket }
  | { kind: 'refused'; reason: string; code: number | null };

export interface ConnectionEvents {
  ack(kind: AckKind, packetId: number, code: number): void;
  /** `carryOn` lets the connection read on; until it is called nothing more comes in. */
  command(packet: IPublishPacket, carryOn: () => void): void;
  /** PUBREL: the upstream will not send the command with this packet id again. */
  released(packetId: number): void;
  /**
   * The connection was open and is not any more; `code` is the upstream's DISCONNECT reason (MQTT 5.0
   * 3.14.2.1).
   */
  closed(reason: string, code: number | null): void;
  /** Something of ours is unacknowledged. */
  isBusy(): boolean;
}

/** Told to the library when a command comes: go on, but do not acknowledge. */
const ANSWERED_LATER = new Error('answered later');

export class Connection {
  readonly #client: MqttClient;
  readonly #events: ConnectionEvents;
  #isOpen = false;
  #reason: string | null = null;
  #code: number | null = null;
  #bytesWritten = 0;
  #closed = Promise.withResolvers<void>();
  #opened = Promise.withResolvers<Opened>();

  /** Begins to connect; `opened` says how it ends. */
  constructor(settings: MqttSinkSettings, clientId: string, events: ConnectionEvents) {
    this.#events = events;
    this.#client = connect(settings.url, clientOptions(settings, clientId));
    this.#listen();
    try {
      this.#client.connect();
    } catch (error) {
      this.#reason = messageOf(error);
      this.#onClose();
    }
  }

  get opened(): Promise<Opened> {
    return this.#opened.promise;
  }

  /** Bytes of ours that the network has taken. */
  get bytesSent(): number {
    return Math.max(0, this.#bytesWritten - (this.#client.stream?.writableLength ?? 0));
  }

  /** Whole frames only: the library writes its own packets to the same stream. */
  write(bytes: Uint8Array): void {
    if (!this.#isOpen) return;
    this.#bytesWritten += bytes.length;
    this.#client.stream.write(bytes);
  }

  /**
   * Subscribes; resolves with the filters that were refused. Never rejects: a lost connection refuses none.
   */
  subscribe(filters: MqttSinkSettings['commands']): Promise<string[]> {
    const requests = filters.map(({ filter, qos }) => [filter, { qos, nl: true, rap: true, rh: 1 }] as const);
    return new Promise((resolve) => {
      this.#client.subscribe(Object.fromEntries(requests), (error, _granted, packet) => {
        if (error === null || !this.#isOpen) return resolve([]);
        const codes = packet?.granted as number[] | undefined;
        resolve(
          filters.map(({ filter }) => filter).filter((_, i) => codes === undefined || codes[i] >= 0x80),
        );
      });
    });
  }

  /** Ends it at once. */
  drop(reason: string): void {
    this.#reason ??= reason;
    this.#client.stream?.destroy();
  }

  /** DISCONNECT, then closes; at once when the upstream takes longer than `deadlineMs`. */
  async close(deadlineMs: number): Promise<void> {
    const timer = setTimeout(() => this.drop('closing took too long'), deadlineMs);
    this.#reason ??= 'closed';
    if (this.#isOpen) this.#client.end();
    else this.drop('closed');
    await this.#closed.promise;
    clearTimeout(timer);
  }

  #listen(): void {
    const client = this.#client;
    client.on('connect', (connack) => {
      this.#isOpen = true;
      this.#opened.resolve({ kind: 'open', connack });
    });
    client.on('error', (error) => this.#onError(error));
    client.on('disconnect', ({ reasonCode = 0 }) => {
      this.#code = reasonCode;
      this.drop(`the upstream disconnected: ${reasonText(reasonCode)}`);
    });
    client.on('close', () => this.#onClose());
    client.on('packetreceive', (packet) => {
      if (packet.cmd === 'puback' || packet.cmd === 'pubrec' || packet.cmd === 'pubcomp') {
        this.#events.ack(packet.cmd, packet.messageId!, packet.reasonCode ?? 0);
      } else if (packet.cmd === 'pubrel') {
        this.#events.released(packet.messageId!);
      }
    });
    client.handleMessage = (packet, carryOn) => this.#events.command(packet, carryOn);
    client.options.customHandleAcks = (_topic, _message, packet, done) => {
      this.#events.command(packet, () => done(ANSWERED_LATER));
    };
    this.#guardKeepAlive();
  }

  #guardKeepAlive(): void {
    const client = this.#client;
    const giveUp = client.onKeepaliveTimeout.bind(client);
    client.onKeepaliveTimeout = () => {
      if (this.#events.isBusy()) client.reschedulePing(true);
      else giveUp();
    };
  }

  #onError(error: Error & { code?: string | number }): void {
    if (error === ANSWERED_LATER) return;
    if (typeof error.code === 'number' && !this.#isOpen) {
      this.#code = connackCode(error.code);
      this.#reason ??= `the upstream refused the connection: ${reasonText(this.#code)}`;
    }
    this.drop(error.message || String(error.code));
  }

  #onClose(): void {
    const wasOpen = this.#isOpen;
    const reason = this.#reason ?? 'the upstream closed the connection';
    this.#isOpen = false;
    this.#closed.resolve();
    this.#opened.resolve({ kind: 'refused', reason, code: this.#code });
    if (wasOpen) this.#events.closed(reason, this.#code);
  }
}

function clientOptions(settings: MqttSinkSettings, clientId: string): IClientOptions {
  const { protocolVersion, tls } = settings;
  const keepsSession = settings.commands.length > 0;
  const commandProperties = {
    sessionExpiryInterval: COMMAND_SESSION_EXPIRY_S,
    receiveMaximum: COMMANDS_OPEN_MAX,
    maximumPacketSize: COMMAND_PACKET_BYTES_MAX,
  };
  return {
    clientId,
    protocolVersion,
    username: settings.username || undefined,
    password: settings.password || undefined,
    clean: !keepsSession,
    properties: protocolVersion === 5 && keepsSession ? commandProperties : undefined,
    keepalive: Math.max(1, Math.round(settings.keepAliveMs / 1000)),
    connectTimeout: settings.connectTimeoutMs,
    manualConnect: true,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    timerVariant: 'native',
    messageIdProvider: libraryIds(),
    rejectUnauthorized: tls.rejectUnauthorized,
    ca: pem(tls.ca),
    cert: pem(tls.cert),
    key: pem(tls.key),
  };
}

function pem(path: string): Buffer | undefined {
  return path === '' ? undefined : readFileSync(path);
}

/** Packet ids for the library's own SUBSCRIBE; ours are below. */
function libraryIds(): NonNullable<IClientOptions['messageIdProvider']> {
  let next = LIBRARY_IDS_FROM;
  const allocate = () => {
    const id = next;
    next = next === 0xffff ? LIBRARY_IDS_FROM : next + 1;
    return id;
  };
  return { allocate, getLastAllocated: () => next - 1, register: () => true, deallocate() {}, clear() {} };
}
