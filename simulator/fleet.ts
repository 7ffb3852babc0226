// The fleet: simulated devices that publish to a gateway as clients over the network, and what became of what they
// sent, in counters. For `npm run demo` and for tests; what arrives at the other end is not its concern.
//
// sent = acked + refused + unacked, at any moment. Bounded: in-flight messages per device, and one histogram for all.

import { type Clock, systemClock } from '../config/clock.ts';
import type { Component } from '../config/component.ts';
import { type DeviceEvents, type DeviceOptions, FleetDevice } from './fleet-device.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import { derivedSeed } from './seeded-random.ts';

export interface FleetOptions {
  /** Of the gateway, for example mqtt://127.0.0.1:1883. */
  url: string;
  devices: number;
  /** Messages per second of each device. */
  ratePerSecond: number;
  /** 0 to 1; default 0.2. */
  jitter?: number;
  /** The devices are spread over so many lines; default 5. */
  lines?: number;
  /** The same seed gives the same devices and readings; default 1. */
  seed?: number;
  /** Persistent sessions; default true. */
  persistent?: boolean;
  /** Per device; default 20. */
  inFlightMax?: number;
}

export interface FleetSnapshot {
  devices: number;
  connected: number;
  sent: number;
  acked: number;
  /** Answered with a reason code that says no. */
  refused: number;
  /** Sent and not answered yet. */
  unacked: number;
  /** Readings that were not sent: the device was offline or had too many unacknowledged. */
  skipped: number;
  /** Connections after the first of each device. */
  reconnects: number;
  /** Bytes of payload sent. */
  payloadBytes: number;
  ackLatencyMs: LatencySummary;
}

export interface LatencySummary {
  count: number;
  p50: number;
  p99: number;
  max: number;
}

export class Fleet implements Component {
  readonly #options: Required<FleetOptions>;
  readonly #clock: Clock;
  readonly #latency = new LatencyHistogram();
  #recentLatency = new LatencyHistogram();
  #devices: FleetDevice[] = [];
  #connected = 0;
  #connections = 0;
  #everConnected = 0;
  #sent = 0;
  #acked = 0;
  #refused = 0;
  #skipped = 0;
  #payloadBytes = 0;

  constructor(options: FleetOptions, clock: Clock = systemClock) {
    const defaults = { jitter: 0.2, lines: 5, seed: 1, persistent: true, inFlightMax: 20 };
    this.#options = { ...defaults, ...options };
    this.#clock = clock;
  }

  /** The devices connect by and by; a gateway that is not there yet is tried again. */
  async start(): Promise<void> {
    for (let number = 1; number <= this.#options.devices; number++) {
      const device = this.#createDevice(number);
      this.#devices.push(device);
      device.start();
    }
  }

  async stop(deadlineMs: number): Promise<void> {
    await Promise.all(this.#devices.map((device) => device.stop(deadlineMs)));
    this.#devices = [];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop(1000);
  }

  snapshot(): FleetSnapshot {
    return {
      devices: this.#options.devices,
      connected: this.#connected,
      sent: this.#sent,
      acked: this.#acked,
      refused: this.#refused,
      unacked: this.#sent - this.#acked - this.#refused,
      skipped: this.#skipped,
      reconnects: this.#connections - this.#everConnected,
      payloadBytes: this.#payloadBytes,
      ackLatencyMs: latencySummary(this.#latency),
    };
  }

  /** Latencies since the last call, for a display that is renewed every second. */
  takeRecentAckLatency(): LatencySummary {
    const recent = this.#recentLatency;
    this.#recentLatency = new LatencyHistogram();
    return latencySummary(recent);
  }

  #createDevice(number: number): FleetDevice {
    const { url, ratePerSecond, jitter, lines, seed, persistent, inFlightMax } = this.#options;
    const name = `dev-${number}`;
    const line = `line${1 + ((number - 1) % lines)}`;
    const options: DeviceOptions = {
      url,
      clientId: name,
      topic: `plant/${line}/${name}/telemetry`,
      seed: derivedSeed(seed, number),
      periodMs: 1000 / ratePerSecond,
      jitter,
      persistent,
      inFlightMax,
    };
    return new FleetDevice(options, this.#eventsOfOne(), this.#clock);
  }

  #eventsOfOne(): DeviceEvents {
    let connectedBefore = false;
    return {
      connected: () => {
        this.#connected++;
        this.#connections++;
        if (!connectedBefore) this.#everConnected++;
        connectedBefore = true;
      },
      disconnected: () => void this.#connected--,
      sent: (bytes: number) => {
        this.#sent++;
        this.#payloadBytes += bytes;
      },
      skipped: () => void this.#skipped++,
      acked: (latencyMs: number) => {
        this.#acked++;
        this.#latency.record(latencyMs);
        this.#recentLatency.record(latencyMs);
      },
      refused: () => void this.#refused++,
    };
  }
}

function latencySummary(histogram: LatencyHistogram): LatencySummary {
  return {
    count: histogram.count,
    p50: histogram.percentileMs(0.5),
    p99: histogram.percentileMs(0.99),
    max: histogram.maxMs,
  };
}
