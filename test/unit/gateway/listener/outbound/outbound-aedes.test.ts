// The outbound flow with the real session engine behind it: what it injects, withholds and mends is what aedes
// understands. No sockets; the client is this test.

import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { Aedes } from 'aedes';
import type { IConnectPacket, Packet } from 'mqtt-packet';
import { parser } from 'mqtt-packet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../../../config/clock.ts';
import { mendConnect } from '../../../../../gateway/listener/outbound/connect-mend.ts';
import { OutboundFlow } from '../../../../../gateway/listener/outbound/outbound-flow.ts';
import { encode, puback, pubcomp, pubrec, roomy } from './flow-harness.ts';

type Publish = Extract<Packet, { cmd: 'publish' }>;

class TestClient extends Duplex {
  readonly discards: string[] = [];
  readonly received: Packet[] = [];
  /** Answers to a PUBLISH or PUBREL, or keeps silent. */
  isAnswering = true;
  inFlightMax = 0;
  #inFlight = 0;
  #arrived: () => void = () => {};
  readonly #flow: OutboundFlow;
  readonly #reader = parser({ protocolVersion: 5 });

  constructor() {
    super();
    this.#flow = new OutboundFlow(
      {
        send: (bytes) => this.#reader.parse(bytes),
        toAedes: (frame) => this.push(frame),
        clock: systemClock,
        onDiscard: (reason) => this.discards.push(reason),
        fail: (fault) => this.destroy(fault),
      },
      roomy,
    );
    this.#reader.on('packet', (packet) => this.#onPacket(packet));
    this.#reader.on('error', (fault) => this.destroy(fault as Error));
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#flow.fromAedes(chunk, done);
  }

  override _final(done: () => void): void {
    this.#flow.close();
    done();
  }

  async connect(broker: Aedes, fields: Partial<IConnectPacket> = {}): Promise<void> {
    const packet = { cmd: 'connect', protocolVersion: 5, clientId: 'c', clean: true, ...fields } as const;
    const limits = { keepAliveMaxS: 60, sessionExpiryMaxS: 3600 };
    const { frame, connack } = mendConnect(encode(packet, 5), limits);
    this.#flow.configure({
      version: 5,
      receiveMaximum: fields.properties?.receiveMaximum ?? 65_535,
      maximumPacketBytes: fields.properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY,
      connack,
    });
    const ready = once(broker, 'clientReady');
    broker.handle(this, undefined as never);
    this.push(frame);
    await ready;
    await this.until('connack');
  }

  send(packet: Packet): void {
    this.push(encode(packet, 5));
  }

  async subscribe(topic: string, qos: 0 | 1 | 2): Promise<void> {
    this.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos }] });
    await this.until('suback');
  }

  /** Everything that aedes was given before is done when this is answered. */
  async roundTrip(): Promise<void> {
    this.send({ cmd: 'pingreq' });
    await this.until('pingresp');
    this.received.splice(
      this.received.findIndex((packet) => packet.cmd === 'pingresp'),
      1,
    );
  }

  async until(cmd: Packet['cmd'], count = 1): Promise<void> {
    while (this.received.filter((packet) => packet.cmd === cmd).length < count) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
  }

  answer(frame: Buffer): void {
    if (frame[0]! >> 4 !== 5) this.#inFlight--;
    if (this.#flow.fromClient(frame[0]! >> 4, frame) === 'pass') this.push(frame);
  }

  keepAlive(): void {
    this.#flow.pingAsAedesKeepAlive();
  }

  get payloads(): string[] {
    return this.publishes.map((packet) => packet.payload.toString());
  }

  get publishes(): Publish[] {
    return this.received.filter((packet) => packet.cmd === 'publish');
  }

  #onPacket(packet: Packet): void {
    this.received.push(packet);
    if (packet.cmd === 'publish' && packet.qos > 0) {
      this.inFlightMax = Math.max(this.inFlightMax, ++this.#inFlight);
    }
    // As a client does: later, not from within the write of what it answers.
    if (this.isAnswering) setImmediate(() => this.#answerTo(packet));
    this.#arrived();
  }

  #answerTo(packet: Packet): void {
    const id = packet.messageId ?? 0;
    if (packet.cmd === 'pubrel') this.answer(pubcomp(id));
    if (packet.cmd === 'publish' && packet.qos > 0) this.answer(packet.qos === 1 ? puback(id) : pubrec(id));
  }
}

let broker: Aedes;

beforeEach(async () => {
  broker = await Aedes.createBroker();
});

afterEach(async () => {
  await new Promise<void>((resolve) => broker.close(() => resolve()));
});

