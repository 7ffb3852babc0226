// An MQTT client made of a socket and mqtt-packet: it sends what it is told to, well-formed or not, answers nothing by
// itself, and shows every packet that comes, in order.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import mqtt from 'mqtt-packet';
import type { ClientVersion, PacketFields } from './mqtt-frame-packets.ts';

/** A packet of the gateway's as mqtt-packet reads it. */
export interface Packet {
  cmd: string;
  messageId?: number;
  reasonCode?: number;
  returnCode?: number;
  sessionPresent?: boolean;
  dup?: boolean;
  retain?: boolean;
  qos?: number;
  topic?: string;
  payload?: Buffer;
  granted?: number[];
  properties?: Record<string, unknown>;
}

export interface ConnectFields {
  clientId?: string;
  clean?: boolean;
  keepalive?: number;
  username?: string;
  password?: string;
  properties?: Record<string, unknown>;
  will?: object;
}

export interface PublishFields {
  qos?: 0 | 1 | 2;
  messageId?: number;
  dup?: boolean;
  retain?: boolean;
  properties?: Record<string, unknown>;
}

/** Nothing in these tests takes this long; a packet that has not come by then never will. */
const PATIENCE_MS = 10_000;

interface Waiter {
  resolve(packet: Packet): void;
  reject(error: Error): void;
}

export class RawClient implements Disposable {
  readonly socket: Socket;
  readonly version: ClientVersion;
  /** The gateway has ended the connection, or this side has. */
  readonly closed: Promise<void>;
  readonly #arrived: Packet[] = [];
  #waiter: Waiter | null = null;
  #isClosed = false;

  constructor(socket: Socket, version: ClientVersion) {
    this.socket = socket;
    this.version = version;
    const parser = mqtt.parser({ protocolVersion: version });
    parser.on('packet', (packet) => this.#take(packet as unknown as Packet));
    parser.on('error', (error) =>
      this.#fail(new Error(`the gateway wrote what mqtt-packet refuses: ${error.message}`)),
    );
    socket.on('data', (chunk) => parser.parse(chunk));
    socket.on('error', () => {}); // a reset is an end like any other here
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#isClosed = true;
        this.#fail(new Error('the connection was closed'));
        resolve();
      });
    });
  }

  /** A connection on which nothing was said yet. */
  static async open(port: number, version: ClientVersion): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new RawClient(socket, version);
  }

  /** With CONNECT and an accepting CONNACK behind it. */
  static async connect(port: number, version: ClientVersion, fields: ConnectFields = {}): Promise<RawClient> {
    const client = await RawClient.open(port, version);
    const connack = await client.sendConnect(fields);
    if ((connack.reasonCode ?? connack.returnCode) !== 0)
      throw new Error(`refused: ${JSON.stringify(connack)}`);
    return client;
  }

  /** Resolves with the CONNACK. */
  sendConnect(fields: ConnectFields = {}): Promise<Packet> {
    this.send(connectPacket(this.version, fields));
    return this.next('connack');
  }

  send(...packets: PacketFields[]): void {
    this.write(Buffer.concat(packets.map((packet) => encode(packet, this.version))));
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  publish(topic: string, payload: string | Buffer, rest: PublishFields = {}): void {
    this.send(publishPacket(topic, payload, rest));
  }

  async subscribe(topic: string, qos: 0 | 1 | 2 = 2, options: object = {}): Promise<Packet> {
    const flags = this.version === 5 ? { nl: false, rap: false, rh: 0 } : {};
    this.send({ cmd: 'subscribe', messageId: 0x7000, subscriptions: [{ topic, qos, ...flags, ...options }] });
    return await this.next('suback');
  }

  /** The next packet, whatever it is. */
  async any(wanted = 'packet'): Promise<Packet> {
    return this.#arrived.shift() ?? (await this.#arrival(wanted));
  }

  /** The next packet that comes, which must be a `cmd`. */
  async next(cmd: string): Promise<Packet> {
    const packet = await this.any(cmd);
    if (packet.cmd !== cmd) throw new Error(`expected ${cmd}, got ${JSON.stringify(packet)}`);
    return packet;
  }

  /** The next packets, one of each `cmd`, in whatever order they come; ordered as asked for. */
  async each(...cmds: string[]): Promise<Packet[]> {
    const found = new Map<string, Packet>();
    while (found.size < cmds.length) {
      const packet = await this.any(cmds.join(' or '));
      if (!cmds.includes(packet.cmd) || found.has(packet.cmd))
        throw new Error(`not asked for: ${JSON.stringify(packet)}`);
      found.set(packet.cmd, packet);
    }
    return cmds.map((cmd) => found.get(cmd)!);
  }

  async take(cmd: string, count: number): Promise<Packet[]> {
    const packets: Packet[] = [];
    while (packets.length < count) packets.push(await this.next(cmd));
    return packets;
  }

  /** The next packet, for as long as it takes. */
  async whenever(): Promise<Packet> {
    return this.#arrived.shift() ?? (await this.#arrival('packet', Number.POSITIVE_INFINITY));
  }

  /** What has come and was not asked for. */
  get pending(): Packet[] {
    return this.#arrived;
  }

  /** A ping's round trip: what the gateway wrote before its answer is here. */
  async ping(): Promise<void> {
    this.send({ cmd: 'pingreq' });
    await this.next('pingresp');
  }

  /** Resolves when the gateway ends the connection; fails when it does not. */
  async end(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('the connection is still open')), PATIENCE_MS);
    });
    await Promise.race([this.closed, late]).finally(() => clearTimeout(timer));
  }

  /** DISCONNECT, and the gateway's end of the connection. */
  async disconnect(fields: Record<string, unknown> = {}): Promise<void> {
    this.send({ cmd: 'disconnect', ...fields });
    await this.end();
  }

  /** The network is gone: no DISCONNECT. */
  async drop(): Promise<void> {
    this.socket.resetAndDestroy();
    await this.closed;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #take(packet: Packet): void {
    const waiter = this.#waiter;
    this.#waiter = null;
    if (waiter === null) this.#arrived.push(packet);
    else waiter.resolve(packet);
  }

  #fail(error: Error): void {
    const waiter = this.#waiter;
    this.#waiter = null;
    waiter?.reject(error);
  }

  async #arrival(cmd: string, patienceMs = PATIENCE_MS): Promise<Packet> {
    if (this.#isClosed) throw new Error(`expected ${cmd}, but the connection is closed`);
    const isPatient = patienceMs === Number.POSITIVE_INFINITY;
    const timer = isPatient
      ? undefined
      : setTimeout(() => this.#fail(new Error(`no ${cmd} came`)), patienceMs);
    const arrival = new Promise<Packet>((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
    return await arrival.finally(() => clearTimeout(timer));
  }
}

export function connectPacket(version: ClientVersion, fields: ConnectFields): PacketFields {
  return {
    cmd: 'connect',
    protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
    protocolVersion: version,
    clean: true,
    clientId: 'client-under-test',
    keepalive: 0,
    ...fields,
  };
}

export function publishPacket(
  topic: string,
  payload: string | Buffer,
  rest: PublishFields = {},
): PacketFields {
  return { cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false, ...rest };
}

export function encode(packet: PacketFields, version: ClientVersion): Buffer {
  return mqtt.generate(packet as unknown as mqtt.Packet, { protocolVersion: version });
}
