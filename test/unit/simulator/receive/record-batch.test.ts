import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { Encoder } from 'cbor-x';
import { describe, expect, test } from 'vitest';
import {
  looksLikeBatch,
  type ReceivedBatch,
  RecordCursor,
  readBatch,
} from '../../../../simulator/receive/record-batch.ts';
import { encodeBatch } from '../../../../storage/record-batch/codec.ts';
import { randomBatch } from '../../../support/batch-samples.ts';
import { recordBatch } from '../../../support/record-batches.ts';

interface Documented {
  gateway: string;
  lane: string;
  firstOffset: number;
  count: number;
  baseTimeMs: number;
  devices: string[];
  topics: string[];
  device: number[];
  topic: number[];
  timeMs: number[];
  payloadBytes: number[];
  propertiesBytes?: number[];
  data: string;
}

const page = readFileSync(new URL('../../../../storage/README.md', import.meta.url), 'utf8');
const VECTOR = /### (?<title>Vector .*)\n[^#]*?```hex\n(?<hex>[0-9a-f\n]+)```\s+```json\n(?<json>[^`]+)```/g;
const documentedVectors = Array.from(page.matchAll(VECTOR), ({ groups }) => ({
  title: groups!.title,
  bytes: Buffer.from(groups!.hex.replaceAll('\n', ''), 'hex'),
  documented: JSON.parse(groups!.json) as Documented,
}));

/** What no gateway sends: it holds a dead letter. */
const NOT_SENT = 'Vector 5';
const vectors = documentedVectors.filter(({ title }) => !title.startsWith(NOT_SENT));

function batchIn(bytes: Buffer): ReceivedBatch {
  const reading = readBatch(bytes);
  if (reading.kind === 'damaged') throw new Error(reading.reason);
  return reading.batch;
}

function recordsOf(
  batch: ReceivedBatch,
): { offset: number; device: string; topic: string; payload: string }[] {
  const records: ReturnType<typeof recordsOf> = [];
  const cursor = new RecordCursor(batch);
  while (cursor.next()) {
    const { offset, device, topic, payload } = cursor;
    records.push({ offset, device, topic, payload: payload.toString('hex') });
  }
  return records;
}

/** From the page's columns, by other arithmetic than the cursor's. */
function documentedRecords(documented: Documented): ReturnType<typeof recordsOf> {
  const data = Buffer.from(documented.data, 'hex');
  return documented.device.map((device, i) => {
    const before = (column: number[] | undefined, end: number): number =>
      (column ?? []).slice(0, end).reduce((sum, bytes) => sum + bytes, 0);
    const start = before(documented.payloadBytes, i) + before(documented.propertiesBytes, i + 1);
    const payload = data.subarray(start, start + documented.payloadBytes[i]).toString('hex');
    const topic = documented.topics[documented.topic[i]];
    return { offset: documented.firstOffset + i, device: documented.devices[device], topic, payload };
  });
}

describe('the test vectors of storage/README.md', () => {
  test('are five, and the one that no gateway sends is not taken', () => {
    expect(documentedVectors.length).toBe(5);
    const notSent = documentedVectors.filter(({ title }) => title.startsWith(NOT_SENT));
    expect(notSent.map(({ bytes }) => readBatch(bytes))).toMatchObject([
      { kind: 'damaged', reason: expect.stringContaining('version 2') },
    ]);
  });

  test.each(vectors)('$title is read as the page says', ({ bytes, documented }) => {
    const batch = batchIn(bytes);
    const { gateway, lane, firstOffset, count, baseTimeMs } = documented;
    expect(batch).toMatchObject({ gateway, lane, firstOffset, count, baseTimeMs });
    expect(recordsOf(batch)).toEqual(documentedRecords(documented));
  });

  test.each(vectors)('$title is damaged when any byte of it is another one, or missing', ({ bytes }) => {
    for (let i = 0; i < bytes.length; i++) {
      const flipped = Buffer.from(bytes);
      flipped[i] ^= 0x10;
      expect(readBatch(flipped).kind, `byte ${i}`).toBe('damaged');
      expect(readBatch(bytes.subarray(0, i)).kind, `${i} bytes`).toBe('damaged');
    }
  });
});