function publish(topic: string, qos: 0 | 1 | 2, payload: string): Promise<void> {
  const packet = { cmd: 'publish', topic, qos, payload, retain: false, dup: false } as const;
  return new Promise((resolve, reject) => {
    broker.publish(packet, (fault) => (fault ? reject(fault) : resolve()));
  });
}

describe('the outbound flow in front of aedes', () => {
  test('a client with Receive Maximum 2 gets all of 60 QoS 2 messages, in order (MQTT-3.3.4-9)', async () => {
    const client = new TestClient();
    await client.connect(broker, { properties: { receiveMaximum: 2 } });
    await client.subscribe('t', 2);
    const expected = Array.from({ length: 60 }, (_, i) => `m${i}`);
    for (const payload of expected) await publish('t', 2, payload);
    await client.until('pubrel', 60);
    expect(client.payloads).toEqual(expected);
    expect(client.inFlightMax).toBe(2);
  });

  test('too large a PUBLISH leaves the queue of a kept session, at QoS 1 and 2 (MQTT-3.1.2-25)', async () => {
    const session = { sessionExpiryInterval: 600 };
    const small = new TestClient();
    await small.connect(broker, { properties: { ...session, maximumPacketSize: 40 } });
    await small.subscribe('t', 2);
    small.isAnswering = false;
    await publish('t', 1, 'y'.repeat(60));
    await publish('t', 2, 'z'.repeat(60));
    await publish('t', 2, 'fits');
    await small.until('publish');
    const fittingId = small.publishes[0]!.messageId!;
    small.answer(pubrec(fittingId));
    await small.until('pubrel');
    small.answer(pubcomp(fittingId));
    await small.roundTrip();
    expect(small.payloads).toEqual(['fits']);
    expect(small.discards).toEqual(['packet-too-large', 'packet-too-large']);
    small.destroy();
    await once(broker, 'clientDisconnect');

    const large = new TestClient();
    await large.connect(broker, { clean: false, properties: session });
    await large.roundTrip();
    expect(large.received.map((packet) => packet.cmd)).toEqual(['connack']);
    expect(large.received[0]).toMatchObject({ sessionPresent: true });
  });

  test('a packet identifier that aedes uses again waits for its acknowledgement (MQTT-2.2.1-4)', async () => {
    const client = new TestClient();
    await client.connect(broker);
    await client.subscribe('t', 1);
    client.isAnswering = false;
    const engineSide = (broker as unknown as { clients: Record<string, { _nextId: number }> }).clients.c!;
    for (const payload of ['first', 'second']) {
      engineSide._nextId = 7;
      await publish('t', 1, payload);
    }
    await client.roundTrip();
    expect(client.payloads).toEqual(['first']);
    client.answer(puback(7));
    await client.until('publish', 2);
    expect(client.publishes).toMatchObject([
      { messageId: 7 },
      { messageId: 7, payload: Buffer.from('second') },
    ]);
  });

  test('a will comes without the will delay (MQTT 5.0 2.2.2.2)', async () => {
    const watcher = new TestClient();
    await watcher.connect(broker, { clientId: 'watcher' });
    await watcher.subscribe('will', 1);
    const mortal = new TestClient();
    const properties = { willDelayInterval: 5, contentType: 'c' };
    const will = { topic: 'will', payload: 'gone', qos: 1, retain: false, properties } as const;
    // The session ends with the connection, and the will does not wait longer (MQTT-3.1.3-9).
    await mortal.connect(broker, { clientId: 'mortal', will });
    mortal.destroy();
    await watcher.until('publish');
    expect(watcher.publishes[0]!.properties).toEqual({ contentType: 'c' });
  });

  test('the injected keep-alive reaches aedes and its answer does not reach the client', async () => {
    const client = new TestClient();
    await client.connect(broker);
    let pings = 0;
    broker.on('ping', () => pings++);
    client.keepAlive();
    await client.roundTrip();
    client.keepAlive();
    await client.roundTrip();
    expect(pings).toBe(4);
    expect(client.received.map((packet) => packet.cmd)).toEqual(['connack']);
  });

  test('the CONNACK tells the keep alive and the name that were chosen (MQTT-3.2.2-16, -21)', async () => {
    const client = new TestClient();
    await client.connect(broker, { clientId: '', keepalive: 0 });
    const [connack] = client.received;
    const properties = { serverKeepAlive: 60, assignedClientIdentifier: expect.stringMatching(/^auto-/) };
    expect(connack).toMatchObject({ cmd: 'connack', reasonCode: 0, properties });
    const [clientId] = Object.keys((broker as unknown as { clients: object }).clients);
    expect(connack).toHaveProperty('properties.assignedClientIdentifier', clientId);
  });
});
