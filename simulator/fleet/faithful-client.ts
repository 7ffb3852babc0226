// A device as most are built: on the mqtt package, which keeps the connection and the session. Acknowledgements are
// read off the packets it receives, because its callbacks know nothing of PUBREC; the packets under way are in a
// store of ours, so that they outlive a goodbye.
//
// Its ways, which a run shows: after a new connection it sends what is unanswered one by one, each after the answer
// to the one before, and until that is done `publish` says no here. It sets no DUP; that is done here.

import { type MqttClient, connect as mqttConnect, type Packet, Store } from 'mqtt';
import { type Clock, systemClock } from '../../config/clock.ts';
import { endClient } from '../../config/mqtt-ending.ts';
import type {
  DeviceClient,
  DeviceClientEvents,
  DeviceClientOptions,
  OutboundMessage,
} from './device-client.ts';
import { faithfulOptions, WrittenBytes } from './faithful-options.ts';
import { REFUSED_FROM } from './packet-type.ts';
import { ReconnectDelay } from './reconnect-delay.ts';

interface Flight {
  readonly sequence: number;
  readonly sentAtMs: number;
  isSentBefore: boolean;
  /** QoS 2, between PUBREC and PUBCOMP. */
  isReleased: boolean;
}

const PACKET_IDS = 65_535;
/** Handed to the stream and not taken yet: above that `publish` says no. */
const BUFFERED_BYTES_MAX = 1024 * 1024;

export class FaithfulClient implements DeviceClient {
  readonly #options: DeviceClientOptions;
  readonly #events: DeviceClientEvents;
  readonly #clock: Clock;
  readonly #delay: ReconnectDelay;
  readonly #written = new WrittenBytes();
  readonly #store = new Store({ clean: false });
  /** By packet id. */
  readonly #flights = new Map<number, Flight>();
  #client: MqttClient | undefined;
  #packetId = 0;
  #released = 0;
  #outstandingMax = 0;
  #attemptAtMs = 0;
  #connackMs = 0;
  #isResumed = false;
  #isUp = false;
  /** Connected, and everything of former connections is answered. */
  #isFree = false;
  #isLeaving = false;
  #wantsRoom = false;
  #dropped = false;
  #reason: string | undefined;
  #idle: (() => void) | undefined;

  constructor(options: DeviceClientOptions, events: DeviceClientEvents, clock: Clock = systemClock) {
    this.#options = options;
    this.#events = events;
    this.#clock = clock;
    this.#delay = new ReconnectDelay(options.reconnect, options.random);
  }

  get isConnected(): boolean {
    return this.#isUp;
  }

  get inFlight(): number {
    return this.#flights.size - this.#released;
  }

  get bytesSent(): number {
    return this.#written.total;
  }

