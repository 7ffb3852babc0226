// What a gateway's log holds, read from its data directory, whether it runs or not.

import { join } from 'node:path';
import Database from 'better-sqlite3';
import { openLogReader } from '../../storage/log/log-reader.ts';
import { decodeBatch } from '../../storage/record-batch/codec.ts';
import { decodeProperties, type MqttProperties } from '../../storage/record-batch/mqtt-properties.ts';
import { type RecordView, recordsOf } from '../../storage/record-batch/record-batch.ts';

export interface StoredRecord {
  lane: string;
  offset: number;
  device: string;
  topic: string;
  qos: 0 | 1 | 2;
  retain: boolean;
  dup: boolean;
  will: boolean;
  deadLetter?: string;
  payload: string;
  payloadBytes: number;
  properties: MqttProperties;
}

/** All records of all lanes, in order of lane and offset. */
export function storedRecords(directory: string): StoredRecord[] {
  return [...recordsIn(directory)].map(
    ({ payload, properties, gateway: _gateway, timeMs: _time, ...record }) => ({
      ...record,
      payload: Buffer.from(payload).toString(),
      payloadBytes: payload.length,
      properties: decodeProperties(properties),
    }),
  );
}

/** What was taken of a device, when. */
export interface Admission {
  /** By the gateway's clock, to the millisecond. */
  timeMs: number;
  payload: string;
}

/** By device, in order of lane and offset. */
export function admissionsByDevice(directory: string): Map<string, Admission[]> {
  const byDevice = new Map<string, Admission[]>();
  for (const { device, timeMs, payload } of recordsIn(directory)) {
    const admission = { timeMs, payload: Buffer.from(payload).toString() };
    const known = byDevice.get(device);
    if (known === undefined) byDevice.set(device, [admission]);
    else known.push(admission);
  }
  return byDevice;
}

function* recordsIn(directory: string): Generator<RecordView> {
  const file = join(directory, 'sluice.db');
  const reader = openLogReader(file);
  try {
    for (const lane of laneNumbers(file)) {
      for (const { bytes } of reader.read(lane, 0, Number.MAX_SAFE_INTEGER))
        yield* recordsOf(decodeBatch(bytes));
    }
  } finally {
    reader.close();
  }
}

function laneNumbers(file: string): number[] {
  const db = new Database(file, { readonly: true });
  try {
    return db.prepare('SELECT number FROM lanes ORDER BY number').pluck().all() as number[];
  } finally {
    db.close();
  }
}
