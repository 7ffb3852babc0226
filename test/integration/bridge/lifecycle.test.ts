// The bridge as a component: its thread begins and ends, what it has acknowledged is told before it goes, and
// a fault in it is not silent.

import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { SinkStatus } from '../../../bridge/bridge-messages.ts';
import { freePort, hasMosquitto, startMosquitto } from '../../support/mosquitto.ts';
import { startImpostor } from '../../support/mqtt-impostor.ts';
import { UpstreamObserver } from '../../support/upstream-observer.ts';
import { BridgeHarness } from './bridge-harness.ts';

function workers(): number {
  return process.getActiveResourcesInfo().filter((name) => /Worker/.test(name)).length;
}

describe('stopping', () => {
  test('tells what was acknowledged at the last moment, and a new start sends only the rest', async () => {
    let isAcknowledging = true;
    await using impostor = await startImpostor({ onPublish: () => (isAcknowledging ? 0 : null) });
    const url = `mqtt://127.0.0.1:${impostor.port}`;
    await using harness = new BridgeHarness({
      url,
      batch: { maxBytes: 100_000, maxMessages: 10, lingerMs: 0 },
    });
    harness.append(1000);
    await harness.start();
    await harness.until(() => harness.cursor() >= 300);
    isAcknowledging = false;
    await harness.stop(300);
    const { connects } = impostor;
    const stoppedAt = harness.cursor();
    const acknowledged = impostor.publishes.length * 10;
    expect(acknowledged - stoppedAt).toBeLessThanOrEqual(160 + 10); // what was in flight when it stopped
    isAcknowledging = true;
    const before = impostor.publishes.length;
    await harness.start();
    await harness.delivered();
    expect(impostor.connects).toBe(connects + 1);
    expect((impostor.publishes.length - before) * 10).toBe(1000 - stoppedAt);
  });

  test('waits for acknowledgements that are under way', async () => {
    const late: (() => void)[] = [];
    const all = Promise.withResolvers<void>();
    await using impostor = await startImpostor({
      onPublish: ({ messageId }, send) => {
        late.push(() => send({ cmd: 'puback', messageId, reasonCode: 0 }));
        if (late.length === 3) all.resolve();
        return null;
      },
    });
    const batch = { maxBytes: 100_000, maxMessages: 10, lingerMs: 0 };
    await using harness = new BridgeHarness({ url: `mqtt://127.0.0.1:${impostor.port}`, batch });
    harness.append(30);
    await harness.start();
    await all.promise;
    const stopped = harness.stop(5000);
    setTimeout(() => late.forEach((answer) => void answer()), 100); // an upstream that takes its time
    await stopped;
    expect(harness.cursor()).toBe(30);
    expect(harness.status()).toMatchObject({ state: 'stopped', inFlightBatches: 0, recordsDelivered: 30 });
  });

  test('ends at the deadline, whatever the upstream does, and leaves no thread', async () => {
    const before = workers();
    await using impostor = await startImpostor();
    const mute = new BridgeHarness({ url: `mqtt://127.0.0.1:${impostor.port}` });
    mute.append(100);
    await mute.start();
    await mute.until(() => (mute.status()?.inFlightBatches ?? 0) > 0);
    const away = await new BridgeHarness({ url: `mqtt://127.0.0.1:${await freePort()}` }).start();
    const startedMs = performance.now();
    await Promise.all([mute.stop(200), away.stop(200)]);
    expect(performance.now() - startedMs).toBeLessThan(8000);
    await mute[Symbol.asyncDispose]();
    await away[Symbol.asyncDispose]();
    expect(mute.cursor()).toBe(0);
    expect(workers()).toBeLessThanOrEqual(before);
    expect([...mute.faults, ...away.faults]).toEqual([]);
  });

  test('can be done twice, at the same time, and without a start', async () => {
    await using harness = new BridgeHarness({ url: `mqtt://127.0.0.1:${await freePort()}` });
    await harness.start();
    await Promise.all([harness.bridge.stop(1000), harness.bridge.stop(0)]);
    await harness.bridge.stop(1000);
    await using never = new BridgeHarness({});
    await never.stop();
    expect(harness.faults).toEqual([]);
  });
});

