// A device's connection that the test moves by hand: it connects when it is told to, has a window, and answers when it
// is told to. What was handed over is kept.

import type {
  DeviceClient,
  DeviceClientEvents,
  OutboundMessage,
} from '../../simulator/fleet/device-client.ts';

export class FakeDeviceClient implements DeviceClient {
  isConnected = false;
  bytesSent = 0;
  /** `connect`, `disconnect`, `drop`, `destroy`, in order. */
  readonly calls: string[] = [];
  readonly messages: OutboundMessage[] = [];
  /** Room for unacknowledged messages; QoS 0 has no window. */
  window = 20;
  /** Connects as soon as it is asked to. */
  connectsAtOnce = false;
  readonly #events: DeviceClientEvents;
  readonly #flights: OutboundMessage[] = [];
  #wantsRoom = false;

  constructor(events: DeviceClientEvents) {
    this.#events = events;
  }

  get inFlight(): number {
    return this.#flights.length;
  }

  get sequences(): number[] {
    return this.messages.map(({ sequence }) => sequence);
  }

  connect(): void {
    this.calls.push('connect');
    if (this.connectsAtOnce && !this.isConnected) this.open();
  }

  publish(message: OutboundMessage): boolean {
    if (!this.isConnected || (message.qos > 0 && this.#flights.length >= this.window)) {
      this.#wantsRoom = true;
      return false;
    }
    this.messages.push(message);
    this.bytesSent += message.payload.length;
    if (message.qos > 0) this.#flights.push(message);
    return true;
  }

  async disconnect(): Promise<void> {
    this.calls.push('disconnect');
    this.close();
  }

  drop(): void {
    this.calls.push('drop');
    this.close();
  }

  destroy(): void {
    this.calls.push('destroy');
    this.close();
  }

  open(): void {
    this.isConnected = true;
    this.#events.connected(false, 1);
  }

  close(): void {
    if (!this.isConnected) return;
    this.isConnected = false;
    this.#events.disconnected('the test', true);
  }

  failToConnect(): void {
    this.#events.disconnected('the test', false);
  }

  /** Answers the oldest. */
  ack(count = 1, latencyMs = 1): void {
    for (const { sequence } of this.#flights.splice(0, count)) this.#events.acked(sequence, latencyMs);
    this.#offerRoom();
  }

  refuse(): void {
    const [oldest] = this.#flights.splice(0, 1);
    this.#events.refused(oldest!.sequence, 0x97);
    this.#offerRoom();
  }

  #offerRoom(): void {
    if (!this.#wantsRoom) return;
    this.#wantsRoom = false;
    this.#events.ready();
  }
}
