import { describe, expect, test } from 'vitest';
import type { MqttSinkSettings } from '../../../../../bridge/sinks/mqtt/config.ts';
import {
  type MessageContext,
  MessageMaker,
  type UpstreamLimits,
} from '../../../../../bridge/sinks/mqtt/message.ts';
import { encodeBatch } from '../../../../../storage/record-batch/codec.ts';
import { encodeProperties } from '../../../../../storage/record-batch/mqtt-properties.ts';
import type { RecordBatch } from '../../../../../storage/record-batch/record-batch.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';
import { mqttSettings } from '../../../../support/mqtt-settings.ts';
import { recordBatch } from '../../../../support/record-batches.ts';
import { FrameTray } from './frames.ts';

const unlimited: UpstreamLimits = { messageBytesMax: 268_435_455, qosMax: 2, retainAvailable: true };

interface Options {
  settings?: Partial<MqttSinkSettings>;
  limits?: Partial<UpstreamLimits>;
  context?: Partial<MessageContext>;
}

/** Writes all messages of a batch and reads them back. */
function written(records: RecordBatch, { settings = {}, limits = {}, context = {} }: Options = {}) {
  const clock = new FakeClock(records.baseTimeMs);
  const all = mqttSettings({ format: 'each', ...settings });
  const maker = new MessageMaker(all, {
    sink: 'cloud',
    bootId: 'boot-1',
    clock,
    recordMonotonicMs: () => records.baseMonotonicMs,
    ...context,
  });
  const { gateway, lane, firstOffset, count } = records;
  const bytes = encodeBatch(records, { compression: 'none', level: 0 });
  const body =
    all.format === 'each' ? ({ kind: 'records', records } as const) : ({ kind: 'encoded', bytes } as const);
  const run = maker.runOf({ gateway, lane, firstOffset, count, body });
  const tray = new FrameTray();
  const results = Array.from({ length: run.count }, (_, i) =>
    run.writeNext(tray.out, i + 1, { ...unlimited, ...limits }),
  );
  return { results, packets: tray.take(all.protocolVersion), bytes };
}

describe('format batch', () => {
  const records = recordBatch([{ payload: 'a' }, { payload: 'b' }], {
    gateway: 'gw-7',
    lane: 'alarm',
    firstOffset: 40,
  });

  test('is one message with content type and name', () => {
    const { packets, results, bytes } = written(records, { settings: { format: 'batch' } });
    expect(results).toEqual([1]);
    expect(packets).toMatchObject([
      {
        topic: 'sluice/gw-7/alarm',
        qos: 1,
        retain: false,
        properties: {
          contentType: 'application/vnd.sluice.batch+cbor',
          userProperties: { sluice: 'gw-7/alarm/40/2' },
        },
      },
    ]);
    expect(bytes.equals(packets[0].payload as Buffer)).toBe(true);
  });

  test('takes topic and quality of service from the settings, as far as the upstream allows', () => {
    const settings = { format: 'batch', topic: 'x/{sink}/{lane}', qos: 2, protocolVersion: 4 } as const;
    expect(written(records, { settings }).packets).toMatchObject([{ topic: 'x/cloud/alarm', qos: 2 }]);
    expect(written(records, { settings, limits: { qosMax: 1 } }).results).toEqual([1]);
  });

  test('is too large when the whole packet is', () => {
    const { results, packets } = written(records, {
      settings: { format: 'batch' },
      limits: { messageBytesMax: 100 },
    });
    expect([results, packets]).toEqual([['too-large'], []]);
  });
});

