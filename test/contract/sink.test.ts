// The contract of bridge/sinks/sink.ts, over every sink there is, against a real upstream. A new sink adds a
// line to `sinks` and a way to look at its upstream.

import { describe, expect, test } from 'vitest';
import type { MqttSinkSettings } from '../../bridge/sinks/mqtt/config.ts';
import { MqttSink } from '../../bridge/sinks/mqtt/sink.ts';
import type { CommandMessage, Sink, UpstreamBatch } from '../../bridge/sinks/sink.ts';
import { systemClock } from '../../config/clock.ts';
import { encodeBatch } from '../../storage/record-batch/codec.ts';
import { freePort, hasMosquitto, type Mosquitto, startMosquitto } from '../support/mosquitto.ts';
import { mqttSettings } from '../support/mqtt-settings.ts';
import { numberedBatch } from '../support/record-batches.ts';
import { UpstreamObserver } from '../support/upstream-observer.ts';
import { waitFor } from '../support/wait-for.ts';

const sinks: [string, Partial<MqttSinkSettings>][] = [
  ['mqtt 5, batch', { format: 'batch' }],
  ['mqtt 5, each', { format: 'each', topic: 'each/{topic}' }],
  ['mqtt 5, batch, QoS 2', { format: 'batch', qos: 2 }],
  ['mqtt 3.1.1, batch', { format: 'batch', protocolVersion: 4 }],
  ['mqtt 3.1.1, each', { format: 'each', protocolVersion: 4 }],
  ['mqtt 5, each, with commands', { format: 'each', commands: [{ filter: 'cmd/#', qos: 1 }] }],
];

const RECORDS = 50;

interface Harness extends AsyncDisposable {
  sink: Sink;
  lost: string[];
  commands: CommandMessage[];
}

function harness(port: number, settings: Partial<MqttSinkSettings>): Harness {
  const lost: string[] = [];
  const commands: CommandMessage[] = [];
  const sink = new MqttSink(mqttSettings({ url: `mqtt://127.0.0.1:${port}`, ...settings }), {
    name: 'cloud',
    gatewayId: 'gw',
    bootId: 'boot-1',
    clock: systemClock,
    recordMonotonicMs: () => 1000,
    events: {
      lost: (reason) => lost.push(reason),
      command: (command) => commands.push(command),
      log: () => {},
    },
  });
  return { sink, lost, commands, [Symbol.asyncDispose]: () => sink.close(1000) };
}

