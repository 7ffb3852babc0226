// Record batches with everything that a record can have, and a seeded generator that goes to the edges of the format.

import { seededRandom } from '../../simulator/seeded-random.ts';
import { encodeProperties, type MqttProperties } from '../../storage/record-batch/mqtt-properties.ts';
import { type RecordBatch, RecordFlag } from '../../storage/record-batch/record-batch.ts';
import { type BatchEnvelope, recordBatch, type TestRecord } from './record-batches.ts';

export interface SampleRecord extends Omit<TestRecord, 'properties'> {
  dup?: boolean;
  will?: boolean;
  properties?: MqttProperties;
}

/** A batch of these records; what is not given is plain. */
export function sampleBatch(envelope: BatchEnvelope, records: readonly SampleRecord[]): RecordBatch {
  const plain = records.map(({ properties = {}, payload = '1', ...record }) => {
    const bytes = encodeProperties(properties);
    return { ...record, payload, properties: bytes.length > 0 ? bytes : undefined };
  });
  const batch = recordBatch(plain, { gateway: 'gw-1', baseTimeMs: Date.UTC(2026, 0, 1), ...envelope });
  for (const [i, { dup, will }] of records.entries()) {
    batch.flags[i] |= (dup ? RecordFlag.dup : 0) | (will ? RecordFlag.will : 0);
  }
  return batch;
}

const TOPICS = ['plant/line1/t', 'plant/Wärme/ß', '工厂/状态', 'a', '/', 'emoji/🌡', '$x/y'];
const DEVICES = ['dev-1', 'dév-2', '设备', '', 'x'.repeat(128)];
const TEXTS = ['', 'plain', 'Grüße 🌍', '__proto__', '{"a":[1,2]}', 'two\nlines\t'];

/** Every third record as one that was kept as a dead letter: a batch as it never goes upstream. */
export function withDeadLetters(batch: RecordBatch): RecordBatch {
  const flags = batch.flags.map((bits, i) =>
    i % 3 === 0 ? bits | RecordFlag.deadLetterPayloadFormat : bits,
  );
  return { ...batch, flags };
}

/** Up to 40 records; the same seed gives the same batch. */
export function randomBatch(seed: number): RecordBatch {
  const random = seededRandom(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const pick = <T>(values: readonly T[]): T => values[below(values.length)];
  const withProperties = random() < 0.6;
  const withPacketIds = random() < 0.5;
  const records = Array.from(
    { length: 1 + below(40) },
    (): SampleRecord => ({
      device: pick(DEVICES),
      topic: pick(TOPICS),
      timeMs: below(pick([1, 1000, 2 ** 32])),
      qos: pick([0, 1, 2] as const),
      retain: random() < 0.2,
      dup: random() < 0.2,
      will: random() < 0.1,
      payload:
        random() < 0.5 ? pick(TEXTS) : Buffer.from(Array.from({ length: below(300) }, () => below(256))),
      properties: withProperties && random() < 0.7 ? randomProperties(random, pick) : {},
      packetId: withPacketIds ? below(65_536) : undefined,
    }),
  );
  const firstOffset = below(pick([1, 1000, 2 ** 33, 2 ** 52]));
  const baseTimeMs = Date.UTC(2026, 0, 1) + below(10 ** 9);
  const batch = sampleBatch(
    { lane: pick(['main', 'alarm']), firstOffset, baseTimeMs, baseMonotonicMs: below(2 ** 40) },
    records,
  );
  return random() < 0.2 ? { ...batch, leftOutFrom: below(firstOffset + 1) } : batch;
}

function randomProperties(random: () => number, pick: <T>(values: readonly T[]) => T): MqttProperties {
  const properties: MqttProperties = {};
  if (random() < 0.5) properties.payloadFormatIndicator = random() < 0.5;
  if (random() < 0.5) properties.messageExpiryInterval = Math.floor(random() * 2 ** 32);
  if (random() < 0.5) properties.contentType = pick(TEXTS);
  if (random() < 0.5) properties.responseTopic = pick(TOPICS);
  if (random() < 0.5) properties.correlationData = Buffer.from(pick(['', 'id-7', '\u0000\u0001']));
  if (random() < 0.5) {
    // A computed key, so that `__proto__` is a key like any other.
    properties.userProperties = { [pick(TEXTS)]: pick(TEXTS), k: [pick(TEXTS), pick(TEXTS)] };
  }
  return properties;
}
