// A device as the MQTT specification wants it: one persistent session over any number of connections. It
// keeps several messages in flight, connects again when the connection ends, and then sends what is
// unacknowledged once more, in the original order, under the original packet ids and with DUP (MQTT 5.0 4.4,
// 4.6).
//
// Acknowledged means: the device has been told that it need not send the message again - PUBACK, or PUBREC,
// after which QoS 2 forbids it to (MQTT 5.0 4.3.3). PUBCOMP only frees the packet id.

import { connect, type Socket } from 'node:net';
import {
  connectFrame,
  type InboundPacket,
  PacketCutter,
  PacketType,
  type ProtocolVersion,
  publishFrame,
  pubrelFrame,
} from './device-frames.ts';

export interface DeviceOptions {
  name: string;
  port: number;
  version: ProtocolVersion;
  window: number;
  topicOf(sequence: number): string;
  qosOf(sequence: number): 1 | 2;
  payloadOf(sequence: number): Buffer;
}

interface Flight {
  sequence: number;
  released: boolean;
  sentBefore: boolean;
}

const KEEP_ALIVE_S = 60;
const SESSION_EXPIRY_S = 3600;
const RECONNECT_MS = 25;
const CONNACK_TIMEOUT_MS = 10_000;
const PACKET_IDS = 65_535;
const REFUSED = 0x80;

export class ResendingDevice {
  /** By sequence. */
  readonly acknowledged: boolean[] = [];
  acknowledgedCount = 0;
  /** Sequences handed out so far: 0 up to this. */
  sent = 0;
  connects = 0;
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
  readonly #options: DeviceOptions;
  readonly #inFlight = new Map<number, Flight>();
  #nextId = 1;
  #socket: Socket | null = null;
  #open = false;
  #started = false;
  #hadSession = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DeviceOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  start(): void {
    this.#started = true;
    this.lastAcknowledgementMs = performance.now();
    this.#connect();
  }

  /** Sends new messages as far as credit and window go. */
  fill(): void {
    if (!this.#open) return;
    const frames: Buffer[] = [];
    while (this.credit >= 1 && this.#inFlight.size < this.#options.window) {
      this.credit--;
      const packetId = this.#freeId();
      this.#inFlight.set(packetId, { sequence: this.sent++, released: false, sentBefore: false });
      frames.push(this.#frameOf(packetId));
    }
    if (frames.length > 0) this.#socket?.write(Buffer.concat(frames));
  }

  /** For good; what is in flight stays unacknowledged. */
  stop(): void {
    this.#started = false;
    clearTimeout(this.#timer);
    this.#socket?.destroy();
  }

  #connect(): void {
    const { port, name, version } = this.#options;
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const cutter = new PacketCutter();
    this.#socket = socket;
    socket.on('connect', () => {
      const clientId = name;
      socket.write(
        connectFrame({ version, clientId, keepAliveS: KEEP_ALIVE_S, sessionExpiryS: SESSION_EXPIRY_S }),
      );
      this.#timer = setTimeout(() => socket.destroy(), CONNACK_TIMEOUT_MS);
    });
    socket.on('data', (chunk) => {
      for (const packet of cutter.push(chunk)) this.#receive(packet);
      this.fill();
    });
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => this.#closed());
  }

  #closed(): void {
    clearTimeout(this.#timer);
    if (this.#open && this.#started) this.disconnects++;
    this.#open = false;
    if (!this.#started) return;
    this.#timer = setTimeout(() => this.#connect(), RECONNECT_MS * (1 + Math.random()));
  }

  #receive({ type, body }: InboundPacket): void {
    switch (type) {
      case PacketType.connack:
        this.#connected((body[0] & 1) === 1, body[1]);
        break;
      case PacketType.puback:
        this.#acknowledge(body);
        this.#inFlight.delete(body.readUInt16BE(0));
        break;
      case PacketType.pubrec:
        this.#received(body);
        break;
      case PacketType.pubcomp:
        this.#inFlight.delete(body.readUInt16BE(0));
        break;
      case PacketType.disconnect:
        this.#socket?.destroy();
        break;
      default: // nothing else concerns a device that only publishes
    }
  }

  #connected(sessionPresent: boolean, code: number): void {
    clearTimeout(this.#timer);
    if (code !== 0) return void this.#socket?.destroy();
    this.connects++;
    this.#open = true;
    if (this.#hadSession && !sessionPresent) this.#beginAnew();
    this.#hadSession = true;
    const frames = [...this.#inFlight.keys()].map((packetId) => this.#frameOf(packetId));
    if (frames.length > 0) this.#socket?.write(Buffer.concat(frames));
  }

  /** MQTT 5.0 4.1: a session that the server lost is discarded; its messages are sent as new ones. */
  #beginAnew(): void {
    this.sessionsLost++;
    const flights = [...this.#inFlight.values()].filter(({ released }) => !released);
    this.#inFlight.clear();
    for (const { sequence } of flights) {
      this.#inFlight.set(this.#freeId(), { sequence, released: false, sentBefore: false });
    }
  }

  #received(body: Buffer): void {
    const packetId = body.readUInt16BE(0);
    const flight = this.#inFlight.get(packetId);
    this.#acknowledge(body);
    if (body.length > 2 && body[2] >= REFUSED) this.#inFlight.delete(packetId);
    else if (flight !== undefined) {
      flight.released = true;
      this.#socket?.write(pubrelFrame(packetId));
    }
  }

  #acknowledge(body: Buffer): void {
    const flight = this.#inFlight.get(body.readUInt16BE(0));
    this.lastAcknowledgementMs = performance.now();
    if (body.length > 2 && body[2] >= REFUSED) this.refused++;
    else if (flight !== undefined && this.acknowledged[flight.sequence] !== true) {
      this.acknowledged[flight.sequence] = true;
      this.acknowledgedCount++;
    }
  }

  #frameOf(packetId: number): Buffer {
    const flight = this.#inFlight.get(packetId) as Flight;
    if (flight.released) return pubrelFrame(packetId);
    const { version, topicOf, qosOf, payloadOf } = this.#options;
    const { sequence, sentBefore } = flight;
    flight.sentBefore = true;
    return publishFrame({
      version,
      packetId,
      topic: topicOf(sequence),
      payload: payloadOf(sequence),
      qos: qosOf(sequence),
      dup: sentBefore,
    });
  }

  #freeId(): number {
    while (this.#inFlight.has(this.#nextId)) this.#nextId = (this.#nextId % PACKET_IDS) + 1;
    const packetId = this.#nextId;
    this.#nextId = (packetId % PACKET_IDS) + 1;
    return packetId;
  }
}
