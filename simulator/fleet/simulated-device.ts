// One device: does what its profile says at the time it says so - takes readings, sends or keeps them, connects,
// sleeps - and accounts for every message it has handed to its connection. It has no clock and no timer of its
// own; the fleet tells it when a step is due.
//
// A sequence number is given to what is handed over, and to nothing else: at the far end there is no gap without
// a loss.

import { writeMark } from '../mark.ts';
import type { PayloadSource } from '../payload/payload-source.ts';
import type { Profile, ProfileStep } from '../profile/profile.ts';
import { IntervalSet } from '../receive/interval-set.ts';
import type { DeviceClient, DeviceClientEvents, OutboundMessage } from './device-client.ts';
import type { GroupCounters } from './group-counters.ts';
import { HeldReadings } from './held-readings.ts';

export interface SimulatedDeviceOptions {
  /** In the whole fleet. */
  index: number;
  run: string;
  topic: string;
  qos: 0 | 1 | 2;
  retain: boolean;
  /** Readings that are kept while they cannot be sent. */
  storeReadings: number;
  /** What is held goes at `flush` and not before. */
  flushesOnly: boolean;
  /** Sends as fast as acknowledgements come, whatever the profile. */
  isFlood: boolean;
  /** Wall clock in payloads at run time 0, the device's own error included. */
  wallStartMs: number;
  profile: Profile;
  payload: PayloadSource;
  counters: GroupCounters;
  nowMs: () => number;
  onAck: (latencyMs: number) => void;
  createClient: (events: DeviceClientEvents) => DeviceClient;
}

export class SimulatedDevice {
  readonly client: DeviceClient;
  readonly acked = new IntervalSet();
  readonly refused = new IntervalSet();
  readonly #options: SimulatedDeviceOptions;
  readonly #held: HeldReadings;
  /** Made, and not taken by the client yet. */
  #pending: OutboundMessage | null = null;
  #sentCount = 0;
  #wasConnected = false;
  /** Held readings that may go; a device that sends whenever it can has no bound. */
  #releasable: number;
  #isStopped = false;

  constructor(options: SimulatedDeviceOptions) {
    this.#options = options;
    this.#held = new HeldReadings(options.storeReadings);
    this.#releasable = options.flushesOnly ? 0 : Number.POSITIVE_INFINITY;
    this.client = options.createClient({
      connected: () => this.#connected(),
      disconnected: (_reason, wasUp) => this.#disconnected(wasUp),
      acked: (sequence, latencyMs) => this.#acked(sequence, latencyMs),
      refused: (sequence) => this.#refused(sequence),
      ready: () => this.#fill(),
    });
  }

  /** Sequences below it have been sent. */
  get sentCount(): number {
    return this.#sentCount;
  }

  get isQos0(): boolean {
    return this.#options.qos === 0;
  }

  /** Readings on the device, or messages under way. */
  get owes(): boolean {
    const couldSend = this.#isStopped || this.client.isConnected;
    return this.#pending !== null || this.client.inFlight > 0 || (couldSend && this.#held.count > 0);
  }

  /** `dueMs` on the run's clock. */
  run(step: ProfileStep, dueMs: number): void {
    switch (step.kind) {
      case 'publish':
        if (this.#canSend()) this.#send(dueMs);
        else this.#hold(dueMs);
        break;
      case 'hold':
        this.#hold(dueMs);
        break;
      case 'flush':
        this.#release();
        break;
      case 'connect':
        this.client.connect();
        break;
      case 'disconnect':
        void this.client.disconnect(0);
    }
  }

  /** No new readings; what is on the device may still go, and one that sleeps on it wakes up once more. */
  stopReading(): void {
    this.#isStopped = true;
    this.#release();
    if (this.#pending !== null || this.client.inFlight > 0 || this.#held.count > 0) this.client.connect();
  }

  /** What the device did not get rid of is skipped. */
  giveUp(): void {
    this.#options.counters.skipped += this.#held.count + (this.#pending === null ? 0 : 1);
    this.#held.clear();
    this.#pending = null;
  }

  #release(): void {
    if (this.#options.flushesOnly) this.#releasable = this.#held.count;
    this.#fill();
  }

  #canSend(): boolean {
    return this.#pending === null && this.#held.count === 0 && this.client.isConnected;
  }

  #hold(dueMs: number): void {
    if (!this.#held.add(dueMs)) this.#options.counters.skipped++;
  }

  /** False: the client did not take it; it goes first when there is room. */
  #send(dueMs: number): boolean {
    const { index, run, topic, qos, retain, wallStartMs, payload } = this.#options;
    const sequence = this.#sentCount;
    const timeMs = Math.max(0, Math.round(dueMs));
    const mark = writeMark({ run, device: index, sequence, timeMs });
    const bytes = payload.next({ mark, timeMs: wallStartMs + timeMs, sequence });
    return this.#hand({ topic, payload: bytes, qos, retain, sequence });
  }

  #hand(message: OutboundMessage): boolean {
    const { counters } = this.#options;
    if (!this.client.publish(message)) {
      this.#pending = message;
      return false;
    }
    this.#pending = null;
    this.#sentCount++;
    counters.payloadBytes += message.payload.length;
    if (message.qos === 0) counters.sentQos0++;
    else counters.sent++;
    return true;
  }

  /** Sends what waits, oldest first, while the client takes it. */
  #fill(): void {
    if (!this.client.isConnected) return;
    if (this.#pending !== null && !this.#hand(this.#pending)) return;
    while (this.#held.count > 0 && this.#releasable > 0) {
      this.#releasable--;
      if (!this.#send(this.#held.take())) return;
    }
    if (!this.#options.isFlood || this.#isStopped) return;
    while (this.#send(this.#options.nowMs()));
  }

  #connected(): void {
    const { counters } = this.#options;
    counters.connected++;
    counters.connections++;
    if (this.#wasConnected) counters.reconnects++;
    this.#wasConnected = true;
    this.#fill();
  }

  #disconnected(wasUp: boolean): void {
    if (wasUp) this.#options.counters.connected--;
    else this.#options.counters.connectRefusals++;
  }

  #acked(sequence: number, latencyMs: number): void {
    const { counters, onAck } = this.#options;
    this.acked.add(sequence);
    counters.acked++;
    counters.ack.record(latencyMs);
    onAck(latencyMs);
  }

  #refused(sequence: number): void {
    this.refused.add(sequence);
    this.#options.counters.refused++;
  }
}
