// The receiver at the upstream end: an MQTT client that subscribes to everything under a filter and enters it in an
// account of arrivals. Its session persists, so that what comes while the broker or the connection is away is not
// missed; when the broker has forgotten the session all the same it subscribes again and counts that, because what
// came in between is then missing by no fault of the gateway. A message is acknowledged after it is entered.
//
// It asks for QoS 2: what a gateway publishes upstream with QoS 2 then reaches it exactly once, and QoS 1 stays QoS 1.

import type { IClientOptions, IPublishPacket, MqttClient } from 'mqtt';
import { connect, connectAsync } from 'mqtt';
import { type Clock, systemClock } from '../../config/clock.ts';
import { messageOf, SluiceError } from '../../config/errors.ts';
import { endClient } from '../../config/mqtt-ending.ts';
import { ArrivalAccount } from './arrival-account.ts';
import { ArrivalIntake, type IntactCheck } from './arrival-intake.ts';

/** Plain data: it goes to another thread. */
export interface ReceiverOptions {
  /** mqtt, mqtts, ws or wss. */
  url: string;
  /** Default `#`. */
  filter?: string;
  /** 5 unless the broker knows only 3.1.1: then neither content types nor record names arrive in format `each`. */
  version?: 4 | 5;
  /** Default: made from the run's name. */
  clientId?: string;
  username?: string;
  password?: string;
  /** PEM. */
  tls?: { ca?: string; cert?: string; key?: string; rejectUnauthorized?: boolean };
  /** How long `start` tries to get there, unless the broker says no; default 10 s. */
  startWithinMs?: number;
  run: string;
  /** The group's index for each device of the fleet. */
  groupOfDevice: Uint16Array;
  /**
   * The run's start, ms since 1970 with a fraction: performance.timeOrigin + performance.now() at that moment. Where it
   * is not known yet: `begin`.
   */
  startEpochMs?: number;
  intervalsMax?: number;
  examplesMax?: number;
  ownersMax?: number;
}

export interface ConnectionCounts {
  isConnected: boolean;
  /** Connections after the first. */
  reconnects: number;
  /** Times that the broker had forgotten the session: messages may have passed by unseen. */
  sessionsLost: number;
  /** Messages that the broker had sent before and sent again (DUP): duplicates that are none of the gateway's. */
  redelivered: number;
}

const START_WITHIN_MS = 10_000;
const RECONNECT_MS = 250;
const KEEP_ALIVE_S = 30;
const SESSION_EXPIRY_S = 3600;
/** The largest there is: the broker is not to wait for our PUBACKs. */
const RECEIVE_MAXIMUM = 65_535;
const NAME_PROPERTY = 'sluice';
/**
 * CONNACK codes that will not change by asking again: protocol, client id, credentials, banned (MQTT 3.1.1 3.2.2.3, 5.0
 * 3.2.2.2).
 */
const FINAL_REFUSALS: readonly unknown[] = [1, 2, 4, 5, 0x84, 0x85, 0x86, 0x87, 0x8a, 0x8c];

export class UpstreamReceiver implements AsyncDisposable {
  readonly account: ArrivalAccount;
  readonly intake: ArrivalIntake;
  readonly connection: ConnectionCounts = {
    isConnected: false,
    reconnects: 0,
    sessionsLost: 0,
    redelivered: 0,
  };
  readonly #options: ReceiverOptions;
  readonly #clock: Clock;
  #client: MqttClient | undefined;
  #startEpochMs: number;
  #hasSubscribed = false;
  #lastError = 'no answer';

  constructor(options: ReceiverOptions, isIntact?: IntactCheck, clock: Clock = systemClock) {
    this.#options = options;
    this.#clock = clock;
    this.#startEpochMs = options.startEpochMs ?? performance.timeOrigin + performance.now();
    this.account = new ArrivalAccount(options);
    this.intake = new ArrivalIntake(this.account, isIntact);
  }

