// One device of the fault tests: the simulator's lean client, told from outside how many messages it may send, with
// two topics and two kinds of QoS in its stream, and its books of what it was acknowledged.

import { LeanClient } from '../../simulator/fleet/lean-client.ts';
import { IntervalSet } from '../../simulator/receive/interval-set.ts';

export interface LoadDeviceOptions {
  /** In the account of what arrives. */
  index: number;
  name: string;
  port: number;
  version: 4 | 5;
  window: number;
  topicOf(sequence: number): string;
  qosOf(sequence: number): 1 | 2;
  payloadOf(sequence: number): Buffer;
}

const RECONNECT = { minMs: 50, maxMs: 50 };
const SESSION_EXPIRY_S = 3600;
const KEEP_ALIVE_S = 60;

export class LoadDevice {
  /** Sequences that it need not send again. */
  readonly acked = new IntervalSet();
  /** Sequences handed out so far: 0 up to this. */
  sent = 0;
  /** Connections that ended without the device's doing. */
  disconnects = 0;
  /** The gateway answered a later CONNECT without the session. */
  sessionsLost = 0;
  /** Acknowledged with a reason code that says no. */
  refused = 0;
  /** New messages it may send. */
  credit = 0;
  /** Or when it was started. */
  lastAcknowledgementMs = 0;
  readonly #options: LoadDeviceOptions;
  readonly #client: LeanClient;
  #isStopped = false;
  #hadSession = false;

  constructor(options: LoadDeviceOptions) {
    this.#options = options;
    const client = {
      url: `mqtt://127.0.0.1:${options.port}`,
      clientId: options.name,
      version: options.version,
      cleanSession: false,
      sessionExpiryS: SESSION_EXPIRY_S,
      keepAliveS: KEEP_ALIVE_S,
      windowMessages: options.window,
      reconnect: RECONNECT,
      random: Math.random,
    };
    this.#client = new LeanClient(client, {
      connected: (sessionPresent) => this.#connected(sessionPresent),
      disconnected: (_reason, wasUp) => {
        if (wasUp && !this.#isStopped) this.disconnects++;
      },
      acked: (sequence) => {
        this.lastAcknowledgementMs = performance.now();
        this.acked.add(sequence);
      },
      refused: () => {
        this.lastAcknowledgementMs = performance.now();
        this.refused++;
      },
      ready: () => this.fill(),
    });
  }

  get index(): number {
    return this.#options.index;
  }

  get name(): string {
    return this.#options.name;
  }

  get inFlight(): number {
    return this.#client.inFlight;
  }

  start(): void {
    this.lastAcknowledgementMs = performance.now();
    this.#client.connect();
  }

  /** Sends new messages as far as credit and window go. */
  fill(): void {
    if (!this.#client.isConnected) return;
    while (this.credit >= 1 && this.#publish(this.sent)) {
      this.sent++;
      this.credit--;
    }
  }

  /** For good; what is in flight stays unacknowledged. */
  stop(): void {
    this.#isStopped = true;
    this.#client.destroy();
  }

  #publish(sequence: number): boolean {
    const { topicOf, qosOf, payloadOf } = this.#options;
    const [topic, payload, qos] = [topicOf(sequence), payloadOf(sequence), qosOf(sequence)];
    return this.#client.publish({ topic, payload, qos, retain: false, sequence });
  }

  #connected(sessionPresent: boolean): void {
    if (this.#hadSession && !sessionPresent) this.sessionsLost++;
    this.#hadSession = true;
    this.fill();
  }
}
