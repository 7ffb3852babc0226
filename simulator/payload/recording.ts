// A recorded file, open for many devices at once. Opening it reads it through once: every record is checked, and
// what is kept is where every 64th record begins, and of each recorded device which records are its own (8 bytes a
// record). Records are read again when they are wanted, by blocks, of which the last used are kept up to a bound.

import { closeSync, openSync } from 'node:fs';
import { messageOf, SluiceError } from '../../config/errors.ts';
import { MiB } from '../../config/limits.ts';
import { parseCsvRecord } from './csv-record.ts';
import { type FoundRecord, recordsIn } from './record-splitter.ts';
import type { RecordingSettings } from './recording-settings.ts';

export type RecordedObject = Readonly<Record<string, unknown>>;

const BLOCK_RECORDS = 64;
const CACHED_CHARACTERS_MAX = 16 * MiB;
const RECORDS_MAX = 10_000_000;
const DEVICES_MAX = 100_000;
const jsonNumber = /^-?(?:0|[1-9]\d{0,14})(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

export class Recording implements Disposable {
  readonly file: string;
  /** Indexes of the records of each recorded device, devices as they appear; empty without a device column. */
  readonly devices: readonly (readonly number[])[];
  readonly length: number;
  readonly #descriptor: number;
  readonly #isCsv: boolean;
  /** Names of the columns; empty for JSON lines. */
  #header: readonly string[] = [];
  readonly #blockOffsets: number[] = [];
  readonly #blocks = new Map<number, readonly FoundRecord[]>();
  #cachedCharacters = 0;
  #last: { index: number; object: RecordedObject } | undefined;

  /** Throws SluiceError, naming file and line, for what cannot be read. */
  constructor({ file, format, deviceColumn }: RecordingSettings) {
    this.file = file;
    this.#isCsv = format === 'csv' || (format === 'auto' && file.toLowerCase().endsWith('.csv'));
    this.#descriptor = opened(file);
    try {
      const { devices, length } = this.#index(deviceColumn);
      this.devices = devices;
      this.length = length;
    } catch (thrown) {
      closeSync(this.#descriptor);
      throw thrown;
    }
  }

  /** The record's keys or columns; a cell that is a number is one. Not to be changed: others are given the same. */
  read(index: number): RecordedObject {
    if (this.#last?.index === index) return this.#last.object;
    const record = this.#block(Math.floor(index / BLOCK_RECORDS))[index % BLOCK_RECORDS];
    if (record === undefined) throw this.fault('has changed while it was in use', 0);
    const object = this.#parse(record);
    this.#last = { index, object };
    return object;
  }

  /** The line of a record, by reading the file up to there: for messages. */
  lineOf(index: number): number {
    let left = index;
    for (const { line } of this.records()) if (left-- === 0) return line;
    return 0;
  }

  /** `line` 0: the file as a whole. */
  fault(message: string, line: number, hint = 'Mend the line, or remove it.'): SluiceError {
    const place = line === 0 ? this.file : `${this.file}:${line}`;
    return new SluiceError('BAD_RECORDING', `${place}: ${message}`, { kind: 'permanent', hint });
  }

  /** All records in order, from the file. */
  *records(): Generator<{ object: RecordedObject; line: number }> {
    let isHeader = this.#isCsv;
    for (const record of this.#all()) {
      if (!isHeader) yield { object: this.#parse(record), line: record.line };
      isHeader = false;
    }
  }

  *#all(): Generator<FoundRecord> {
    const span = { descriptor: this.#descriptor, fromByte: 0, toByte: Number.POSITIVE_INFINITY };
    try {
      yield* recordsIn({ ...span, isQuoted: this.#isCsv });
    } catch (thrown) {
      if (thrown instanceof RangeError) throw this.fault(thrown.message, Number(thrown.cause));
      throw this.fault(`could not be read: ${messageOf(thrown)}`, 0, 'Name a file that can be read.');
    }
  }

  #index(deviceColumn: string): { devices: number[][]; length: number } {
    const devices = new Map<string, number[]>();
    let length = 0;
    for (const record of this.#all()) {
      if (this.#isCsv && this.#header.length === 0) {
        this.#header = this.#readHeader(record);
        continue;
      }
      const object = this.#parse(record);
      if (length % BLOCK_RECORDS === 0) this.#blockOffsets.push(record.offset);
      if (deviceColumn !== '')
        this.#addTo(devices, { name: object[deviceColumn], index: length, deviceColumn, record });
      if (++length > RECORDS_MAX)
        throw this.fault(`has more than ${RECORDS_MAX} records`, record.line, 'Split it.');
    }
    if (length === 0)
      throw this.fault('has no records', 0, 'Name a file of JSON lines, or CSV with a header.');
    return { devices: [...devices.values()], length };
  }

  #addTo(
    devices: Map<string, number[]>,
    found: { name: unknown; index: number; deviceColumn: string; record: FoundRecord },
  ): void {
    const { name, index, deviceColumn, record } = found;
    if (typeof name !== 'string' && typeof name !== 'number') {
      throw this.fault(`has no device under ${JSON.stringify(deviceColumn)}`, record.line);
    }
    const own = devices.get(`${name}`);
    if (own !== undefined) own.push(index);
    else if (devices.size < DEVICES_MAX) devices.set(`${name}`, [index]);
    else
      throw this.fault(
        `has more than ${DEVICES_MAX} devices`,
        record.line,
        'Is the device column the right one?',
      );
  }

  #readHeader(record: FoundRecord): string[] {
    // A byte order mark is no part of the first name.
    const header = parseCsvRecord(record.text.replace(/^\ufeff/, ''));
    if ('fault' in header) throw this.fault(`the header ${header.fault}`, record.line);
    return header;
  }

  #parse({ text, line }: FoundRecord): RecordedObject {
    if (this.#isCsv) return this.#parseCsv(text, line);
    let parsed: unknown;
    try {
      parsed = JSON.parse(text.replace(/^\ufeff/, ''));
    } catch {
      // What the parser says quotes the text and knows nothing of the file.
      throw this.fault('is not JSON', line);
    }
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      return parsed as RecordedObject;
    throw this.fault('is no JSON object', line);
  }

  #parseCsv(text: string, line: number): RecordedObject {
    const cells = parseCsvRecord(text);
    if ('fault' in cells) throw this.fault(cells.fault, line);
    const wanted = this.#header.length;
    if (cells.length !== wanted) throw this.fault(`has ${cells.length} cells, the header ${wanted}`, line);
    return Object.fromEntries(
      cells.map((cell, i) => [this.#header[i], jsonNumber.test(cell) ? Number(cell) : cell]),
    );
  }

  #block(block: number): readonly FoundRecord[] {
    const cached = this.#blocks.get(block);
    // Put in again, it is the last to go.
    if (cached !== undefined) this.#blocks.delete(block);
    const records = cached ?? this.#readBlock(block);
    this.#blocks.set(block, records);
    if (cached === undefined) this.#cachedCharacters += charactersOf(records);
    for (const [oldest, held] of this.#blocks) {
      if (this.#cachedCharacters <= CACHED_CHARACTERS_MAX || oldest === block) break;
      this.#blocks.delete(oldest);
      this.#cachedCharacters -= charactersOf(held);
    }
    return records;
  }

  #readBlock(block: number): readonly FoundRecord[] {
    const fromByte = this.#blockOffsets[block];
    const toByte = this.#blockOffsets[block + 1] ?? Number.POSITIVE_INFINITY;
    const records = [...recordsIn({ descriptor: this.#descriptor, fromByte, toByte, isQuoted: this.#isCsv })];
    // Lines are counted from the block's first here: no line is better than a wrong one.
    return records.map((record) => ({ ...record, line: 0 }));
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }
}

function charactersOf(records: readonly FoundRecord[]): number {
  return records.reduce((sum, { text }) => sum + text.length, 0);
}

function opened(file: string): number {
  try {
    return openSync(file, 'r');
  } catch (thrown) {
    const hint = 'Name a file that is there and may be read.';
    const message = `${file}: could not be opened: ${messageOf(thrown)}`;
    throw new SluiceError('BAD_RECORDING', message, { kind: 'permanent', hint, cause: thrown });
  }
}
