// The test vectors of storage/README.md, read out of the page: what is documented is what is tested.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  type Compression,
  decodeBatch,
  decodeHeader,
  encodeBatch,
} from '../../../../storage/record-batch/codec.ts';
import type { RecordBatch } from '../../../../storage/record-batch/record-batch.ts';

interface DocumentedBatch {
  gateway: string;
  lane: string;
  firstOffset: number;
  count: number;
  baseTimeMs: number;
  bootId: string;
  baseMonotonicMs: number;
  compression: Compression;
  devices: string[];
  topics: string[];
  device: number[];
  topic: number[];
  timeMs: number[];
  flags: number[];
  payloadBytes: number[];
  propertiesBytes?: number[];
  packetId?: number[];
  leftOutFrom?: number;
  data: string;
}

const page = readFileSync(new URL('../../../../storage/README.md', import.meta.url), 'utf8');
const VECTOR = /### (?<title>Vector .*)\n[^#]*?```hex\n(?<hex>[0-9a-f\n]+)```\s+```json\n(?<json>[^`]+)```/g;
const vectors = Array.from(page.matchAll(VECTOR), ({ groups }) => ({
  title: groups!.title,
  bytes: Buffer.from(groups!.hex.replaceAll('\n', ''), 'hex'),
  documented: JSON.parse(groups!.json) as DocumentedBatch,
}));

function documentedOf(batch: RecordBatch, compression: Compression): DocumentedBatch {
  const { gateway, lane, firstOffset, count, baseTimeMs, bootId, baseMonotonicMs, devices, topics } = batch;
  return {
    ...{
      gateway,
      lane,
      firstOffset,
      count,
      baseTimeMs,
      bootId,
      baseMonotonicMs,
      compression,
      devices,
      topics,
    },
    device: Array.from(batch.device),
    topic: Array.from(batch.topic),
    timeMs: Array.from(batch.timeMs),
    flags: Array.from(batch.flags),
    payloadBytes: Array.from(batch.payloadBytes),
    ...(batch.propertiesBytes === null ? {} : { propertiesBytes: Array.from(batch.propertiesBytes) }),
    ...(batch.packetId === null ? {} : { packetId: Array.from(batch.packetId) }),
    ...(batch.leftOutFrom === undefined ? {} : { leftOutFrom: batch.leftOutFrom }),
    data: Buffer.from(batch.data).toString('hex'),
  };
}

function batchOf({ compression: _, ...documented }: DocumentedBatch): RecordBatch {
  return {
    ...documented,
    device: Uint16Array.from(documented.device),
    topic: Uint16Array.from(documented.topic),
    timeMs: Uint32Array.from(documented.timeMs),
    flags: Uint8Array.from(documented.flags),
    payloadBytes: Uint32Array.from(documented.payloadBytes),
    propertiesBytes: documented.propertiesBytes ? Uint32Array.from(documented.propertiesBytes) : null,
    packetId: documented.packetId ? Uint16Array.from(documented.packetId) : null,
    data: Buffer.from(documented.data, 'hex'),
  };
}

describe('the test vectors of storage/README.md', () => {
  test('are five, of which one is compressed and one has a dead letter', () => {
    const compressions = vectors.map(({ documented }) => documented.compression);
    expect(compressions).toEqual(['none', 'none', 'zstd', 'none', 'none']);
    const headers = vectors.map(({ bytes }) => decodeHeader(bytes));
    expect(headers.map(({ hasDeadLetters }) => hasDeadLetters)).toEqual([false, false, false, false, true]);
  });

  test.each(vectors)('$title decodes to what the page says', ({ bytes, documented }) => {
    expect(documentedOf(decodeBatch(bytes), decodeHeader(bytes).compression)).toEqual(documented);
  });

  test.each(vectors)('$title: what the page says is encoded to its bytes', ({ bytes, documented }) => {
    const encoded = encodeBatch(batchOf(documented), { compression: documented.compression, level: 1 });
    if (documented.compression === 'none') expect(encoded.toString('hex')).toBe(bytes.toString('hex'));
    else expect(decodeBatch(encoded)).toEqual(decodeBatch(bytes));
  });
});
