// The verifier itself is under test: between a real broker and the receiver somebody drops, doubles and swaps
// messages, and the account must name exactly those, by device and sequence.

import { connectAsync, type IPublishPacket, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findMark, writeMark } from '../../../simulator/mark.ts';
import { IntervalSet } from '../../../simulator/receive/interval-set.ts';
import { UpstreamReceiver } from '../../../simulator/receive/upstream-receiver.ts';
import { type Losses, listing, verify } from '../../../simulator/receive/verify.ts';
import { encodeBatch } from '../../../storage/record-batch/codec.ts';
import { hasMosquitto, type Mosquitto, startMosquitto } from '../../support/mosquitto.ts';
import { PASS, startTamperingProxy, type Tampering } from '../../support/mqtt-tampering-proxy.ts';
import { recordBatch } from '../../support/record-batches.ts';
import { waitFor } from '../../support/wait-for.ts';

const DEVICES = 5;
const EACH = 40;
const RECORDS = DEVICES * EACH;
const BATCH_RECORDS = 20;
const BROKER = ['max_queued_messages 0', 'max_inflight_messages 0'];

let broker: Mosquitto;
let publisher: MqttClient;

beforeAll(async () => {
  if (!hasMosquitto()) return;
  broker = await startMosquitto({ lines: BROKER });
  publisher = await connectAsync(`mqtt://127.0.0.1:${broker.port}`, { protocolVersion: 5 });
});

afterAll(async () => {
  await publisher?.endAsync(true);
  await broker?.[Symbol.asyncDispose]();
});

/** Record i is the (i / DEVICES)-th message of device i % DEVICES. */
function payloadOf(run: string, i: number): Buffer {
  const mark = writeMark({ run, device: i % DEVICES, sequence: Math.floor(i / DEVICES), timeMs: 0 });
  return Buffer.from(JSON.stringify({ value: i, mark }));
}

type Format = 'each' | 'batch' | 'nameless';

async function publishAll(run: string, format: Format): Promise<void> {
  if (format === 'batch') {
    for (let first = 0; first < RECORDS; first += BATCH_RECORDS) {
      await publisher.publishAsync('sluice/gw/main', batchFrom(run, first), {
        qos: 1,
        properties: { contentType: 'application/vnd.sluice.batch+cbor' },
      });
    }
    return;
  }
  const sent = Array.from({ length: RECORDS }, (_, i) => {
    const properties = format === 'each' ? { userProperties: { sluice: `gw/main/${i}` } } : {};
    return publisher.publishAsync(`plant/${i % DEVICES}`, payloadOf(run, i), { qos: 1, properties });
  });
  await Promise.all(sent);
}

function batchFrom(run: string, firstOffset: number): Buffer {
  const records = Array.from({ length: BATCH_RECORDS }, (_, i) => ({
    payload: payloadOf(run, firstOffset + i),
  }));
  return encodeBatch(recordBatch(records, { firstOffset }), { compression: 'zstd', level: 1 });
}

interface Finding {
  totals: ReturnType<UpstreamReceiver['account']['totals']>;
  losses: Losses;
  lost: string[];
  /** "device sequence" by fault. */
  named: Record<string, string[]>;
}

let runs = 0;

/** Publishes everything through a proxy that tampers; `publishes` is what must reach the receiver. */
async function receive(
  format: Format,
  { publishes, tamper }: { publishes: number; tamper: (packet: IPublishPacket) => Tampering },
): Promise<Finding> {
  const run = `tamper${++runs}`;
  await using proxy = await startTamperingProxy(broker.port, tamper);
  await using receiver = new UpstreamReceiver({
    url: `mqtt://127.0.0.1:${proxy.port}`,
    run,
    groupOfDevice: new Uint16Array(DEVICES),
    startEpochMs: performance.timeOrigin,
    examplesMax: 1000,
  });
  await receiver.start();
  await publishAll(run, format);
  await publisher.publishAsync('last', 'nothing comes after it', { qos: 1 });
  await waitFor(() => receiver.intake.counts.upstreamMessages === publishes + 1, {
    what: () => `${publishes + 1} messages, of which ${receiver.intake.counts.upstreamMessages} are there`,
  });
  expect(proxy.held).toBe(0);
  expect(receiver.account.totals().foreign).toBe(1);
  const outcome = () => ({
    acked: IntervalSet.below(EACH),
    refused: new IntervalSet(),
    sentCount: EACH,
    qos0: false,
  });
  const losses = verify(Array.from({ length: DEVICES }, outcome), receiver.account);
  return {
    totals: receiver.account.totals(),
    losses,
    lost: listing(losses.lost.devices, { nameOf: String }),
    named: Object.fromEntries(
      Object.entries(receiver.account.examples()).map(([fault, found]) => [
        fault,
        found.map(({ device, sequence }) => `${device} ${sequence}`),
      ]),
    ),
  };
}

