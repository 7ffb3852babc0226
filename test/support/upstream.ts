// The upstream of a fault test: the simulator's mosquitto, told to keep everything, and its receiver - a persistent
// session of its own, so that nothing is missed while either is away. Every byte of what arrives is looked at.

import { UpstreamReceiver } from '../../simulator/receive/upstream-receiver.ts';
import { MosquittoProcess } from '../../simulator/system/mosquitto-process.ts';
import { DeliveryAccount } from './delivery-account.ts';
import type { LoadDevice } from './load-device.ts';
import { isLoadPayload } from './load-payload.ts';
import type { LoadIdentity } from './load-publisher.ts';
import { waitFor } from './wait-for.ts';

const TOPIC = 'sluice/#';
const DEVICES_MAX = 500;
/** Names of so many records are known with their messages: those of the longest run. */
const OWNERS_MAX = 16_000_000;
/** Nothing is dropped, and stopped in order it forgets nothing. */
const BROKER = {
  autosave: { everySeconds: 3600 },
  settings: { max_inflight_messages: 0, message_size_limit: 0 },
} as const;

export class Upstream implements AsyncDisposable {
  readonly broker: MosquittoProcess;
  readonly account: DeliveryAccount;
  readonly run: Pick<LoadIdentity, 'run' | 'startEpochMs'>;
  readonly #receiver: UpstreamReceiver;
  #devices = 0;

  private constructor(broker: MosquittoProcess) {
    this.broker = broker;
    this.run = { run: 'fault', startEpochMs: performance.timeOrigin + performance.now() };
    const groupOfDevice = new Uint16Array(DEVICES_MAX);
    const options = { ...this.run, url: broker.url, filter: TOPIC, groupOfDevice, ownersMax: OWNERS_MAX };
    this.#receiver = new UpstreamReceiver(options, isLoadPayload);
    this.account = new DeliveryAccount(this.#receiver, DEVICES_MAX);
  }

  static async start(): Promise<Upstream> {
    await using stack = new AsyncDisposableStack();
    const broker = stack.use(await MosquittoProcess.create(BROKER));
    await broker.server.start();
    const upstream = new Upstream(broker);
    await upstream.#receiver.start();
    stack.move();
    return upstream;
  }

  get port(): number {
    return this.broker.server.port;
  }

  /** Room in the account for so many devices more. */
  identify(devices: number): LoadIdentity {
    const firstDevice = this.#devices;
    this.#devices += devices;
    return { ...this.run, firstDevice };
  }

  /** Stops the broker in order; what it has not handed on it keeps. */
  async goAway(): Promise<void> {
    await this.broker.server.stop();
    await this.#receiverIs(false);
  }

  async comeBack(): Promise<void> {
    await this.broker.server.start();
    await this.#receiverIs(true);
  }

  /** Resolves when everything the devices were acknowledged has arrived. */
  async receivedAll(devices: readonly LoadDevice[], timeoutMs = 30_000): Promise<void> {
    await waitFor(() => this.account.lostCount(devices) === 0, {
      timeoutMs,
      what: () =>
        `everything acknowledged to arrive; missing: ${this.account.verdict(devices).lost.join('; ')}`,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#receiver.stop(1000);
    await this.broker[Symbol.asyncDispose]();
  }

  #receiverIs(isConnected: boolean): Promise<void> {
    return waitFor(() => this.#receiver.connection.isConnected === isConnected, {
      what: `the receiver to be ${isConnected ? 'there again' : 'cut off'}`,
    });
  }
}
