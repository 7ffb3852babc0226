import type { IPublishPacket } from 'mqtt';
import { connectAsync } from 'mqtt';
import { describe, expect, test } from 'vitest';
import { Fleet } from '../../simulator/fleet.ts';
import { TestBroker, until } from '../support/test-broker.ts';

interface Listener extends AsyncDisposable {
  packets: IPublishPacket[];
}

async function listenTo(broker: TestBroker): Promise<Listener> {
  const client = await connectAsync(broker.url, {
    protocolVersion: 5,
    clean: false,
    clientId: 'listener',
    reconnectPeriod: 50,
    properties: { sessionExpiryInterval: 60 },
  });
  const packets: IPublishPacket[] = [];
  client.on('message', (_topic, _payload, packet) => void packets.push(packet));
  await client.subscribeAsync('plant/#', { qos: 1 });
  return { packets, [Symbol.asyncDispose]: () => client.endAsync(true) };
}

/** By topic, the sequence numbers in the order in which they came, without repetitions. */
function sequences(packets: IPublishPacket[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const { topic, payload } of packets) {
    const list = found.get(topic) ?? [];
    const { seq } = JSON.parse(payload.toString()) as { seq: number };
    if (!list.includes(seq)) list.push(seq);
    found.set(topic, list);
  }
  return found;
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

describe('a simulated fleet', () => {
  test('publishes the telemetry of every device on a topic of its own, and counts the acknowledgements', async () => {
    await using broker = await TestBroker.start();
    await using listener = await listenTo(broker);
    await using fleet = new Fleet({ url: broker.url, devices: 7, lines: 3, ratePerSecond: 50 });
    await fleet.start();
    await until(() => fleet.snapshot().acked > 100);
    expect(fleet.snapshot()).toMatchObject({ devices: 7, connected: 7, refused: 0, reconnects: 0 });
    await fleet.stop(2000);
    const { sent, acked, unacked, connected, payloadBytes, ackLatencyMs } = fleet.snapshot();
    expect({ acked, unacked, connected }).toEqual({ acked: sent, unacked: 0, connected: 0 });
    expect(ackLatencyMs.count).toBe(acked);
    expect(ackLatencyMs.p50).toBeGreaterThan(0);
    expect(ackLatencyMs.p99).toBeLessThanOrEqual(ackLatencyMs.max);
    await until(() => listener.packets.length === sent);
    expect([...sequences(listener.packets).keys()].sort()).toEqual(
      [1, 2, 3, 4, 5, 6, 7]
        .map((number) => `plant/line${1 + ((number - 1) % 3)}/dev-${number}/telemetry`)
        .sort(),
    );
    for (const seqs of sequences(listener.packets).values()) expect(seqs).toEqual(upTo(seqs.length));
    expect(listener.packets.reduce((sum, { payload }) => sum + payload.length, 0)).toBe(payloadBytes);
  });

  test('comes back by itself after the broker was away, and loses nothing of what it sent', async () => {
    await using broker = await TestBroker.start();
    await using listener = await listenTo(broker);
    await using fleet = new Fleet({ url: broker.url, devices: 4, ratePerSecond: 50 });
    await fleet.start();
    await until(() => fleet.snapshot().acked > 40);
    await broker.close();
    await until(() => fleet.snapshot().connected === 0 && fleet.snapshot().skipped > 0);
    await broker.open();
    await until(() => fleet.snapshot().connected === 4);
    const before = fleet.snapshot().acked;
    await until(() => fleet.snapshot().acked > before + 40);
    await fleet.stop(2000);
    expect(fleet.snapshot()).toMatchObject({ unacked: 0, refused: 0, reconnects: 4 });
    await until(() => [...sequences(listener.packets).values()].flat().length === fleet.snapshot().sent);
    for (const seqs of sequences(listener.packets).values()) expect(seqs).toEqual(upTo(seqs.length));
  });

  test('skips readings instead of queueing them when nothing is acknowledged, and still ends in time', async () => {
    await using broker = await TestBroker.start();
    broker.broker.authorizePublish = () => {}; // never answers
    await using fleet = new Fleet({ url: broker.url, devices: 2, ratePerSecond: 100, inFlightMax: 3 });
    await fleet.start();
    await until(() => fleet.snapshot().skipped > 20);
    expect(fleet.snapshot()).toMatchObject({ sent: 6, acked: 0, unacked: 6 });
    await fleet.stop(50);
    expect(fleet.snapshot()).toMatchObject({ connected: 0, unacked: 6 });
  });

  test('counts what is refused', async () => {
    await using broker = await TestBroker.start();
    broker.broker.authorizePublish = (_client, _packet, done) =>
      done(Object.assign(new Error('no'), { reasonCode: 0x97 }));
    await using fleet = new Fleet({ url: broker.url, devices: 1, ratePerSecond: 100 });
    await fleet.start();
    await until(() => fleet.snapshot().refused >= 3);
    expect(fleet.snapshot().acked).toBe(0);
  });

  test('tells recent latencies apart from all', async () => {
    await using broker = await TestBroker.start();
    await using fleet = new Fleet({ url: broker.url, devices: 2, ratePerSecond: 100 });
    await fleet.start();
    await until(() => fleet.snapshot().acked >= 10);
    const first = fleet.takeRecentAckLatency().count;
    expect(first).toBe(fleet.snapshot().ackLatencyMs.count);
    expect(fleet.takeRecentAckLatency().count).toBe(0);
  });

  test('stops where no broker ever was', async () => {
    await using broker = await TestBroker.start();
    await broker.close();
    const fleet = new Fleet({ url: broker.url, devices: 3, ratePerSecond: 10 });
    await fleet.start();
    await fleet.stop(1000);
    await fleet.stop(1000);
    expect(fleet.snapshot()).toMatchObject({ connected: 0, sent: 0 });
  });
});
