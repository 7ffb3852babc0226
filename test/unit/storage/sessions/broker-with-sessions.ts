// aedes over the session persistence, wired with the hooks that session-persistence.ts asks of the gateway,
// and an MQTT client made of nothing but mqtt-packet, joined by a pair of streams: every packet on the wire
// can be looked at.

import { type Duplex, duplexPair } from 'node:stream';
import { Aedes } from 'aedes';
import mqtt, { type IPublishPacket } from 'mqtt-packet';
import type { SessionClient, SessionPacket } from '../../../../storage/sessions/session-packet.ts';
import type { SessionPersistence } from '../../../../storage/sessions/session-persistence.ts';
import type { SessionStore } from './session-store.ts';

interface AedesClient extends SessionClient {
  clean: boolean;
  version: number;
  sessionExpiryInterval: number;
  _cleanStart: boolean;
}

export interface ConnectOptions {
  protocolVersion?: 4 | 5;
  cleanStart?: boolean;
  sessionExpiryInterval?: number;
  receiveMaximum?: number;
  will?: { topic: string; payload: Buffer; qos: 0 | 1 | 2; retain: boolean };
}

export type WirePacket = Partial<Omit<IPublishPacket, 'cmd'>> & { cmd: string };

export class BrokerWithSessions implements AsyncDisposable {
  readonly broker: Aedes;
  readonly persistence: SessionPersistence;
  readonly peers: Peer[] = [];
  #counter = 0;

  private constructor(broker: Aedes, persistence: SessionPersistence) {
    this.broker = broker;
    this.persistence = persistence;
  }

  static async start(store: SessionStore): Promise<BrokerWithSessions> {
    const persistence = store.build();
    const broker = await Aedes.createBroker({
      persistence,
      authenticate(client, _username, _password, done) {
        openSession(persistence, client as unknown as AedesClient).then(
          (accepted) => done(null, accepted),
          (error) => done(error, false),
        );
      },
      authorizeForward(client, packet) {
        return persistence.forward(
          client as unknown as SessionClient,
          packet as SessionPacket,
        ) as typeof packet;
      },
    });
    return new BrokerWithSessions(broker, persistence);
  }

  connect(clientId: string, options: ConnectOptions = {}): Peer {
    const [ours, theirs] = duplexPair();
    const client = this.broker.handle(theirs) as unknown as AedesClient;
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    ours.once('close', () => theirs.destroy());
    theirs.once('close', () => {
      ours.destroy();
      const expiryS = client.sessionExpiryInterval;
      if (client.id) this.persistence.closeSession(client, { expiryS }).finally(resolve);
    });
    const peer = new Peer(ours, closed, { clientId, ...options });
    this.peers.push(peer);
    return peer;
  }

  /** As the gateway publishes what a device sent: rows in a commit of the gateway's, then to aedes. */
  async publishKept(store: SessionStore, packet: SessionPacket): Promise<void> {
    const kept: SessionPacket = {
      cmd: 'publish',
      brokerId: 'kept',
      brokerCounter: ++this.#counter,
      ...packet,
    };
    const prepared = [this.persistence.prepareFanout(kept), this.persistence.prepareRetained(kept)];
    await store.journal(prepared.flatMap((each) => each?.ops ?? []));
    await this.publish(kept);
  }

  async publishAll(store: SessionStore, packets: SessionPacket[]): Promise<void> {
    await Promise.all(packets.map((packet) => this.publishKept(store, packet)));
  }

  async publish(packet: SessionPacket): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.broker.publish(packet as never, (error?: Error) => (error ? reject(error) : resolve()));
    await promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const peer of this.peers) peer.cut();
    await new Promise<void>((resolve) => this.broker.close(() => resolve()));
  }
}

async function openSession(persistence: SessionPersistence, client: AedesClient): Promise<boolean> {
  const options = {
    cleanStart: client._cleanStart,
    expiryS: client.sessionExpiryInterval,
    protocolVersion: client.version,
  };
  const opened = await persistence.openSession(client, options);
  if (opened.kind === 'opened' && opened.sessionPresent) client.clean = false;
  return opened.kind === 'opened';
}

/** A client that answers nothing by itself. */
export class Peer {
  readonly #stream: Duplex;
  readonly #protocolVersion: 4 | 5;
  readonly #received: WirePacket[] = [];
  readonly #waiting: ((packet: WirePacket) => void)[] = [];
  /** The gateway has noticed, and the session is closed. */
  readonly #closed: Promise<void>;

  constructor(stream: Duplex, closed: Promise<void>, options: ConnectOptions & { clientId: string }) {
    const { clientId, protocolVersion = 4, cleanStart = false, will } = options;
    const { sessionExpiryInterval, receiveMaximum } = options;
    this.#stream = stream;
    this.#closed = closed;
    this.#protocolVersion = protocolVersion;
    const parser = mqtt.parser({ protocolVersion });
    parser.on('packet', (packet) => this.#take(packet as WirePacket));
    stream.on('data', (chunk) => parser.parse(chunk));
    stream.on('error', () => {});
    const properties = protocolVersion === 5 ? { sessionExpiryInterval, receiveMaximum } : undefined;
    const connect = {
      cmd: 'connect',
      clientId,
      protocolVersion,
      clean: cleanStart,
      keepalive: 0,
      properties,
      will,
    };
    this.send(connect as mqtt.Packet);
  }

  send(packet: mqtt.Packet): void {
    this.#stream.write(mqtt.generate(packet, { protocolVersion: this.#protocolVersion }));
  }

  async subscribe(topic: string, qos: 0 | 1 | 2, extra: object = {}): Promise<void> {
    this.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos, ...extra }] } as mqtt.Packet);
    await this.next('suback');
  }

  /** The next packet, whatever it is; it must be a `cmd`. */
  async next(cmd: string): Promise<WirePacket> {
    const packet = await this.any();
    if (packet.cmd !== cmd) throw new Error(`expected ${cmd}, got ${JSON.stringify(packet)}`);
    return packet;
  }

  async any(): Promise<WirePacket> {
    return (
      this.#received.shift() ?? (await new Promise<WirePacket>((resolve) => this.#waiting.push(resolve)))
    );
  }

  /** The next `count` publishes. */
  async publishes(count: number): Promise<WirePacket[]> {
    const packets: WirePacket[] = [];
    while (packets.length < count) packets.push(await this.next('publish'));
    return packets;
  }

  /** After a round trip nothing is on its way that was sent before. */
  async expectNothing(): Promise<void> {
    for (let i = 0; i < 3; i++) {
      this.send({ cmd: 'pingreq' });
      await this.next('pingresp');
    }
  }

  /** The network is gone: no DISCONNECT. */
  async drop(): Promise<void> {
    this.#stream.destroy();
    await this.#closed;
  }

  cut(): void {
    this.#stream.destroy();
  }

  async disconnect(): Promise<void> {
    this.send({ cmd: 'disconnect' } as mqtt.Packet);
    await this.#closed;
  }

  #take(packet: WirePacket): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting(packet);
    else this.#received.push(packet);
  }
}

export function textOf(packet: { payload?: unknown }): string {
  return String(packet.payload);
}
