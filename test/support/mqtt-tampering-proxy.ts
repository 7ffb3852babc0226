// Stands between a broker and a subscriber and does to chosen PUBLISHes what no honest link does: drops them (and
// acknowledges them to the broker in the subscriber's name), doubles them, or holds them back until another one has
// passed. All else goes through packet by packet, unchanged. So a test knows exactly what its receiver must find out.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { generate, type IPublishPacket, type Packet, parser } from 'mqtt-packet';

export type Tampering =
  | { kind: 'pass' }
  | { kind: 'drop' }
  | { kind: 'double' }
  /** Passed on after the first PUBLISH, itself passed on, for which `until` holds. */
  | { kind: 'hold'; until: (packet: IPublishPacket) => boolean };

export const PASS: Tampering = { kind: 'pass' };

export interface TamperingProxy extends AsyncDisposable {
  readonly port: number;
  /** PUBLISHes that are held back now. */
  readonly held: number;
}

/** `tamper` sees every PUBLISH from the broker once. */
export async function startTamperingProxy(
  brokerPort: number,
  tamper: (packet: IPublishPacket) => Tampering,
): Promise<TamperingProxy> {
  const links = new Set<TamperingLink>();
  const server = createServer((subscriber) => {
    const link = new TamperingLink(subscriber, connect(brokerPort, '127.0.0.1'), tamper);
    links.add(link);
    subscriber.once('close', () => links.delete(link));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get held() {
      return [...links].reduce((sum, link) => sum + link.held, 0);
    },
    async [Symbol.asyncDispose]() {
      for (const link of links) link.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

class TamperingLink {
  readonly #subscriber: Socket;
  readonly #broker: Socket;
  readonly #tamper: (packet: IPublishPacket) => Tampering;
  #held: { packet: IPublishPacket; until: (packet: IPublishPacket) => boolean }[] = [];
  #protocolVersion = 5;

  constructor(subscriber: Socket, broker: Socket, tamper: (packet: IPublishPacket) => Tampering) {
    this.#subscriber = subscriber;
    this.#broker = broker;
    this.#tamper = tamper;
    this.#join(subscriber, broker);
    this.#join(broker, subscriber);
    this.#readSubscriber();
  }

  get held(): number {
    return this.#held.length;
  }

  destroy(): void {
    this.#subscriber.destroy();
    this.#broker.destroy();
  }

  #join(socket: Socket, other: Socket): void {
    socket.on('error', () => {}); // its close ends the other side
    socket.on('close', () => other.destroy());
  }

  /** Its CONNECT, which comes first, says how the broker's packets are to be read. */
  #readSubscriber(): void {
    const packets = parser();
    packets.once('packet', (packet: Packet) => {
      if (packet.cmd === 'connect') this.#protocolVersion = packet.protocolVersion ?? 4;
      this.#readBroker();
    });
    const look = (bytes: Buffer): void => void packets.parse(bytes);
    this.#subscriber.on('data', look);
    packets.once('packet', () => this.#subscriber.off('data', look));
    this.#subscriber.on('data', (bytes) => this.#broker.write(bytes));
  }

  #readBroker(): void {
    const packets = parser({ protocolVersion: this.#protocolVersion });
    packets.on('packet', (packet: Packet) => {
      if (packet.cmd === 'publish') this.#onPublish(packet);
      else this.#subscriber.write(this.#bytesOf(packet));
    });
    packets.on('error', (error) => this.#subscriber.destroy(error));
    this.#broker.on('data', (bytes) => packets.parse(bytes));
  }

  #onPublish(packet: IPublishPacket): void {
    const tampering = this.#tamper(packet);
    switch (tampering.kind) {
      case 'drop':
        this.#acknowledge(packet);
        return;
      case 'hold':
        this.#held.push({ packet, until: tampering.until });
        return;
      case 'double':
        // The copy goes with QoS 0: a second PUBACK would be news to the broker.
        this.#subscriber.write(this.#bytesOf({ ...packet, qos: 0, messageId: undefined }));
        break;
      case 'pass':
        break;
    }
    this.#passOn(packet);
  }

  #passOn(packet: IPublishPacket): void {
    this.#subscriber.write(this.#bytesOf(packet));
    const due = this.#held.filter(({ until }) => until(packet));
    this.#held = this.#held.filter((one) => !due.includes(one));
    for (const one of due) this.#passOn(one.packet);
  }

  /** QoS 2 is not for this proxy: whoever uses it would wait for a PUBREL. */
  #acknowledge(packet: IPublishPacket): void {
    if (packet.qos === 2) throw new Error('a PUBLISH with QoS 2 cannot be dropped here');
    if (packet.qos === 1) this.#broker.write(this.#bytesOf({ cmd: 'puback', messageId: packet.messageId }));
  }

  #bytesOf(packet: Packet): Buffer {
    return generate(packet, { protocolVersion: this.#protocolVersion });
  }
}
