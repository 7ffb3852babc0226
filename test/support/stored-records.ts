// What a gateway's log holds, read from its data directory, whether it runs or not.

import { join } from 'node:path';
import Database from 'better-sqlite3';
import { openLogReader } from '../../storage/log/log-reader.ts';
import { decodeBatch } from '../../storage/record-batch/codec.ts';
import { decodeProperties, type MqttProperties } from '../../storage/record-batch/mqtt-properties.ts';
import { recordsOf } from '../../storage/record-batch/record-batch.ts';

export interface StoredRecord {
  lane: string;
  offset: number;
  device: string;
  topic: string;
  qos: 0 | 1 | 2;
  retain: boolean;
  dup: boolean;
  will: boolean;
  payload: string;
  payloadBytes: number;
  properties: MqttProperties;
}

/** All records of all lanes, in order of lane and offset. */
export function storedRecords(directory: string): StoredRecord[] {
  const file = join(directory, 'sluice.db');
  const records: StoredRecord[] = [];
  const reader = openLogReader(file);
  try {
    for (const lane of laneNumbers(file)) {
      for (const { bytes } of reader.read(lane, 0, Number.MAX_SAFE_INTEGER)) {
        for (const { payload, properties, gateway: _gateway, timeMs: _time, ...record } of recordsOf(
          decodeBatch(bytes),
        )) {
          const decoded = decodeProperties(properties);
          const text = Buffer.from(payload).toString();
          records.push({ ...record, payload: text, payloadBytes: payload.length, properties: decoded });
        }
      }
    }
  } finally {
    reader.close();
  }
  return records;
}

function laneNumbers(file: string): number[] {
  const db = new Database(file, { readonly: true });
  try {
    return db.prepare('SELECT number FROM lanes ORDER BY number').pluck().all() as number[];
  } finally {
    db.close();
  }
}