describe('format each', () => {
  test('tells of names left out with the first message that is sent, whichever that is', () => {
    const records = {
      ...recordBatch([{ topic: 'a' }, { topic: 'b' }, {}], { firstOffset: 50 }),
      leftOutFrom: 10,
    };
    const told = (limits = {}) =>
      written(records, { limits }).packets.map(
        ({ properties }) => properties?.userProperties?.['sluice-left-out'],
      );
    expect(told()).toEqual(['10/50', undefined, undefined]);
    const big = recordBatch([{ payload: Buffer.alloc(200) }, {}, {}], { firstOffset: 50 });
    const limits = { messageBytesMax: 150 };
    const { packets } = written({ ...big, leftOutFrom: 10 }, { limits });
    expect(packets).toMatchObject([
      { properties: { userProperties: { sluice: 'gw/main/51', 'sluice-left-out': '10/50' } } },
      { properties: { userProperties: { sluice: 'gw/main/52' } } },
    ]);
  });

  test('no device can say that names were left out', () => {
    const raw = encodeProperties({ userProperties: { 'sluice-left-out': '0/9', k: 'v' } });
    const { packets } = written(recordBatch([{ properties: raw }]));
    expect(packets[0].properties?.userProperties).toEqual({ k: 'v', sluice: 'gw/main/0' });
  });

  test('keeps topic, payload, retain and quality of service, and gives every message its name', () => {
    const { packets } = written(
      recordBatch(
        [
          { topic: 'a/1', payload: 'one', qos: 1, retain: true },
          { topic: 'b/2', payload: '', qos: 2 },
        ],
        { firstOffset: 9_007_199_254_740_000 },
      ),
    );
    expect(packets).toMatchObject([
      {
        topic: 'a/1',
        qos: 1,
        retain: true,
        messageId: 1,
        properties: { userProperties: { sluice: 'gw/main/9007199254740000' } },
      },
      {
        topic: 'b/2',
        qos: 2,
        retain: false,
        messageId: 2,
        properties: { userProperties: { sluice: 'gw/main/9007199254740001' } },
      },
    ]);
    expect(packets.map(({ payload }) => String(payload))).toEqual(['one', '']);
  });

  test('sends what came with QoS 0 with QoS 1', () => {
    expect(written(recordBatch([{ qos: 0 }])).results).toEqual([1]);
  });

  test('keeps to what the upstream grants', () => {
    const records = recordBatch([{ qos: 2, retain: true }]);
    const { packets } = written(records, { limits: { qosMax: 1, retainAvailable: false } });
    expect(packets).toMatchObject([{ qos: 1, retain: false }]);
  });

  test('keeps MQTT 5 properties of each record', () => {
    const properties = encodeProperties({ contentType: 'x', userProperties: { k: 'v' }, topicAlias: 3 });
    const { packets } = written(
      recordBatch([
        { payload: 'p', properties },
        { payload: 'q', properties: new Uint8Array() },
      ]),
    );
    expect(packets[0].properties).toEqual({
      contentType: 'x',
      userProperties: { k: 'v', sluice: 'gw/main/0' },
    });
    expect(packets[1].properties).toEqual({ userProperties: { sluice: 'gw/main/1' } });
    expect(packets.map(({ payload }) => String(payload))).toEqual(['p', 'q']);
  });

  test('sends no properties on MQTT 3.1.1', () => {
    const properties = encodeProperties({ contentType: 'x' });
    const { packets } = written(recordBatch([{ payload: 'p', properties }]), {
      settings: { protocolVersion: 4 },
    });
    expect(packets).toMatchObject([{ topic: 'plant/1', qos: 1 }]);
    expect(String(packets[0].payload)).toBe('p');
  });

  test('fills device and topic into the template', () => {
    const records = recordBatch([
      { device: 'd1', topic: 't' },
      { device: 'd2', topic: 't' },
      { device: 'd1', topic: 't' },
    ]);
    const { packets } = written(records, { settings: { topic: 'from/{device}/{topic}' } });
    expect(packets.map(({ topic }) => topic)).toEqual(['from/d1/t', 'from/d2/t', 'from/d1/t']);
  });

  test('rejects just the records that cannot be sent, and writes the others rightly', () => {
    const records = recordBatch([
      { payload: 'x'.repeat(500) },
      { payload: 'b', properties: Uint8Array.of(0x7f) },
      { payload: 'c', topic: 't'.repeat(65_530) },
      { payload: 'd', properties: new Uint8Array() },
    ]);
    const { results, packets } = written(records, {
      settings: { topic: 'prefix/{topic}' },
      limits: { messageBytesMax: 200 },
    });
    expect(results).toEqual(['too-large', 'malformed-properties', 'topic-invalid', 1]);
    expect(packets.map(({ payload, messageId }) => [String(payload), messageId])).toEqual([['d', 4]]);
  });
});

describe('message expiry', () => {
  const properties = encodeProperties({ messageExpiryInterval: 100 });
  const record = { properties, timeMs: 2000 };
  const expiry = ({ results, packets }: ReturnType<typeof written>) =>
    results[0] === 1 ? packets[0].properties?.messageExpiryInterval : results[0];

  test('runs by the monotonic clock for records of this boot, whatever the wall clock does', () => {
    const records = recordBatch([record], { baseMonotonicMs: 5000 });
    const later = (seconds: number) => ({
      recordMonotonicMs: () => 5000 + 2000 + seconds * 1000,
      clock: new FakeClock(0),
    });
    expect(expiry(written(records, { context: later(30) }))).toBe(70);
    expect(expiry(written(records, { context: later(100) }))).toBe('expired');
  });

  test('runs by the wall clock for records of an earlier boot', () => {
    const records = recordBatch([record], { bootId: 'boot-0' });
    const later = (seconds: number) => ({ clock: new FakeClock(records.baseTimeMs + 2000 + seconds * 1000) });
    expect(expiry(written(records, { context: later(30) }))).toBe(70);
    expect(expiry(written(records, { context: later(100) }))).toBe('expired');
    expect(expiry(written(records, { context: later(-500) }))).toBe(100);
  });

  test('does not expire what was stamped before the clock was set', () => {
    const records = recordBatch([record], { bootId: 'boot-0', baseTimeMs: 86_400_000 });
    expect(expiry(written(records, { context: { clock: new FakeClock() } }))).toBe(100);
  });
});