/** The `index`th batch of records, in the form the sink takes. */
function batchFor(sink: Sink, index: number): UpstreamBatch {
  const records = numberedBatch(index * RECORDS, RECORDS);
  const { gateway, lane, firstOffset, count } = records;
  const bytes = encodeBatch(records, { compression: 'zstd', level: 1 });
  const body =
    sink.takes === 'records'
      ? ({ kind: 'records', records } as const)
      : ({ kind: 'encoded', bytes } as const);
  return { gateway, lane, firstOffset, count, body };
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

async function brokerWithObserver(): Promise<
  AsyncDisposableStack & { broker: Mosquitto; observer: UpstreamObserver }
> {
  const stack = new AsyncDisposableStack();
  const broker = stack.use(await startMosquitto({ lines: ['max_queued_messages 0'] }));
  const observer = stack.use(await UpstreamObserver.start(broker.port));
  return Object.assign(stack, { broker, observer });
}

describe.skipIf(!hasMosquitto()).each(sinks)('sink: %s', (_name, settings) => {
  test('every delivered record has arrived upstream, in the order of the sends', async () => {
    await using upstream = await brokerWithObserver();
    await using subject = harness(upstream.broker.port, settings);
    expect(await subject.sink.connect()).toMatchObject({ kind: 'connected' });
    const results = await Promise.all(
      range(6).map((index) => subject.sink.send(batchFor(subject.sink, index))),
    );
    expect(results).toEqual(range(6).map(() => ({ kind: 'delivered' })));
    await upstream.observer.received(6 * RECORDS);
    expect(upstream.observer.records.map(({ offset }) => offset)).toEqual(range(6 * RECORDS));
  });

  test('connecting to nothing is an answer, not an error', async () => {
    await using subject = harness(await freePort(), settings);
    expect(await subject.sink.connect()).toMatchObject({ kind: 'retry', afterMs: 0 });
    expect(await subject.sink.connect()).toMatchObject({ kind: 'retry' });
    expect(subject.lost).toEqual([]);
  });

  test('sending without a connection comes back at once', async () => {
    await using subject = harness(1, settings);
    expect(await subject.sink.send(batchFor(subject.sink, 0))).toMatchObject({
      kind: 'retry',
      afterMs: 0,
      settledCount: 0,
    });
  });

  test('dropping the connection gives back what is unanswered, and resends nothing', async () => {
    await using upstream = await brokerWithObserver();
    await using subject = harness(upstream.broker.port, settings);
    await subject.sink.connect();
    upstream.broker.freeze();
    const unanswered = range(3).map((index) => subject.sink.send(batchFor(subject.sink, index)));
    subject.sink.drop('told to');
    const results = await Promise.all(unanswered);
    expect(results).toMatchObject(
      range(3).map(() => ({ kind: 'retry', reason: 'told to', settledCount: 0 })),
    );
    expect(subject.lost).toEqual(['told to']);
    upstream.broker.thaw();
    const before = upstream.observer.records.length;
    expect(await subject.sink.connect()).toMatchObject({ kind: 'connected' });
    expect(await subject.sink.send(batchFor(subject.sink, 7))).toEqual({ kind: 'delivered' });
    await upstream.observer.until(() =>
      upstream.observer.records.some(({ offset }) => offset === 8 * RECORDS - 1),
    );
    const arrived = upstream.observer.records.slice(before).map(({ offset }) => offset);
    expect(arrived.filter((offset) => offset >= 3 * RECORDS)).toEqual(
      range(RECORDS).map((i) => 7 * RECORDS + i),
    );
  });

  test('what an upstream that goes away has not answered comes back, and it can return', async () => {
    await using upstream = await brokerWithObserver();
    await using subject = harness(upstream.broker.port, settings);
    await subject.sink.connect();
    upstream.broker.freeze();
    const unanswered = subject.sink.send(batchFor(subject.sink, 0));
    await upstream.broker.stop(true);
    expect(await unanswered).toMatchObject({ kind: 'retry', afterMs: 0, settledCount: 0 });
    expect(subject.lost.length).toBe(1);
    expect(await subject.sink.connect()).toMatchObject({ kind: 'retry' });
    await upstream.broker.restart();
    expect(await subject.sink.connect()).toMatchObject({ kind: 'connected' });
    expect(await subject.sink.send(batchFor(subject.sink, 0))).toEqual({ kind: 'delivered' });
  });

  test('counts the bytes that left, over all connections, and never less than before', async () => {
    await using upstream = await brokerWithObserver();
    await using subject = harness(upstream.broker.port, settings);
    const counts = [subject.sink.bytesSent()];
    for (const index of range(3)) {
      await subject.sink.connect();
      await subject.sink.send(batchFor(subject.sink, index));
      counts.push(subject.sink.bytesSent());
      const dropped = subject.sink.send(batchFor(subject.sink, index));
      subject.sink.drop('next');
      await dropped;
    }
    counts.push(subject.sink.bytesSent());
    expect(counts[0]).toBe(0);
    for (let i = 1; i < counts.length - 1; i++) expect(counts[i]).toBeGreaterThan(counts[i - 1] + RECORDS);
    expect(counts.at(-1)).toBeGreaterThanOrEqual(counts.at(-2)!);
  });

  test('an answer to a command nobody knows is ignored', async () => {
    await using upstream = await brokerWithObserver();
    await using subject = harness(upstream.broker.port, settings);
    subject.sink.answer(1, true);
    await subject.sink.connect();
    subject.sink.answer(99, false);
    expect(await subject.sink.send(batchFor(subject.sink, 0))).toEqual({ kind: 'delivered' });
  });

  test('closing leaves nothing alive: connected, connecting, again, or never connected', async () => {
    await using upstream = await brokerWithObserver();
    const alive = (kind: RegExp) => process.getActiveResourcesInfo().filter((name) => kind.test(name)).length;
    const before = { sockets: alive(/TCP|TLS/), timers: alive(/Timeout/) };
    const connected = harness(upstream.broker.port, settings);
    await connected.sink.connect();
    const unanswered = connected.sink.send(batchFor(connected.sink, 0));
    await connected.sink.close(1000);
    expect((await unanswered).kind).toMatch(/retry|delivered/);
    await connected.sink.close(1000);
    const connecting = harness(upstream.broker.port, settings);
    const attempt = connecting.sink.connect();
    await connecting.sink.close(1000);
    expect(await attempt).toMatchObject({ kind: 'retry' });
    await harness(upstream.broker.port, settings).sink.close(1000);
    expect(alive(/TCP|TLS/)).toBe(before.sockets);
    // The test runner's own come and go: one of the sink's would stay.
    await waitFor(() => alive(/Timeout/) <= before.timers, { timeoutMs: 10_000, what: 'no timer is left' });
  });

  test('closing does not wait for an upstream that does not answer', async () => {
    await using upstream = await brokerWithObserver();
    await using subject = harness(upstream.broker.port, settings);
    await subject.sink.connect();
    upstream.broker.freeze();
    const unanswered = subject.sink.send(batchFor(subject.sink, 0));
    const startedMs = performance.now();
    await subject.sink.close(100);
    expect(performance.now() - startedMs).toBeLessThan(1000);
    expect((await unanswered).kind).toBe('retry');
    upstream.broker.thaw();
  });
});
