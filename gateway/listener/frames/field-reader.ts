// Reads the fields of one packet from left to right. The first fault sticks and later reads return empty
// values, so that a parser reads all its fields in the order of the specification and asks once at the end.
// For packets that are rare beside PUBLISH: what it returns may be allocated, and never points into the
// buffer.

import { PropertyValues, scanProperties } from './properties.ts';
import type { Place } from './property-table.ts';
import { type Reason, reason } from './reasons.ts';
import { judgeName } from './utf8.ts';

export class FieldReader {
  readonly buffer: Buffer;
  readonly end: number;
  at: number;
  fault: Reason = reason.ok;

  constructor(buffer: Buffer, start: number, end: number) {
    this.buffer = buffer;
    this.at = start;
    this.end = end;
  }

  /** Notes `why` unless something was wrong before. */
  fail(why: Reason): void {
    if (this.fault === reason.ok) this.fault = why;
  }

  failWhen(isWrong: boolean, why: Reason): void {
    if (isWrong) this.fail(why);
  }

  byte(): number {
    return this.take(1) ? this.buffer[this.at - 1]! : 0;
  }

  twoBytes(): number {
    return this.take(2) ? this.buffer.readUInt16BE(this.at - 2) : 0;
  }

  /** Text that becomes a key somewhere: without control and non-character code points. */
  name(): string {
    const start = this.skipPrefixed();
    this.fail(judgeName(this.buffer, start, this.at));
    return this.fault === reason.ok ? this.buffer.toString('utf8', start, this.at) : '';
  }

  binary(): Buffer {
    const start = this.skipPrefixed();
    return Buffer.from(this.buffer.subarray(start, this.at));
  }

  /** Skips a field with a two-byte length; returns where its content starts, and leaves `at` after it. */
  skipPrefixed(): number {
    const length = this.twoBytes();
    const start = this.at;
    this.take(length);
    return start;
  }

  properties(where: Place): PropertyValues {
    const values = new PropertyValues();
    if (this.fault !== reason.ok) return values;
    this.fail(scanProperties(this.buffer, this.at, this.end, where, values));
    if (this.fault === reason.ok) this.at = values.end;
    else values.present = 0;
    return values;
  }

  textProperty(values: PropertyValues, id: number): string | undefined {
    if (!values.has(id)) return undefined;
    return this.buffer.toString('utf8', values.starts[id], values.ends[id]);
  }

  binaryProperty(values: PropertyValues, id: number): Buffer | undefined {
    if (!values.has(id)) return undefined;
    return Buffer.from(this.buffer.subarray(values.starts[id], values.ends[id]));
  }

  /** The fault found so far, or bytes left over (MQTT 5.0 4.13). */
  finish(): Reason {
    this.failWhen(this.at !== this.end, reason.trailingBytes);
    return this.fault;
  }

  private take(bytes: number): boolean {
    if (this.fault !== reason.ok) return false;
    if (this.at + bytes > this.end) {
      this.fail(reason.truncated);
      return false;
    }
    this.at += bytes;
    return true;
  }
}
