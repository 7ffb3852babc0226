// A fleet of the simulator's devices for fault tests: QoS 1 and 2, MQTT 3.1.1 and 5, two lanes, each device a window of
// messages in flight, and so many messages as the test says. What it has been acknowledged stays with the devices, for
// the delivery account to compare.

import { LoadDevice } from './load-device.ts';
import { loadPayload } from './load-payload.ts';
import { waitFor } from './wait-for.ts';

/** What the account of arrivals needs to know them by. */
export interface LoadIdentity {
  run: string;
  startEpochMs: number;
  /** Index of the first device. */
  firstDevice: number;
}

export interface LoadOptions {
  port: number;
  devices?: number;
  window?: number;
  /** Of the whole fleet; as fast as acknowledgements come without. */
  messagesPerSecond?: number;
  /** Average size of the filler in a payload. */
  fillerBytes?: number;
  name?: string;
  /** Some devices use QoS 1 and 2 in turn; false: each keeps to one. */
  mixesQos?: boolean;
}

/** Settings that give the fleet its two lanes. */
export const loadLanes = [
  { name: 'alarm', match: ['load/+/alarm'] },
  { name: 'main', match: ['#'] },
];

export const DEVICES = 9;
const TICK_MS = 10;
/** Every so many messages of a device one goes to the other lane. */
const ALARM_EVERY = 7;
/** A device is credited no more than this ahead, so that a stall is not followed by a flood. */
const CREDIT_MAX = 1000;

export class LoadPublisher implements Disposable {
  readonly devices: LoadDevice[];
  readonly #perTick: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LoadOptions, identity: LoadIdentity) {
    const { devices = DEVICES, name = 'dev', messagesPerSecond = Number.POSITIVE_INFINITY } = options;
    this.devices = Array.from({ length: devices }, (_, member) =>
      createDevice({ ...identity, name: `${name}-${member}`, member }, options),
    );
    this.#perTick = (messagesPerSecond * TICK_MS) / 1000 / devices;
  }

  get acknowledged(): number {
    return this.#sum(({ acked }) => acked.size);
  }

  get sent(): number {
    return this.#sum(({ sent }) => sent);
  }

  get inFlight(): number {
    return this.#sum(({ inFlight }) => inFlight);
  }

  get sessionsLost(): number {
    return this.#sum(({ sessionsLost }) => sessionsLost);
  }

  get disconnects(): number {
    return this.#sum(({ disconnects }) => disconnects);
  }

  get refused(): number {
    return this.#sum(({ refused }) => refused);
  }

  /** Milliseconds since anything was acknowledged. */
  get silentMs(): number {
    return (
      performance.now() - Math.max(...this.devices.map(({ lastAcknowledgementMs }) => lastAcknowledgementMs))
    );
  }

  /** Connects; sends nothing yet. */
  connect(): void {
    for (const each of this.devices) each.start();
  }

  start(): void {
    this.connect();
    this.goOn();
  }

  goOn(): void {
    this.#tick();
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
  }

  /** No new messages; what is in flight is still seen through. */
  pause(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const each of this.devices) each.credit = 0;
  }

  /** Sends so many messages in all, and resolves when they are acknowledged. */
  async publish(messages: number, timeoutMs = 30_000): Promise<void> {
    const before = this.sent;
    this.devices.forEach((each, i) => {
      each.credit = Math.floor((messages + i) / this.devices.length);
      each.fill();
    });
    await waitFor(() => this.sent === before + messages && this.inFlight === 0, {
      timeoutMs,
      what: () =>
        `${messages} messages to be acknowledged; sent ${this.sent - before}, in flight ${this.inFlight}`,
    });
  }

  /** Sends nothing new and resolves when everything sent is acknowledged. */
  async finish(timeoutMs = 30_000): Promise<void> {
    this.pause();
    await waitFor(() => this.inFlight === 0, {
      timeoutMs,
      what: () => `${this.inFlight} messages to be acknowledged`,
    });
  }

  [Symbol.dispose](): void {
    this.pause();
    for (const each of this.devices) each.stop();
  }

  #tick(): void {
    for (const each of this.devices) {
      each.credit = Math.min(each.credit + this.#perTick, Math.max(this.#perTick, CREDIT_MAX));
      each.fill();
    }
  }

  #sum(of: (device: LoadDevice) => number): number {
    return this.devices.reduce((total, each) => total + of(each), 0);
  }
}

/** In turn: all QoS 1, all QoS 2, both mixed. */
function createDevice(
  { run, startEpochMs, firstDevice, name, member }: LoadIdentity & { name: string; member: number },
  { port, window = 8, fillerBytes = 80, mixesQos = true }: LoadOptions,
): LoadDevice {
  const style = member % (mixesQos ? 3 : 2);
  const index = firstDevice + member;
  return new LoadDevice({
    index,
    name,
    port,
    window,
    version: member % 2 === 0 ? 5 : 4,
    topicOf: (sequence) => (sequence % ALARM_EVERY === 0 ? `load/${name}/alarm` : `load/${name}/data`),
    qosOf: (sequence) => (style === 0 ? 1 : style === 1 ? 2 : sequence % 2 === 0 ? 1 : 2),
    payloadOf: (sequence) => {
      const timeMs = Math.max(0, Math.round(performance.timeOrigin + performance.now() - startEpochMs));
      return loadPayload({ run, device: index, sequence, timeMs }, fillerBytes);
    },
  });
}
