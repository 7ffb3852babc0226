// Upstreams as they are: away, back, killed, slow, mute, hostile. Afterwards everything has arrived, in
// order, without a new record having to be appended.

import { describe, expect, test } from 'vitest';
import type { MqttSinkSettings } from '../../../bridge/sinks/mqtt/config.ts';
import { LinkProxy } from '../../../simulator/faults/link-proxy.ts';
import { freePort, hasMosquitto, startMosquitto } from '../../support/mosquitto.ts';
import { startImpostor } from '../../support/mqtt-impostor.ts';
import { recordBatch } from '../../support/record-batches.ts';
import { UpstreamObserver } from '../../support/upstream-observer.ts';
import { BridgeHarness } from './bridge-harness.ts';

const formats: [string, Partial<MqttSinkSettings>][] = [
  ['batch', { format: 'batch', batch: { maxBytes: 16_384, maxMessages: 400, lingerMs: 10 } }],
  ['each', { format: 'each', batch: { maxBytes: 16_384, maxMessages: 400, lingerMs: 10 } }],
];

const broker = { lines: ['max_queued_messages 0', 'max_inflight_messages 100'] };

function url(port: number): string {
  return `mqtt://127.0.0.1:${port}`;
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

describe.skipIf(!hasMosquitto()).each(formats)('format %s', (_name, settings) => {
  test('an upstream that comes up later is given the whole backlog, in order', async () => {
    await using proxy = await LinkProxy.start({ target: { port: await freePort() } }); // nothing listens there
    await using harness = new BridgeHarness({ url: url(proxy.port), ...settings });
    harness.append(3000);
    await harness.start();
    await harness.until(() => typeof harness.status()?.lastError === 'string');
    await using upstream = await startMosquitto(broker);
    await using observer = await UpstreamObserver.start(upstream.port);
    proxy.retarget({ port: upstream.port });
    await harness.delivered();
    await observer.received(3000);
    expect(observer.firstCopies()).toEqual(range(3000));
  });

  test('an upstream that is killed again and again, while records keep coming, misses none', async () => {
    await using upstream = await startMosquitto(broker);
    await using harness = new BridgeHarness({
      url: url(upstream.port),
      ...settings,
      breaker: { failures: 100, openMs: 100 },
    });
    await harness.start();
    const arrived = new Map<number, string>();
    const firsts: number[] = [];
    for (let round = 0; round < 4; round++) {
      await using observer = await UpstreamObserver.start(upstream.port);
      const from = harness.cursor();
      for (let i = 0; i < 20; i++) harness.append(100);
      await harness.until(() => harness.cursor() > from);
      if (round < 3) {
        await upstream.stop(true);
        harness.append(500);
        await upstream.restart();
      } else {
        await harness.delivered();
        await observer.until(() => observer.records.some(({ offset }) => offset === 9499));
      }
      for (const { offset, payload } of observer.records) {
        if (!arrived.has(offset)) firsts.push(offset);
        arrived.set(offset, payload);
      }
    }
    // What a killed broker acknowledged to us and had not passed on to the observer yet is lost by the
    // broker, not by us.
    expect(firsts).toEqual(firsts.toSorted((a, b) => a - b));
    for (const [offset, payload] of arrived) expect(Number.parseInt(payload, 10)).toBe(offset);
    expect(harness.advances.reduce((sum, { delivered }) => sum + delivered, 0)).toBe(9500);
  });

  test('a link that is cut again and again delivers everything, in order', async () => {
    await using upstream = await startMosquitto(broker);
    await using observer = await UpstreamObserver.start(upstream.port);
    await using proxy = await LinkProxy.start({
      target: { port: upstream.port },
      faults: { bytesPerSecondEach: 1_500_000 },
    });
    await using harness = new BridgeHarness({
      url: url(proxy.port),
      ...settings,
      compression: 'none',
      breaker: { failures: 100, openMs: 100 },
    });
    harness.append(8000, { payloadBytes: 200 });
    await harness.start();
    for (let cuts = 1; cuts <= 5; cuts++) {
      const from = harness.cursor();
      await harness.until(() => proxy.counters.connections >= cuts && harness.cursor() > from);
      proxy.cut();
    }
    await harness.delivered();
    await observer.received(8000);
    expect(observer.firstCopies()).toEqual(range(8000));
    expect((await harness.bridge.requestStatus())[0].reconnects).toBeGreaterThanOrEqual(5);
  });

  test('a link too slow for a full batch within the acknowledgement timeout does not flap for ever', async () => {
    await using upstream = await startMosquitto(broker);
    await using observer = await UpstreamObserver.start(upstream.port);
    await using proxy = await LinkProxy.start({
      target: { port: upstream.port },
      faults: { bytesPerSecondEach: 30_000, latencyMs: 50 },
    });
    await using harness = new BridgeHarness({
      url: url(proxy.port),
      ...settings,
      compression: 'none',
      batch: { maxBytes: 65_536, maxMessages: 1000, lingerMs: 0 },
      ackTimeoutMs: 700,
      breaker: { failures: 1000, openMs: 100 },
    });
    harness.append(600, { payloadBytes: 150, batch: 600 });
    await harness.start();
    await harness.delivered();
    await observer.received(600);
    expect(observer.firstCopies()).toEqual(range(600));
  });

  test('a link that resets every connection after some bytes still makes headway', async () => {
    await using upstream = await startMosquitto(broker);
    await using proxy = await LinkProxy.start({
      target: { port: upstream.port },
      faults: { up: { resetAfterBytes: 20_000 } },
    });
    await using harness = new BridgeHarness({
      url: url(proxy.port),
      ...settings,
      compression: 'none',
      breaker: { failures: 1000, openMs: 100 },
      reconnect: { minMs: 10, maxMs: 50, stableAfterMs: 30_000 },
    });
    harness.append(1000, { payloadBytes: 150, batch: 500 });
    await harness.start();
    await harness.delivered();
    expect(proxy.counters.connections).toBeGreaterThan(3);
  });

  test('a link that swallows everything is noticed, and left for a new connection', async () => {
    await using upstream = await startMosquitto(broker);
    await using observer = await UpstreamObserver.start(upstream.port);
    await using proxy = await LinkProxy.start({ target: { port: upstream.port } });
    await using harness = new BridgeHarness({ url: url(proxy.port), ...settings, ackTimeoutMs: 300 });
    await harness.start();
    harness.append(100);
    await harness.delivered();
    proxy.set({ isBlackhole: true });
    harness.append(1000);
    await harness.until(() => (harness.status()?.watchdogTrips ?? 0) > 0);
    proxy.set({ isBlackhole: false });
    proxy.cut();
    await harness.delivered();
    await observer.received(1100);
    expect(observer.firstCopies()).toEqual(range(1100));
  });

  test('an upstream that never acknowledges is left, and nothing counts as delivered', async () => {
    await using upstream = await startMosquitto(broker);
    await using observer = await UpstreamObserver.start(upstream.port);
    await using impostor = await startImpostor();
    await using proxy = await LinkProxy.start({ target: { port: impostor.port } });
    const breaker = { failures: 3, openMs: 200 };
    await using harness = new BridgeHarness({
      url: url(proxy.port),
      ...settings,
      ackTimeoutMs: 200,
      breaker,
    });
    harness.append(2000);
    await harness.start();
    await harness.until(() => (harness.status()?.watchdogTrips ?? 0) >= 2);
    expect(impostor.publishes.length).toBeGreaterThan(0);
    expect(harness.cursor()).toBe(0);
    proxy.retarget({ port: upstream.port });
    proxy.cut();
    await harness.delivered();
    await observer.received(2000);
    expect(observer.firstCopies()).toEqual(range(2000));
  });

  test('an upstream that refuses to connect is asked again slowly, and loudly', async () => {
    await using upstream = await startMosquitto(broker);
    await using observer = await UpstreamObserver.start(upstream.port);
    await using impostor = await startImpostor({ connackCode: 0x87 });
    await using proxy = await LinkProxy.start({ target: { port: impostor.port } });
    await using harness = new BridgeHarness({ url: url(proxy.port), ...settings });
    harness.append(500);
    await harness.start();
    const refusals = () => harness.logged.filter(({ msg }) => msg === 'the upstream refuses this gateway');
    await harness.until(() => refusals().length >= 2);
    expect(impostor.connects).toBeLessThanOrEqual(3);
    expect(refusals()[0]).toMatchObject({ level: 50, hint: expect.stringContaining('allow this client') });
    proxy.retarget({ port: upstream.port });
    await harness.delivered();
    await observer.received(500);
    expect(observer.firstCopies()).toEqual(range(500));
  });

  test('a quota upstream holds things up, and nothing is lost', async () => {
    let refusals = 0;
    await using impostor = await startImpostor({ onPublish: () => (refusals++ < 5 ? 0x97 : 0) });
    await using harness = new BridgeHarness({ url: url(impostor.port), ...settings });
    harness.append(300);
    await harness.start();
    await harness.delivered();
    expect(harness.advances.reduce((sum, { delivered }) => sum + delivered, 0)).toBe(300);
    expect((await harness.bridge.requestStatus())[0].retries).toBeGreaterThan(0);
  });

  test('what the upstream forbids by its access list goes when it is allowed', async () => {
    const files = { 'acl.txt': 'topic read #\n' };
    await using upstream = await startMosquitto({
      lines: ['acl_file {directory}/acl.txt'],
      files,
    });
    await using harness = new BridgeHarness({
      url: url(upstream.port),
      ...settings,
      reconnect: { minMs: 20, maxMs: 100, stableAfterMs: 1000 },
    });
    harness.append(200);
    await harness.start();
    await harness.until(() => harness.status()?.lastError === 'not authorized');
    expect(harness.logged.find(({ level }) => level === 50)).toMatchObject({
      hint: expect.stringContaining('Allow this client'),
    });
    expect(harness.cursor()).toBe(0);
    upstream.rewrite('acl.txt', 'topic readwrite #\n');
    await harness.delivered();
    expect(harness.advances.reduce((sum, { delivered }) => sum + delivered, 0)).toBe(200);
  });

  test('what is too large for the upstream is cut; one record too large is a dead letter', async () => {
    await using upstream = await startMosquitto({ lines: [...broker.lines, 'max_packet_size 6000'] });
    await using observer = await UpstreamObserver.start(upstream.port);
    await using harness = new BridgeHarness({ url: url(upstream.port), ...settings, compression: 'none' });
    harness.append(500, { payloadBytes: 100, batch: 500 });
    const giant = recordBatch([{ payload: `500 ${'x'.repeat(9000)}` }, { payload: '501' }], {
      firstOffset: 500,
    });
    harness.appended(0, harness.log.append(0, [giant]));
    await harness.start();
    await harness.delivered();
    await observer.until(() => observer.records.some(({ offset }) => offset === 501));
    expect(observer.firstCopies()).toEqual([...range(500), 501]);
    const letters = harness.advances.flatMap(({ deadLetters }) => deadLetters);
    expect(letters).toMatchObject([{ firstOffset: 500, count: 1, reason: 'too-large' }]);
  });

  test('a poisonous record does not hold up those behind it', async () => {
    const poison = (topic: string, payload: Buffer) => topic.endsWith('poison') || payload.includes('poison');
    await using impostor = await startImpostor({
      onPublish: ({ topic, payload }) => (poison(topic, payload as Buffer) ? 0x99 : 0),
    });
    await using harness = new BridgeHarness({
      url: url(impostor.port),
      ...settings,
      compression: 'none',
      reconnect: { minMs: 10, maxMs: 20, stableAfterMs: 1000 },
      batch: { maxBytes: 1_000_000, maxMessages: 1, lingerMs: 0 },
    });
    const records = range(20).map((i) => ({ payload: i === 7 ? 'poison' : String(i) }));
    harness.appended(0, harness.log.append(0, [recordBatch(records)]));
    await harness.start();
    await harness.delivered();
    const letters = harness.advances.flatMap(({ deadLetters }) => deadLetters);
    expect(letters).toMatchObject([{ firstOffset: 7, count: 1, reason: 'payload-format-invalid' }]);
  });
});

test.each([
  ['no acknowledgements', { maximumQoS: 0 }, 'QoS 0 only'],
  ['tiny packets only', { maximumPacketSize: 900 }, 'packets of 900 bytes only'],
])(
  'an upstream that offers %s is not used, and nothing is given up',
  async (_name, connackProperties, reason) => {
    await using impostor = await startImpostor({ connackProperties, onPublish: () => 0 });
    await using harness = new BridgeHarness({ url: url(impostor.port) });
    harness.append(100);
    await harness.start();
    await harness.until(() => harness.logged.some(({ level }) => level === 50));
    expect(harness.logged.find(({ level }) => level === 50)?.reason).toContain(reason);
    expect([impostor.publishes.length, harness.cursor()]).toEqual([0, 0]);
  },
);

test.skipIf(!hasMosquitto())('bulk data does not starve the keep-alive of a slow link', async () => {
  await using upstream = await startMosquitto(broker);
  await using proxy = await LinkProxy.start({
    target: { port: upstream.port },
    faults: { bytesPerSecondEach: 25_000 },
  });
  await using harness = new BridgeHarness({
    url: url(proxy.port),
    compression: 'none',
    keepAliveMs: 1000, // a PINGREQ waits behind a batch that takes three times as long
    batch: { maxBytes: 80_000, maxMessages: 10_000, lingerMs: 0 },
    ackTimeoutMs: 20_000,
  });
  harness.append(600, { payloadBytes: 200, batch: 600 });
  await harness.start();
  await harness.delivered();
  expect((await harness.bridge.requestStatus())[0]).toMatchObject({
    reconnects: 0,
    retries: 0,
    lastError: null,
  });
});

test.skipIf(!hasMosquitto())('several lanes share a slow link', async () => {
  await using upstream = await startMosquitto(broker);
  await using proxy = await LinkProxy.start({
    target: { port: upstream.port },
    faults: { bytesPerSecondEach: 200_000 },
  });
  await using harness = new BridgeHarness(
    {
      url: url(proxy.port),
      compression: 'none',
      batch: { maxBytes: 8192, maxMessages: 100, lingerMs: 0 },
      inFlight: { batchesMax: 4, messagesMax: 100, bytesMax: 32_768 },
    },
    { laneNames: ['bulk', 'alarm'] },
  );
  harness.append(4000, { payloadBytes: 200, lane: 0 });
  await harness.start();
  await harness.until(() => harness.cursor(0) > 0);
  harness.append(300, { payloadBytes: 200, lane: 1 });
  await harness.delivered(1);
  expect(harness.cursor(0)).toBeLessThan(2000);
});
