// Real telemetry to replay: a file of JSON lines { t: ms since 1970, device, topic, payload }, in order of
// time, as it is or compressed by xz.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { seededRandom } from '../../simulator/seeded-random.ts';
import type { RecordBatch } from '../../storage/record-batch/record-batch.ts';

export interface TelemetryMessage {
  device: string;
  topic: string;
  payload: Buffer;
  /** When it arrives in the replay. */
  arrivesAtMs: number;
}

const TEXT_BYTES_MAX = 1024 * 1024 * 1024;
/** Mean rate of the replay; years of readings become minutes, bursts and pauses in proportion. */
const MESSAGES_PER_MS = 1;
/** Devices report on the minute, networks do not deliver on it: without this the times would flatter. */
const JITTER_MS = 20;
const BASE_TIME_MS = 1_750_000_000_000;

interface Line {
  t: number;
  device: string;
  topic: string;
  payload: unknown;
}

export function readTelemetry(file: string): TelemetryMessage[] {
  const text = file.endsWith('.xz')
    ? execFileSync('xz', ['-dc', file], { maxBuffer: TEXT_BYTES_MAX, encoding: 'utf8' })
    : readFileSync(file, 'utf8');
  const lines = text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]));
  const startMs = lines[0].t;
  const scale = lines.length / MESSAGES_PER_MS / Math.max(1, lines[lines.length - 1].t - startMs);
  const random = seededRandom(1);
  let arrivesAtMs = BASE_TIME_MS;
  return lines.map(({ t, device, topic, payload }) => {
    const dueMs = BASE_TIME_MS + Math.floor((t - startMs) * scale + random() * JITTER_MS);
    arrivesAtMs = Math.max(arrivesAtMs, dueMs);
    const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
    return { device, topic, payload: Buffer.from(text), arrivesAtMs };
  });
}

/** What the same message takes as an MQTT 3.1.1 PUBLISH of QoS 1 (3.3), up to 16 KiB. */
export function publishBytes({ topic, payload }: TelemetryMessage): number {
  const rest = 2 + Buffer.byteLength(topic) + 2 + payload.length;
  return 1 + (rest < 128 ? 1 : 2) + rest;
}

/** The record batch that a gateway makes of these messages. */
export function batchOf(messages: readonly TelemetryMessage[], firstOffset: number): RecordBatch {
  const count = messages.length;
  const devices = [...new Set(messages.map(({ device }) => device))];
  const topics = [...new Set(messages.map(({ topic }) => topic))];
  const baseTimeMs = messages[0].arrivesAtMs;
  return {
    gateway: 'bench',
    lane: 'main',
    firstOffset,
    count,
    baseTimeMs,
    bootId: '00000000-0000-4000-8000-000000000000',
    baseMonotonicMs: baseTimeMs - BASE_TIME_MS,
    devices,
    topics,
    device: Uint16Array.from(messages, ({ device }) => devices.indexOf(device)),
    topic: Uint16Array.from(messages, ({ topic }) => topics.indexOf(topic)),
    timeMs: Uint32Array.from(messages, ({ arrivesAtMs }) => arrivesAtMs - baseTimeMs),
    flags: new Uint8Array(count).fill(1),
    payloadBytes: Uint32Array.from(messages, ({ payload }) => payload.length),
    propertiesBytes: null,
    packetId: null,
    data: Buffer.concat(messages.map(({ payload }) => payload)),
  };
}