describe('a batch as the gateway writes it', () => {
  test.each(['none', 'zstd', 'gzip'] as const)(
    'is read with compression %s, wherever it lies in memory',
    (compression) => {
      for (let seed = 1; seed <= 40; seed++) {
        const written = randomBatch(seed);
        const encoded = encodeBatch(written, { compression, level: 1 });
        const shifted = Buffer.alloc(encoded.length + 8);
        encoded.copy(shifted, seed % 8);
        const read = batchIn(shifted.subarray(seed % 8, (seed % 8) + encoded.length));
        const data = Buffer.from(written.data).toString('hex');
        const columns = { ...written, data } as unknown as Documented;
        const plain = {
          ...columns,
          device: Array.from(written.device),
          topic: Array.from(written.topic),
          payloadBytes: Array.from(written.payloadBytes),
          propertiesBytes: written.propertiesBytes ? Array.from(written.propertiesBytes) : undefined,
        } as Documented;
        expect(recordsOf(read), `seed ${seed}`).toEqual(documentedRecords(plain));
        expect([read.gateway, read.lane, read.baseTimeMs]).toEqual([
          written.gateway,
          written.lane,
          written.baseTimeMs,
        ]);
      }
    },
  );

  test('is known by its first three bytes', () => {
    const bytes = encodeBatch(recordBatch([{}]), { compression: 'none', level: 1 });
    expect([bytes, Buffer.from('{}'), Buffer.alloc(0), bytes.subarray(0, 2)].map(looksLikeBatch)).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});

describe('a batch with a right checksum', () => {
  const encoder = new Encoder({
    tagUint8Array: false,
    useRecords: false,
    mapsAsObjects: true,
    variableMapSize: true,
  });
  const columns = {
    devices: ['d'],
    topics: ['t'],
    device: new Uint16Array([0, 0]),
    topic: new Uint16Array([0, 0]),
    timeMs: new Uint32Array([0, 1]),
    flags: Buffer.from([1, 1]),
    payloadBytes: new Uint32Array([1, 2]),
    data: Buffer.from('abb'),
  };

  function batchOf(body: Record<string, unknown>, envelope: Record<number, unknown> = {}): Buffer {
    const raw = encoder.encode(body);
    const items: unknown[] = [1, 'gw', 'main', 7, 2, 1000, 'boot', 5, 'none', raw.length, raw, 0xffffffff];
    for (const [i, item] of Object.entries(envelope)) items[Number(i)] = item;
    const bytes = Buffer.concat([Buffer.from([0xd9, 0xd9, 0xf7]), encoder.encode(items)]);
    bytes.writeUInt32BE(crc32(bytes.subarray(0, -5)), bytes.length - 4);
    return bytes;
  }

  test('is read, and columns that it does not know are passed over', () => {
    const later = {
      nested: [{ a: [1, -5, 'x', null, 1.5, true] }, new Uint32Array([1])],
      packetId: new Uint16Array(2),
    };
    const batch = batchIn(batchOf({ ...later, ...columns, afterwards: 'y' }));
    expect(recordsOf(batch).map(({ offset, payload }) => [offset, payload])).toEqual([
      [7, '61'],
      [8, '6262'],
    ]);
  });

  test.each<[string, Record<string, unknown>, Record<number, unknown>, RegExp]>([
    ['of another version', columns, { 0: 2 }, /version 2/],
    ['that counts more records than it has', columns, { 4: 3 }, /has not 3 entries/],
    ['of an unknown compression', columns, { 8: 'lz4' }, /unknown compression lz4/],
    ['whose body has another length', columns, { 9: 5 }, /another length/],
    ['whose body would be too large', columns, { 9: 2 ** 27 }, /a body of 134217728 bytes/],
    ['without a column', { ...columns, flags: undefined }, {}, /flags|expected/],
    ['without its data', { ...columns, data: 1 }, {}, /byte string was expected/],
    [
      'with a device that is not in the table',
      { ...columns, device: new Uint16Array([0, 1]) },
      {},
      /out of its table/,
    ],
    ['with QoS 3', { ...columns, flags: Buffer.from([1, 3]) }, {}, /QoS 3/],
    ['whose lengths do not add up', { ...columns, data: Buffer.from('ab') }, {}, /do not add up/],
    ['with numbers of another width', { ...columns, timeMs: new Uint16Array(2) }, {}, /tag 69/],
  ])('and %s is damaged', (_, body, envelope, reason) => {
    const reading = readBatch(batchOf(body, envelope));
    expect(reading).toEqual({ kind: 'damaged', reason: expect.stringMatching(reason) });
  });
});