  connect(): void {
    this.#isLeaving = false;
    if (this.#client === undefined) this.#start();
    else this.#offerRoom(); // it may have been on its way out
  }

  publish(message: OutboundMessage): boolean {
    if (!this.#hasRoom || (message.qos > 0 && !this.#hasSlot)) {
      this.#wantsRoom = true;
      return false;
    }
    const { topic, payload, qos, retain, sequence } = message;
    if (qos > 0) {
      const sentAtMs = this.#clock.monotonicMs();
      this.#packetId = this.#freePacketId();
      this.#flights.set(this.#packetId, { sequence, sentAtMs, isSentBefore: false, isReleased: false });
    }
    this.#client?.publish(topic, payload, { qos, retain });
    return true;
  }

  async disconnect(deadlineMs: number): Promise<void> {
    const client = this.#client;
    const endMs = this.#clock.monotonicMs() + deadlineMs;
    this.#isLeaving = true;
    if (this.#isUp && this.#flights.size > 0) await this.#becomeIdle(deadlineMs);
    if (!this.#isLeaving || client === undefined || client !== this.#client) return; // called back meanwhile
    this.#forget('said goodbye');
    client.outgoing = {}; // all of it is in the store; it would wait for the answers instead of saying goodbye
    await endClient(client, {
      clock: this.#clock,
      deadlineMs: Math.max(0, endMs - this.#clock.monotonicMs()),
    });
    if (this.#client === undefined) this.#written.close();
  }

  drop(): void {
    if (this.#isUp) this.#dropped = true;
    this.#isUp = false;
    this.#isFree = false;
    this.#reason = 'dropped by the device';
    this.#client?.stream.destroy();
  }

  destroy(): void {
    const client = this.#client;
    this.#forget('ended by the device');
    client?.end(true);
    this.#written.close();
  }

  #start(): void {
    this.#attemptAtMs = this.#clock.monotonicMs();
    const client = mqttConnect(this.#options.url, {
      ...faithfulOptions(this.#options, this.#written),
      reconnectPeriod: Math.ceil(this.#delay.nextMs()),
      outgoingStore: this.#store,
      messageIdProvider: {
        allocate: () => this.#packetId,
        getLastAllocated: () => this.#packetId,
        register: () => true,
        deallocate: () => {},
        clear: () => {},
      },
    });
    this.#client = client;
    this.#listenTo(client);
    this.#adoptStream(client);
  }

  #listenTo(client: MqttClient): void {
    const isCurrent = () => client === this.#client;
    client.on('reconnect', () => {
      this.#attemptAtMs = this.#clock.monotonicMs();
      client.options.reconnectPeriod = Math.ceil(this.#delay.nextMs());
    });
    client.on('packetsend', (packet) => {
      if (packet.cmd === 'connect') this.#adoptStream(client);
      else if (packet.cmd === 'publish' && packet.qos > 0) this.#mark(packet);
    });
    client.on('packetreceive', (packet) => {
      if (isCurrent()) this.#receive(packet, client);
    });
    client.on('connect', () => {
      if (!isCurrent()) return;
      this.#isFree = true;
      if (!this.#isUp) this.#setUp();
      this.#offerRoom();
    });
    client.on('error', (error) => {
      if (isCurrent()) this.#reason ??= error.message; // 'close' follows
    });
    client.on('close', () => {
      if (isCurrent()) this.#closed();
    });
  }

  #adoptStream(client: MqttClient): void {
    this.#reason = undefined;
    this.#written.countStream(client.stream);
    client.stream.on('drain', () => {
      if (client === this.#client) this.#offerRoom();
    });
  }

  /** The package sends from its store what was sent before without saying so. MQTT 5.0 3.3.1.1. */
  #mark(packet: { messageId?: number; dup: boolean }): void {
    const flight = this.#flights.get(packet.messageId ?? 0);
    if (flight === undefined) return;
    packet.dup = flight.isSentBefore && this.#isResumed;
    flight.isSentBefore = true;
  }

  #receive(packet: Packet, client: MqttClient): void {
    switch (packet.cmd) {
      case 'connack': {
        if ((packet.reasonCode ?? packet.returnCode) !== 0) return; // 'error' tells
        this.#connackMs = this.#clock.monotonicMs() - this.#attemptAtMs;
        this.#isResumed = packet.sessionPresent;
        const { windowMessages } = this.#options;
        this.#outstandingMax = Math.min(windowMessages, packet.properties?.receiveMaximum ?? PACKET_IDS);
        this.#delay.succeeded();
        client.options.reconnectPeriod = Math.ceil(this.#delay.nextMs());
        // With something to send again 'connect' only comes when that is answered.
        if (this.#flights.size > 0) this.#setUp();
        break;
      }
      case 'puback':
      case 'pubrec':
      case 'pubcomp':
        this.#answered(packet.cmd, packet.messageId ?? 0, packet.reasonCode ?? 0);
        break;
      case 'disconnect':
        this.#reason = `DISCONNECT 0x${(packet.reasonCode ?? 0).toString(16)}`;
        break;
      default: // nothing else concerns a device that only publishes
    }
  }

  #setUp(): void {
    this.#isUp = true;
    this.#events.connected(this.#isResumed, this.#connackMs);
  }

  #answered(cmd: 'puback' | 'pubrec' | 'pubcomp', packetId: number, reasonCode: number): void {
    const flight = this.#flights.get(packetId);
    if (flight === undefined) return;
    const isRefused = reasonCode >= REFUSED_FROM;
    const isFirst = !flight.isReleased;
    if (cmd === 'pubrec' && !isRefused) {
      if (isFirst) this.#released++;
      flight.isReleased = true;
    } else {
      if (flight.isReleased) this.#released--;
      this.#flights.delete(packetId);
    }
    if (isFirst && isRefused) this.#events.refused(flight.sequence, reasonCode);
    else if (isFirst) this.#events.acked(flight.sequence, this.#clock.monotonicMs() - flight.sentAtMs);
    if (this.#flights.size === 0) this.#idle?.();
    this.#offerRoom();
  }

  #closed(): void {
    const wasUp = this.#isUp || this.#dropped;
    this.#dropped = false;
    this.#isUp = false;
    this.#isFree = false;
    this.#idle?.();
    this.#events.disconnected(this.#reason ?? 'closed by the server', wasUp);
  }

  /** The connection is no longer ours; whatever still comes from it is not heard. */
  #forget(reason: string): void {
    const wasUp = this.#isUp || this.#dropped;
    this.#client = undefined;
    this.#isUp = false;
    this.#isFree = false;
    this.#dropped = false;
    this.#idle?.();
    if (wasUp) this.#events.disconnected(reason, true);
  }

  get #hasRoom(): boolean {
    return (
      this.#isFree && !this.#isLeaving && (this.#client?.stream.writableLength ?? 0) <= BUFFERED_BYTES_MAX
    );
  }

  get #hasSlot(): boolean {
    return this.#flights.size < this.#outstandingMax;
  }

  #offerRoom(): void {
    if (!this.#wantsRoom || !this.#hasRoom || !this.#hasSlot) return;
    this.#wantsRoom = false;
    this.#events.ready();
  }

  #freePacketId(): number {
    let packetId = this.#packetId;
    do packetId = (packetId % PACKET_IDS) + 1;
    while (this.#flights.has(packetId));
    return packetId;
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