describe('faults', () => {
  test('a log that cannot be opened stops the start with an error that says so', async () => {
    await using harness = new BridgeHarness({}, { databaseFile: '/nonexistent/sluice.db' });
    await expect(harness.start()).rejects.toMatchObject({ code: 'BRIDGE_FAULT', kind: 'fatal' });
    expect(harness.faults).toEqual([]);
  });

  test('a fault in the thread reaches the main thread, once, and stopping still works', async () => {
    await using impostor = await startImpostor({ onPublish: () => 0 });
    await using harness = new BridgeHarness({ url: `mqtt://127.0.0.1:${impostor.port}` });
    await harness.start();
    harness.append(10);
    await harness.delivered();
    const vandal = new Database(harness.log.file);
    vandal.exec('DROP TABLE log');
    vandal.close();
    harness.appended(0, 20);
    await harness.until(() => harness.faults.length > 0);
    await harness.bridge.stop(1000);
    expect(harness.faults).toMatchObject([
      { code: 'BRIDGE_FAULT', message: expect.stringContaining('no such table') },
    ]);
    expect(await harness.bridge.requestStatus()).toEqual(harness.bridge.status);
  });
});

describe('telling', () => {
  test('the status comes at once on request, and by itself at most about once a second', async () => {
    const told: { atMs: number; sinks: SinkStatus[] }[] = [];
    await using impostor = await startImpostor({ onPublish: () => 0 });
    const onStatus = (sinks: SinkStatus[]) => void told.push({ atMs: performance.now(), sinks });
    const batch = { maxBytes: 100_000, maxMessages: 10, lingerMs: 0 };
    await using harness = new BridgeHarness(
      { url: `mqtt://127.0.0.1:${impostor.port}`, batch },
      { onStatus },
    );
    await harness.start();
    for (let round = 0; round < 20; round++) {
      harness.append(50);
      await harness.delivered();
    }
    const lastedMs = performance.now() - told[0].atMs;
    expect(told.length).toBeLessThanOrEqual(2 + lastedMs / 900);
    const [status] = await harness.bridge.requestStatus();
    expect(status).toMatchObject({
      sink: 'cloud',
      state: 'connected',
      lastError: null,
      inFlightBatches: 0,
      inFlightBytes: 0,
      recordsDelivered: 1000,
      batchesUpstream: 100,
      retries: 0,
      deadLettered: 0,
    });
    expect(status.bytesUpstream).toBeGreaterThan(10_000);
  });

  test('log lines of the thread come out of the logger they belong to', async () => {
    await using impostor = await startImpostor({ onPublish: () => 0 });
    await using harness = new BridgeHarness({ url: `mqtt://127.0.0.1:${impostor.port}` });
    await harness.start();
    harness.append(1);
    await harness.delivered();
    await harness.bridge.requestStatus(); // comes the same way as log lines
    expect(harness.logged).toMatchObject([{ level: 30, sink: 'cloud', msg: 'connected to the upstream' }]);
  });
});

describe.skipIf(!hasMosquitto())('several sinks', () => {
  test('each goes its own way: one that is away does not hold up another', async () => {
    await using upstream = await startMosquitto();
    await using observer = await UpstreamObserver.start(upstream.port);
    await using harness = new BridgeHarness({ url: `mqtt://127.0.0.1:${upstream.port}` });
    const away = { ...harness.settings, url: `mqtt://127.0.0.1:${await freePort()}` };
    await harness.start({
      sinks: [
        { name: 'cloud', settings: harness.settings },
        { name: 'away', settings: away },
      ],
    });
    harness.append(500);
    await harness.delivered();
    await observer.received(500);
    const statuses = await harness.bridge.requestStatus();
    expect(statuses.map(({ sink, recordsDelivered }) => [sink, recordsDelivered])).toEqual([
      ['cloud', 500],
      ['away', 0],
    ]);
  });

  test('a sink is given only the lanes it is set to', async () => {
    await using upstream = await startMosquitto();
    await using observer = await UpstreamObserver.start(upstream.port);
    const settings = { url: `mqtt://127.0.0.1:${upstream.port}`, lanes: ['alarm'] };
    await using harness = new BridgeHarness(settings, { laneNames: ['bulk', 'alarm'] });
    harness.append(100, { lane: 0 });
    harness.append(100, { lane: 1 });
    await harness.start();
    await harness.delivered(1);
    await observer.received(100, 'alarm');
    expect(new Set(observer.records.map(({ lane }) => lane))).toEqual(new Set(['alarm']));
    expect(harness.cursor(0)).toBe(0);
  });
});
