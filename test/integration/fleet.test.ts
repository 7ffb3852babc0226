import type { IPublishPacket } from 'mqtt';
import { connectAsync } from 'mqtt';
import { describe, expect, test } from 'vitest';
import type { DeviceFleet } from '../../simulator/fleet/device-fleet.ts';
import { createDemoFleet, type DemoFleetOptions, demoScenario } from '../../simulator/run/demo-fleet.ts';
import { TestBroker, until } from '../support/test-broker.ts';

interface Reading {
  time: string;
  temperatureC: number;
  speedRpm: number;
  state: string;
}

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

/** Stopped when the test is over, if it has not been. */
class Fleet implements AsyncDisposable {
  readonly devices: DeviceFleet;

  constructor(options: DemoFleetOptions) {
    const loaded = demoScenario(options);
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    const demo = createDemoFleet(loaded.scenario, options.url);
    this.devices = demo.fleet;
    demo.start();
  }

  get totals() {
    return this.devices.totals();
  }

  stop(deadlineMs: number): Promise<void> {
    return this.devices.stop(deadlineMs);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop(0);
  }
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe('the fleet of the demo', () => {
  test('publishes the telemetry of every device on a topic of its own, and counts the acknowledgements', async () => {
    await using broker = await TestBroker.start();
    await using listener = await listenTo(broker);
    await using fleet = new Fleet({ url: broker.url, devices: 7, ratePerSecond: 50 });
    await until(() => fleet.totals.acked > 100);
    expect(fleet.totals).toMatchObject({ devices: 7, connected: 7, refused: 0, reconnects: 0 });
    await fleet.stop(2000);
    const { sent, acked, connected, payloadBytes } = fleet.totals;
    expect({ acked, connected }).toEqual({ acked: sent, connected: 0 });
    await until(() => listener.packets.length === sent);
    expect([...sequences(listener.packets).keys()].sort()).toEqual([
      'plant/line1/dev-0/telemetry',
      'plant/line1/dev-1/telemetry',
      'plant/line2/dev-0/telemetry',
      'plant/line2/dev-1/telemetry',
      'plant/line3/dev-0/telemetry',
      'plant/line4/dev-0/telemetry',
      'plant/line5/dev-0/telemetry',
    ]);
    for (const seqs of sequences(listener.packets).values()) expect(seqs).toEqual(upTo(seqs.length));
    expect(listener.packets.reduce((sum, { payload }) => sum + payload.length, 0)).toBe(payloadBytes);
  });

  test('speaks of a machine whose values wander in small steps', async () => {
    await using broker = await TestBroker.start();
    await using listener = await listenTo(broker);
    await using fleet = new Fleet({ url: broker.url, devices: 1, ratePerSecond: 200 });
    await until(() => listener.packets.length >= 50);
    await fleet.stop(0);
    const readings = listener.packets.map(({ payload }) => JSON.parse(payload.toString()) as Reading);
    for (const [i, { time, temperatureC, speedRpm, state }] of readings.entries()) {
      expect(new Date(time).toISOString()).toBe(time);
      expect(speedRpm >= 600 && speedRpm <= 3000).toBe(true);
      expect(temperatureC >= 15 && temperatureC <= 95).toBe(true);
      expect(['running', 'idle', 'fault']).toContain(state);
      if (i > 0) expect(Math.abs(temperatureC - readings[i - 1].temperatureC)).toBeLessThanOrEqual(0.41);
    }
    expect(new Set(readings.map(({ temperatureC }) => temperatureC)).size).toBeGreaterThan(10);
  });

  test('comes back by itself after the broker was away, and loses nothing of what it sent', async () => {
    await using broker = await TestBroker.start();
    await using listener = await listenTo(broker);
    await using fleet = new Fleet({ url: broker.url, devices: 4, ratePerSecond: 50 });
    await until(() => fleet.totals.acked > 40);
    await broker.close();
    await until(() => fleet.totals.connected === 0 && fleet.totals.skipped > 0);
    await broker.open();
    await until(() => fleet.totals.connected === 4);
    const before = fleet.totals.acked;
    await until(() => fleet.totals.acked > before + 40);
    await fleet.stop(2000);
    const { sent, acked, refused, reconnects } = fleet.totals;
    expect({ acked, refused, reconnects }).toEqual({ acked: sent, refused: 0, reconnects: 4 });
    await until(() => [...sequences(listener.packets).values()].flat().length === sent);
    for (const seqs of sequences(listener.packets).values()) expect(seqs).toEqual(upTo(seqs.length));
  });

  test('skips readings instead of queueing them when nothing is acknowledged, and still ends in time', async () => {
    await using broker = await TestBroker.start();
    broker.broker.authorizePublish = () => {}; // never answers
    await using fleet = new Fleet({ url: broker.url, devices: 2, ratePerSecond: 100, window: 3 });
    await until(() => fleet.totals.skipped > 20);
    expect(fleet.totals).toMatchObject({ sent: 6, acked: 0 });
    await fleet.stop(50);
    expect(fleet.totals).toMatchObject({ connected: 0, sent: 6, acked: 0 });
  });

  test('counts what is refused', async () => {
    await using broker = await TestBroker.start();
    broker.broker.authorizePublish = (_client, _packet, done) =>
      done(Object.assign(new Error('no'), { reasonCode: 0x97 }));
    await using fleet = new Fleet({ url: broker.url, devices: 1, ratePerSecond: 100 });
    await until(() => fleet.totals.refused >= 3);
    expect(fleet.totals.acked).toBe(0);
  });

  test('tells recent latencies apart from all', async () => {
    await using broker = await TestBroker.start();
    await using fleet = new Fleet({ url: broker.url, devices: 1, ratePerSecond: 100 });
    await until(() => fleet.totals.acked >= 10);
    const [group] = fleet.devices.groups;
    const { count, p50, p99, max } = group.takeRecentAck().summary();
    expect(count).toBe(fleet.totals.acked);
    expect(p50).toBeGreaterThan(0);
    expect(p99).toBeLessThanOrEqual(max);
    expect(group.takeRecentAck().count).toBe(0);
  });

  test('stops where no broker ever was', async () => {
    await using broker = await TestBroker.start();
    await broker.close();
    await using fleet = new Fleet({ url: broker.url, devices: 3, ratePerSecond: 10 });
    await fleet.stop(1000);
    await fleet.stop(1000);
    expect(fleet.totals).toMatchObject({ connected: 0, sent: 0 });
  });
});