const NOTHING_NAMED = {
  duplicatesSameName: [],
  duplicatesNewName: [],
  namesReused: [],
  reordered: [],
  unaccounted: [],
};

/** By "device sequence" of the mark. */
function tampering(chosen: Record<string, Tampering>): (packet: IPublishPacket) => Tampering {
  return (packet) => chosen[markOf(packet)] ?? PASS;
}

function markOf(packet: IPublishPacket): string {
  const mark = findMark(packet.payload as Buffer);
  return mark === undefined ? '' : `${mark.device} ${mark.sequence}`;
}

function afterMark(text: string): Tampering {
  return { kind: 'hold', until: (packet) => markOf(packet) === text };
}

/** Of the batch with that number. */
function tamperingBatches(chosen: Record<number, Tampering>): (packet: IPublishPacket) => Tampering {
  let number = -1;
  return (packet) => (packet.topic.startsWith('sluice/') ? (chosen[++number] ?? PASS) : PASS);
}

const drop: Tampering = { kind: 'drop' };
const double: Tampering = { kind: 'double' };

describe.skipIf(!hasMosquitto())('a receiver behind a link that tampers', () => {
  test.each<Format>(['each', 'batch', 'nameless'])(
    'reports nothing of format %s when nobody does',
    async (format) => {
      const publishes = format === 'batch' ? RECORDS / BATCH_RECORDS : RECORDS;
      const { totals, lost, named, losses } = await receive(format, { publishes, tamper: () => PASS });
      expect(totals).toMatchObject({ delivered: RECORDS, isComplete: true });
      expect(named).toEqual(NOTHING_NAMED);
      expect(lost).toEqual([]);
      for (const { count } of Object.values(losses)) expect(count).toBe(0);
    },
  );

  test('names exactly the single messages that were dropped, doubled and swapped', async () => {
    const tamper = tampering({
      '0 3': drop,
      '0 4': drop,
      '0 39': drop,
      '3 0': drop,
      '1 7': double,
      '4 0': double,
      '2 10': afterMark('2 11'),
      '2 20': afterMark('2 23'),
    });
    const { totals, lost, named } = await receive('each', { publishes: RECORDS - 4 + 2, tamper });
    expect(lost).toEqual(['0 3-4, 39', '3 0']);
    expect(named).toEqual({
      ...NOTHING_NAMED,
      duplicatesSameName: expect.toSatisfy(sameAs(['1 7', '4 0'])),
      reordered: ['2 10', '2 20'],
    });
    expect(totals).toMatchObject({ delivered: RECORDS - 4, duplicatesSameName: 2, reordered: 2 });
  });

  test('names them without record names too, but then nobody can tell the doubled from new ones', async () => {
    const tamper = tampering({ '2 5': drop, '1 7': double, '0 1': afterMark('0 2') });
    const { lost, named } = await receive('nameless', { publishes: RECORDS - 1 + 1, tamper });
    expect(lost).toEqual(['2 5']);
    expect(named).toEqual({ ...NOTHING_NAMED, duplicatesNewName: ['1 7'], reordered: ['0 1'] });
  });

  test('names exactly the records of a batch that was dropped, and of one that came twice', async () => {
    const tamper = tamperingBatches({ 3: drop, 6: double });
    const { totals, lost, named } = await receive('batch', { publishes: RECORDS / BATCH_RECORDS, tamper });
    // A batch holds four messages of each of the five devices.
    expect(lost).toEqual(['0 12-15', '1 12-15', '2 12-15', '3 12-15', '4 12-15']);
    expect(named).toEqual({
      ...NOTHING_NAMED,
      duplicatesSameName: expect.toSatisfy(sameAs(recordsOfBatch(6))),
    });
    expect(totals).toMatchObject({ delivered: RECORDS - BATCH_RECORDS, duplicatesSameName: BATCH_RECORDS });
  });

  test('names exactly the records of a batch that came after the next one', async () => {
    let batches = 0;
    const counted = tamperingBatches({ 4: { kind: 'hold', until: () => batches > 5 } });
    const tamper = (packet: IPublishPacket): Tampering => {
      batches++;
      return counted(packet);
    };
    const { lost, named } = await receive('batch', { publishes: RECORDS / BATCH_RECORDS, tamper });
    expect(lost).toEqual([]);
    expect(named).toEqual({ ...NOTHING_NAMED, reordered: recordsOfBatch(4) });
  });
});

function recordsOfBatch(number: number): string[] {
  return Array.from({ length: BATCH_RECORDS }, (_, i) => {
    const record = number * BATCH_RECORDS + i;
    return `${record % DEVICES} ${Math.floor(record / DEVICES)}`;
  });
}

/** Whatever the order. */
function sameAs(wanted: string[]): (found: string[]) => boolean {
  return (found) => JSON.stringify([...found].sort()) === JSON.stringify([...wanted].sort());
}
