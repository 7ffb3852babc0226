// One simulated device: an MQTT 5 client that publishes its telemetry with QoS 1 at a jittered rate, and reconnects by
// itself. When the gateway acknowledges too slowly it skips readings, as a small device would, and counts them; it
// does not queue. Sequence numbers are only given to what is sent, so at the far end they have no gap.

import type { MqttClient } from 'mqtt';
import { connect } from 'mqtt';
import type { Clock, Timer } from '../config/clock.ts';
import { endClient } from '../config/mqtt-ending.ts';
import { seededRandom } from './seeded-random.ts';
import { Telemetry } from './telemetry.ts';

export interface DeviceOptions {
  url: string;
  clientId: string;
  topic: string;
  seed: number;
  /** Mean time between two readings. */
  periodMs: number;
  /** 0 is regular; 0.2 lets each pause be up to a fifth longer or shorter. */
  jitter: number;
  /** Keeps its session when it is away. */
  persistent: boolean;
  /** Readings sent and not yet acknowledged; more are skipped. */
  inFlightMax: number;
}

/** What the fleet is told. `refused`: acknowledged with a reason code of 0x80 or more (MQTT 5.0 3.4.2.1). */
export interface DeviceEvents {
  connected(): void;
  disconnected(): void;
  sent(bytes: number): void;
  skipped(): void;
  acked(latencyMs: number): void;
  refused(reasonCode: number): void;
}

const RECONNECT_MS = 1000;
const CONNECT_TIMEOUT_MS = 10_000;
const SESSION_EXPIRY_S = 3600;
const KEEP_ALIVE_S = 30;

export class FleetDevice {
  readonly #options: DeviceOptions;
  readonly #events: DeviceEvents;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #telemetry: Telemetry;
  #client: MqttClient | undefined;
  #timer: Timer | undefined;
  #online = false;
  #inFlight = 0;
  #idle: (() => void) | undefined;

  constructor(options: DeviceOptions, events: DeviceEvents, clock: Clock) {
    this.#options = options;
    this.#events = events;
    this.#clock = clock;
    this.#random = seededRandom(options.seed);
    this.#telemetry = new Telemetry(options.seed);
  }

  start(): void {
    const { url, clientId, persistent } = this.#options;
    const client = connect(url, {
      protocolVersion: 5,
      clientId,
      clean: !persistent,
      keepalive: KEEP_ALIVE_S,
      connectTimeout: CONNECT_TIMEOUT_MS,
      // Each at its own pace, so that a gateway that comes back is not met by all of them at once.
      reconnectPeriod: Math.round(RECONNECT_MS * (0.5 + this.#random())),
      reconnectOnConnackError: true,
      properties: persistent ? { sessionExpiryInterval: SESSION_EXPIRY_S } : {},
    });
    client.on('error', () => {}); // it tries again; that it is away is counted by `disconnected`
    client.on('connect', () => this.#setOnline(true));
    client.on('close', () => this.#setOnline(false));
    this.#client = client;
    this.#publishIn(this.#options.periodMs * this.#random());
  }

  /** Sends nothing more, waits for what is in flight, and says goodbye, in at most about `deadlineMs`. */
  async stop(deadlineMs: number): Promise<void> {
    this.#timer?.clear();
    if (this.#client === undefined) return;
    const begunMs = this.#clock.monotonicMs();
    if (this.#online && this.#inFlight > 0) await this.#becomeIdle(deadlineMs);
    const leftMs = Math.max(0, deadlineMs - (this.#clock.monotonicMs() - begunMs));
    await endClient(this.#client, { clock: this.#clock, deadlineMs: leftMs });
    this.#setOnline(false);
  }

  #becomeIdle(deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(deadlineMs, resolve);
      this.#idle = () => {
        timer.clear();
        resolve();
      };
    });
  }

  #setOnline(online: boolean): void {
    if (online === this.#online) return;
    this.#online = online;
    if (online) this.#events.connected();
    else this.#events.disconnected();
  }

  #publishIn(delayMs: number): void {
    this.#timer = this.#clock.after(delayMs, () => {
      const { periodMs, jitter } = this.#options;
      this.#publishIn(periodMs * (1 + jitter * (2 * this.#random() - 1)));
      this.#publish();
    });
  }

  #publish(): void {
    if (!this.#online || this.#inFlight >= this.#options.inFlightMax) {
      this.#events.skipped();
      return;
    }
    const payload = JSON.stringify(this.#telemetry.next(this.#clock.nowMs()));
    const sentAtMs = this.#clock.monotonicMs();
    this.#inFlight++;
    this.#events.sent(Buffer.byteLength(payload));
    const properties = { contentType: 'application/json' };
    this.#client!.publish(this.#options.topic, payload, { qos: 1, properties }, (error) => {
      this.#inFlight--;
      const code = (error as { code?: unknown } | undefined)?.code;
      if (!error) this.#events.acked(this.#clock.monotonicMs() - sentAtMs);
      else if (typeof code === 'number') this.#events.refused(code);
      if (this.#inFlight === 0) this.#idle?.();
    });
  }
}
