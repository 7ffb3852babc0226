// Compression of real telemetry: how many bytes a message takes upstream, in batches of several sizes,
// compared with one MQTT PUBLISH for each. Every batch is decoded again and compared.

import { encodeAs } from '../../bridge/assembler.ts';
import { decodeBatch } from '../../storage/record-batch/codec.ts';
import type { RecordBatch } from '../../storage/record-batch/record-batch.ts';
import type { Measure } from './bench-context.ts';
import { figureOf } from './statistics.ts';
import { batchOf, publishBytes, readTelemetry, type TelemetryMessage } from './telemetry-file.ts';

const BATCH_RECORDS = [100, 1000, 5000];
const COMPRESSIONS = ['zstd', 'gzip', 'none'] as const;

interface Encoding {
  batchRecords: number;
  compression: (typeof COMPRESSIONS)[number];
  bytesPerMessage: number;
  encodeUsPerMessage: number;
}

export const telemetry: Measure = {
  name: 'telemetry',
  run({ options, say }) {
    const messages = readTelemetry(options.telemetryFile!);
    say(`encoding ${messages.length} messages of telemetry`);
    const plain = messages.reduce((sum, message) => sum + publishBytes(message), 0) / messages.length;
    const encodings = BATCH_RECORDS.flatMap((batchRecords) => encodeAll(messages, batchRecords));
    const payload = messages.reduce((sum, message) => sum + message.payload.length, 0) / messages.length;
    return Promise.resolve({
      figures: encodings.map(({ batchRecords, compression, bytesPerMessage }) =>
        figureOf({
          what: `telemetry, batches of ${batchRecords}, ${compression} (against a PUBLISH each)`,
          unit: 'B/msg',
          sluice: [bytesPerMessage],
          mosquitto: [plain],
        }),
      ),
      rounds: [{ messages: messages.length, payloadBytesPerMessage: payload, encodings }],
      notes: [
        `Telemetry: ${messages.length.toLocaleString('en')} real messages, ${payload.toFixed(1)} bytes ` +
          'of payload on average; in mosquitto’s column, the bytes of one MQTT PUBLISH for each. Device, ' +
          'topic, time and order are in the batches. Replayed at 1,000 messages a second with up to 20 ms' +
          ' of jitter; levels as the bridge uses them.',
      ],
    });
  },
};

function encodeAll(messages: readonly TelemetryMessage[], batchRecords: number): Encoding[] {
  const batches: RecordBatch[] = [];
  for (let at = 0; at < messages.length; at += batchRecords) {
    batches.push(batchOf(messages.slice(at, at + batchRecords), at));
  }
  return COMPRESSIONS.map((compression) => {
    let bytes = 0;
    let tookMs = 0;
    for (const batch of batches) {
      const startMs = performance.now();
      const encoded = encodeAs(batch, compression);
      tookMs += performance.now() - startMs;
      bytes += encoded.length;
      insistOnSame(batch, decodeBatch(encoded));
    }
    const count = messages.length;
    return {
      batchRecords,
      compression,
      bytesPerMessage: bytes / count,
      encodeUsPerMessage: (tookMs * 1000) / count,
    };
  });
}

function insistOnSame(given: RecordBatch, decoded: RecordBatch): void {
  const same =
    decoded.count === given.count &&
    Buffer.compare(decoded.data, given.data) === 0 &&
    given.timeMs.every((value, i) => value === decoded.timeMs[i]) &&
    given.topic.every((value, i) => given.topics[value] === decoded.topics[decoded.topic[i]]);
  if (!same) throw new Error(`the batch at ${given.firstOffset} does not decode to what was encoded`);
}
