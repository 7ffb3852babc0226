// A device for load: MQTT on a raw socket, all publishes of a turn in one write, acknowledgements read without an
// object for each. Its session lives here: the connection comes and goes (`lean-connection.ts`), the messages under
// way stay.
//
// - A message is kept as it was handed over until it is answered; it must not be changed until then.
// - After a new connection what is unanswered goes first, in its order and under its ids: with DUP when the server
//   has kept the session, as new when it has not (MQTT 5.0 4.1, 4.4). Nothing overtakes it.
// - Never more under way than the window, and no more than the server's Receive Maximum (MQTT 5.0 4.9).

import { type Clock, systemClock } from '../../config/clock.ts';
import type { Connack } from './connack.ts';
import type {
  DeviceClient,
  DeviceClientEvents,
  DeviceClientOptions,
  OutboundMessage,
} from './device-client.ts';
import { FlightRing, FlightState } from './flight-ring.ts';
import { LeanConnection, type LeanSession } from './lean-connection.ts';
import { PacketType, REFUSED_FROM } from './packet-type.ts';

/** Handed to the socket and not taken by the kernel yet: above that `publish` says no. */
const BUFFERED_BYTES_MAX = 1024 * 1024;

export class LeanClient implements DeviceClient, LeanSession {
  readonly #options: DeviceClientOptions;
  readonly #events: DeviceClientEvents;
  readonly #clock: Clock;
  readonly #connection: LeanConnection;
  readonly #flights: FlightRing;
  /** From here on nothing has been sent on this connection. */
  #unsentPosition = 0;
  /** Sent on this connection and still in the ring. */
  #outstanding = 0;
  #outstandingMax = 0;
  #isResumed = false;
  #isLeaving = false;
  #wantsRoom = false;
  #idle: (() => void) | undefined;

  constructor(options: DeviceClientOptions, events: DeviceClientEvents, clock: Clock = systemClock) {
    this.#options = options;
    this.#events = events;
    this.#clock = clock;
    this.#connection = new LeanConnection(options, this, clock);
    this.#flights = new FlightRing(options.windowMessages);
  }

  get isConnected(): boolean {
    return this.#connection.isOpen;
  }

  get inFlight(): number {
    return this.#flights.unacknowledged;
  }

  get bytesSent(): number {
    return this.#connection.bytesSent;
  }

  connect(): void {
    this.#isLeaving = false;
    this.#connection.start();
    this.roomMade(); // it may have been on its way out
  }

  publish(message: OutboundMessage): boolean {
    if (!this.#hasRoom || (message.qos > 0 && !this.#hasSlot)) {
      this.#wantsRoom = true;
      return false;
    }
    if (message.qos === 0) {
      this.#connection.writer.publish(message, 0, false);
    } else {
      const packetId = this.#flights.push(message, this.#clock.monotonicMs());
      this.#unsentPosition = this.#flights.endPosition;
      this.#outstanding++;
      this.#connection.writer.publish(message, packetId, false);
    }
    this.#connection.written();
    return true;
  }

  async disconnect(deadlineMs: number): Promise<void> {
    const endMs = this.#clock.monotonicMs() + deadlineMs;
    this.#isLeaving = true;
    if (this.isConnected && this.#flights.used > 0) await this.#becomeIdle(deadlineMs);
    if (!this.#isLeaving) return; // called back meanwhile
    await this.#connection.leave(Math.max(0, endMs - this.#clock.monotonicMs()));
  }

  drop(): void {
    this.#connection.end('dropped by the device');
  }

  destroy(): void {
    this.#connection.destroy();
  }

  opened(connack: Connack, connackMs: number): void {
    const flights = this.#flights;
    this.#outstandingMax = Math.min(this.#options.windowMessages, connack.receiveMaximum);
    this.#outstanding = 0;
    this.#isResumed = connack.sessionPresent;
    this.#unsentPosition = flights.firstPosition;
    this.#resend();
    this.#events.connected(connack.sessionPresent, connackMs);
    this.roomMade();
  }

  closed(reason: string, wasUp: boolean): void {
    this.#idle?.();
    this.#events.disconnected(reason, wasUp);
  }

  /** PUBACK, PUBREC and PUBCOMP; after each chunk of them `roomMade`. */
  answered(type: number, packetId: number, reasonCode: number): void {
    const flights = this.#flights;
    const state = flights.stateOf(packetId);
    const message = flights.messageOf(packetId);
    if (type === PacketType.pubcomp) {
      if (state === FlightState.released) this.#free(packetId);
    } else if (message?.qos === (type === PacketType.puback ? 1 : 2)) {
      const latencyMs = this.#connection.chunkAtMs - flights.sentAtMs(packetId);
      if (type === PacketType.puback || reasonCode >= REFUSED_FROM) this.#free(packetId);
      else this.#release(packetId);
      if (reasonCode >= REFUSED_FROM) this.#events.refused(message.sequence, reasonCode);
      else this.#events.acked(message.sequence, latencyMs);
    } else if (type === PacketType.pubrec && reasonCode < REFUSED_FROM) {
      this.#sendPubrel(packetId); // said again, or of a session that is gone: PUBCOMP ends it
    }
  }

  roomMade(): void {
    if (!this.isConnected) return;
    this.#resend();
    if (this.#flights.used === 0) this.#idle?.();
    if (!this.#wantsRoom || !this.#hasRoom || !this.#hasSlot) return;
    this.#wantsRoom = false;
    this.#events.ready();
  }

  get #hasRoom(): boolean {
    return (
      this.#connection.isOpen &&
      !this.#isLeaving &&
      this.#unsentPosition === this.#flights.endPosition &&
      this.#connection.bufferedBytes <= BUFFERED_BYTES_MAX
    );
  }

  get #hasSlot(): boolean {
    return this.#outstanding < this.#outstandingMax && !this.#flights.isFull;
  }

  /** What the last connection left behind, as far as the server and the socket take it. */
  #resend(): void {
    const flights = this.#flights;
    while (
      this.#unsentPosition < flights.endPosition &&
      this.#outstanding < this.#outstandingMax &&
      this.#connection.bufferedBytes <= BUFFERED_BYTES_MAX
    ) {
      this.#resendOne(flights.packetIdAt(this.#unsentPosition++));
    }
  }

  #resendOne(packetId: number): void {
    const flights = this.#flights;
    const message = flights.messageOf(packetId);
    if (message !== undefined) {
      this.#outstanding++;
      this.#connection.writer.publish(message, packetId, this.#isResumed);
      this.#connection.written();
    } else if (flights.stateOf(packetId) === FlightState.released) {
      this.#outstanding++;
      if (this.#isResumed) this.#sendPubrel(packetId);
      else this.#free(packetId);
    }
  }

  #release(packetId: number): void {
    this.#flights.release(packetId);
    this.#sendPubrel(packetId);
  }

  #sendPubrel(packetId: number): void {
    this.#connection.writer.pubrel(packetId);
    this.#connection.written();
  }

  #free(packetId: number): void {
    this.#flights.free(packetId);
    this.#outstanding--;
  }

  #becomeIdle(deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(deadlineMs, () => this.#idle?.());
      this.#idle = () => {
        timer.clear();
        this.#idle = undefined;
        resolve();
      };
    });
  }
}