  /** Resolves when the broker has granted the subscription; throws RECEIVER_UNREACHABLE when it does not in time. */
  async start(): Promise<void> {
    const client = connect(this.#options.url, this.#clientOptions());
    this.#client = client;
    client.handleMessage = (packet, callback) => {
      this.#take(packet);
      callback();
    };
    client.on('error', (error) => {
      this.#lastError = reasonOf(error);
    });
    client.on('close', () => {
      this.connection.isConnected = false;
    });
    try {
      await this.#subscribed(client);
    } catch (cause) {
      await this.stop(0);
      throw cause;
    }
  }

  /** On the run's clock. */
  get nowMs(): number {
    return performance.timeOrigin + performance.now() - this.#startEpochMs;
  }

  /** The run starts then; what has come before is of another one. */
  begin(startEpochMs: number): void {
    this.#startEpochMs = startEpochMs;
  }

  /** Ends the session, so that no broker keeps messages for a run that is over. Repeatable. */
  async stop(deadlineMs: number): Promise<void> {
    const client = this.#client;
    if (client === undefined) return;
    this.#client = undefined;
    const wasConnected = client.connected;
    const properties = this.#version === 5 ? { sessionExpiryInterval: 0 } : undefined;
    await endClient(client, { clock: this.#clock, deadlineMs, properties });
    if (this.#version === 4 && wasConnected && this.#hasSubscribed) await this.#forgetSession(deadlineMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(1000);
  }

  get #version(): 4 | 5 {
    return this.#options.version ?? 5;
  }

  /** Tries until it is subscribed or the time is over; stays on to subscribe again where that is needed. */
  async #subscribed(client: MqttClient): Promise<void> {
    const { startWithinMs = START_WITHIN_MS } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = this.#clock.after(startWithinMs, () => reject(this.#unreachable(this.#lastError)));
    client.on('error', (error) => {
      const isFinal = FINAL_REFUSALS.includes((error as { code?: unknown }).code);
      if (isFinal) reject(this.#unreachable(this.#lastError)); // of no effect once it has been subscribed
    });
    client.on('connect', ({ sessionPresent }) => {
      this.connection.isConnected = true;
      if (this.#hasSubscribed) {
        this.connection.reconnects++;
        if (sessionPresent) return;
        this.connection.sessionsLost++;
      }
      this.#subscribe(client).then(resolve, (cause) => {
        this.#lastError = reasonOf(cause);
        // Without a connection there will be another one, and another attempt. A refusal at the start is final; later
        // it ends the connection: a receiver that is connected and deaf would look like a loss.
        if (!client.connected) return;
        if (this.#hasSubscribed) client.stream.destroy();
        else reject(this.#unreachable(this.#lastError));
      });
    });
    await promise.finally(() => timer.clear());
    this.#hasSubscribed = true;
  }

  /** Without messages retained from before (MQTT 5.0 3.8.3.1). */
  async #subscribe(client: MqttClient): Promise<void> {
    const only5 = this.#version === 5 ? { rh: 2 } : {};
    await client.subscribeAsync(this.#options.filter ?? '#', { qos: 2, ...only5 });
  }

  #clientOptions(): IClientOptions {
    const { username, password, tls = {}, startWithinMs = START_WITHIN_MS } = this.#options;
    const only5: IClientOptions = {
      properties: { sessionExpiryInterval: SESSION_EXPIRY_S, receiveMaximum: RECEIVE_MAXIMUM },
    };
    return {
      ...tls,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(this.#version === 5 ? only5 : {}),
      protocolVersion: this.#version,
      clientId: this.#clientId,
      clean: false,
      keepalive: KEEP_ALIVE_S,
      connectTimeout: startWithinMs,
      reconnectPeriod: RECONNECT_MS,
      reconnectOnConnackError: true,
      resubscribe: false, // it would not tell of a refusal
    };
  }

  get #clientId(): string {
    return this.#options.clientId ?? `simulator-receiver-${this.#options.run}`;
  }

  #take(packet: IPublishPacket): void {
    if (packet.dup) this.connection.redelivered++;
    const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload;
    const name = packet.properties?.userProperties?.[NAME_PROPERTY];
    const contentType = packet.properties?.contentType;
    this.intake.take(
      { payload, contentType, recordName: Array.isArray(name) ? name.at(-1) : name },
      this.nowMs,
    );
  }

  /** MQTT 3.1.1 ends a session only by a connection with a clean one. */
  async #forgetSession(deadlineMs: number): Promise<void> {
    const options = { ...this.#clientOptions(), clean: true, reconnectPeriod: 0, connectTimeout: deadlineMs };
    try {
      const client = await connectAsync(this.#options.url, options);
      await endClient(client, { clock: this.#clock, deadlineMs });
    } catch (error) {
      // The run is over and its account stands: the broker may keep a session that nobody resumes.
      this.#lastError = reasonOf(error);
    }
  }

  #unreachable(reason: string): SluiceError {
    const { url, filter = '#' } = this.#options;
    return new SluiceError(
      'RECEIVER_UNREACHABLE',
      `cannot subscribe to '${filter}' at ${publicUrl(url)}: ${reason}`,
      {
        kind: 'transient',
        hint: 'Check that the broker runs there, and that it admits this client and filter.',
      },
    );
  }
}

/** Of several attempts (IPv6 and IPv4) Node tells only the code. */
function reasonOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  const message = messageOf(error);
  return message === '' && typeof code === 'string' ? code : message;
}

/** Without user name and password. */
function publicUrl(text: string): string {
  const url = new URL(text);
  url.username = '';
  url.password = '';
  return url.href;
}
