// One device: does what its profile says at the time it says so - takes readings, sends or keeps them, connects,
// sleeps - and accounts for every message it has handed to its connection. It has no clock and no timer of its
// own; the fleet tells it when a step is due.
//
// - Sequence numbers go to readings that are taken, in order, and readings are handed over in that order: at the far
//   end there is no gap without a loss.
// - What a message says follows from its reading alone, never from when it could be sent: two runs say the same.

import { writeMark } from '../mark.ts';
import type { PayloadSource } from '../payload/payload-source.ts';
import type { ProfileStep } from '../profile/profile.ts';
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
  /** The payload source stands where the profile's last step has put it: a reading is made a message at once. */
  saysAtOnce: boolean;
  /** Wall clock in payloads at run time 0, the device's own error included; asked once the run has begun. */
  wallStartMs: () => number;
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
  /** When a reading was due, or its message where that is made at once. */
  readonly #held: HeldReadings<number | OutboundMessage>;
  /** Made, and not taken by the client yet. */
  #pending: OutboundMessage | null = null;
  #madeCount = 0;
  #sentCount = 0;
  #wasConnected = false;
  /** Its profile wants it connected. */
  #isAwake = false;
  /** How many want it without a connection all the same. */
  #keptAway = 0;
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
        if (this.#canSend()) this.#hand(this.#message(dueMs));
        else this.#hold(dueMs);
        break;
      case 'hold':
        this.#hold(dueMs);
        break;
      case 'flush':
        this.#release();
        break;
      case 'connect':
        this.#wake();
        break;
      case 'disconnect':
        this.#isAwake = false;
        void this.client.disconnect(0);
    }
  }

  /** No new readings; what is on the device may still go, and one that sleeps on it wakes up once more. */
  stopReading(): void {
    this.#isStopped = true;
    this.#release();
    if (this.#pending !== null || this.client.inFlight > 0 || this.#held.count > 0) this.#wake();
  }

  /** What the device did not get rid of is skipped. */
  giveUp(): void {
    const { counters } = this.#options;
    const count = this.#held.count + (this.#pending === null ? 0 : 1);
    counters.skipped += count;
    counters.givenUp += count;
    this.#held.clear();
    this.#pending = null;
    this.#isStopped = true;
  }

  /** Has no connection, whatever its profile says, until it is let back by everybody who has kept it away. */
  async keepAway(deadlineMs: number): Promise<void> {
    this.#keptAway++;
    await this.client.disconnect(deadlineMs);
  }

  /** Connects if it is awake. */
  letBack(): void {
    this.#keptAway--;
    if (this.#isAwake) this.#wake();
  }

  #wake(): void {
    this.#isAwake = true;
    if (this.#keptAway === 0) this.client.connect();
  }

  #release(): void {
    if (this.#options.flushesOnly) this.#releasable = this.#held.count;
    this.#fill();
  }

  #canSend(): boolean {
    return this.#pending === null && this.#held.count === 0 && this.client.isConnected;
  }

  #hold(dueMs: number): void {
    if (this.#held.isFull) this.#options.counters.skipped++;
    else this.#held.add(this.#options.saysAtOnce ? this.#message(dueMs) : dueMs);
  }

  #message(dueMs: number): OutboundMessage {
    const { index, run, topic, qos, retain, wallStartMs, payload } = this.#options;
    const sequence = this.#madeCount++;
    const timeMs = Math.max(0, Math.round(dueMs));
    const mark = writeMark({ run, device: index, sequence, timeMs });
    const bytes = payload.next({ mark, timeMs: wallStartMs() + timeMs, sequence });
    return { topic, payload: bytes, qos, retain, sequence };
  }

  /** False: the client did not take it; it goes first when there is room. */
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
      const held = this.#held.take();
      if (!this.#hand(typeof held === 'number' ? this.#message(held) : held)) return;
    }
    if (!this.#options.isFlood || this.#isStopped) return;
    while (this.#hand(this.#message(this.#options.nowMs())));
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
