// The audit log: a line of JSON for each refusal and each change of who may do what,
//
//     {"time", "event", "reason", "client"?, "user"?, "address"?, "object"?, "detail"?, "times"?, "first"?}
//
// `times` is how many a line stands for, if not one: what repeats within 10 s is summed up (audit-repeats.ts) and
// written at the end of that time, with `time` and all else of the last of them and, in `first`, when the first was.
// Lines go through one bounded buffer to the file, written in the background: `write` neither waits nor throws.
// When the disk does not take them they wait; what does not fit the buffer is lost, counted, and told in the file
// itself once it can be written again: {"time", "event": "audit-lost", "times"}. The counters are exact whatever
// happens to the file.

import type { Clock, Timer } from '../../config/clock.ts';
import type { Component } from '../../config/component.ts';
import { KiB, MiB } from '../../config/limits.ts';
import { type Logger, logKeys } from '../../config/logger.ts';
import type { Audit, AuditEvent } from './audit-event.ts';
import { AuditFile, type AuditFileOptions } from './audit-file.ts';
import { AuditRepeats, type SummedEvent } from './audit-repeats.ts';

export interface AuditLogOptions extends AuditFileOptions {
  clock: Clock;
  log: Logger;
}

/** How often and when: wall clock. */
type LineTimes = Pick<SummedEvent, 'firstMs' | 'lastMs'> & { readonly times: number | undefined };

/** How often each reason came up, by event. */
export type AuditCounts = { readonly [event: string]: { readonly [reason: string]: number } };

/** In characters, as the next two: these bound memory. */
const BUFFER_LENGTH_MAX = 1 * MiB;
const CHUNK_LENGTH = 16 * KiB;
const NAME_LENGTH_MAX = 256;
const DETAIL_LENGTH_MAX = 2048;
/** Reasons come from closed sets: it takes a fault in the gateway to have so many. */
const REASONS_MAX = 200;
const FLUSH_MS = 250;
const RETRY_MS_MIN = 1000;
const RETRY_MS_MAX = 30_000;

export class AuditLog implements Audit, Component {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #path: string;
  readonly #file: AuditFile;
  readonly #repeats = new AuditRepeats();
  readonly #counts = new Map<string, Map<string, number>>();
  #lines: string[] = [];
  #bufferedLength = 0;
  #isStarted = false;
  #flushTimer: Timer | undefined;
  #sumTimer: Timer | undefined;
  #flushing: Promise<void> | undefined;
  /** 0 while the file can be written. */
  #retryMs = 0;
  #lostUntold = 0;
  /** Lines that no file will have, and times that the file could not be written. */
  readonly counters = { lost: 0, failures: 0 };

  constructor({ clock, log, ...fileOptions }: AuditLogOptions) {
    this.#clock = clock;
    this.#log = log;
    this.#path = fileOptions.file;
    this.#file = new AuditFile(fileOptions);
  }

  get counts(): AuditCounts {
    return Object.fromEntries(
      [...this.#counts].map(([event, reasons]) => [event, Object.fromEntries(reasons)]),
    );
  }

  /** A file that cannot be written is no reason not to start: it is told, and tried again. */
  async start(): Promise<void> {
    this.#isStarted = true;
    this.#schedule();
  }

  write(whole: AuditEvent): void {
    this.#count(whole);
    const event = shortened(whole);
    // Each of these is a change of its own.
    const nowMs = this.#clock.nowMs();
    const isSummed =
      event.event !== 'identity-data' && this.#repeats.add(event, this.#clock.monotonicMs(), nowMs);
    if (!isSummed) this.#append(lineOf(event, { times: event.times, firstMs: nowMs, lastMs: nowMs }));
    this.#schedule();
  }

  /** Writes what is there; what is not written after `deadlineMs` is lost. */
  async stop(deadlineMs: number): Promise<void> {
    this.#isStarted = false;
    this.#flushTimer?.clear();
    this.#sumTimer?.clear();
    [this.#flushTimer, this.#sumTimer] = [undefined, undefined];
    this.#tellSums(true);
    let late: Timer | undefined;
    const deadline = new Promise<void>((resolve) => {
      late = this.#clock.after(deadlineMs, resolve);
    });
    await Promise.race([deadline, this.#writeAll()]);
    late?.clear();
  }

  /** Resolves when no write is under way; what is not due yet still waits. */
  async settled(): Promise<void> {
    await this.#flushing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(1000);
  }

  async #writeAll(): Promise<void> {
    await this.#flushing;
    await this.#flush();
    await this.#file.close();
  }

  #schedule(): void {
    if (!this.#isStarted) return;
    const dueMs = this.#sumTimer === undefined ? this.#repeats.dueMs : undefined;
    if (dueMs !== undefined) {
      this.#sumTimer = this.#clock.after(Math.max(0, dueMs - this.#clock.monotonicMs()), () => {
        this.#sumTimer = undefined;
        this.#tellSums(false);
        this.#schedule();
      });
    }
    if (this.#lines.length === 0 || this.#flushTimer !== undefined || this.#flushing !== undefined) return;
    this.#flushTimer = this.#clock.after(Math.max(FLUSH_MS, this.#retryMs), () => {
      this.#flushTimer = undefined;
      void this.#flush().then(() => this.#schedule());
    });
  }

  #tellSums(all: boolean): void {
    for (const sum of this.#repeats.take(this.#clock.monotonicMs(), all))
      this.#append(lineOf(sum.event, sum));
  }

  #append(line: string): void {
    if (this.#bufferedLength + line.length > BUFFER_LENGTH_MAX) {
      this.counters.lost++;
      this.#lostUntold++;
      return;
    }
    this.#lines.push(line);
    this.#bufferedLength += line.length;
  }

  /** Resolves when the buffer is empty or the file could not be written. */
  #flush(): Promise<void> {
    this.#flushing ??= this.#writeLines().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  async #writeLines(): Promise<void> {
    while (this.#lines.length > 0 || this.#lostUntold > 0) {
      const count = this.#chunkLines();
      const lost = count === 0 ? this.#lostUntold : 0;
      const text = count === 0 ? lostLine(this.#clock.nowMs(), lost) : this.#lines.slice(0, count).join('');
      try {
        await this.#file.append(text);
      } catch (error) {
        this.#failed(error);
        return;
      }
      this.#lines.splice(0, count);
      if (count > 0) this.#bufferedLength -= text.length;
      this.#lostUntold -= lost;
      this.#succeeded();
    }
  }

  /** How many of the first lines are written at a time: one at least. */
  #chunkLines(): number {
    let count = 0;
    for (let length = 0; count < this.#lines.length; count++) {
      length += this.#lines[count].length;
      if (length > CHUNK_LENGTH && count > 0) break;
    }
    return count;
  }

  #failed(error: unknown): void {
    this.counters.failures++;
    if (this.#retryMs === 0) {
      this.#log.error(
        { [logKeys.file]: this.#path, [logKeys.error]: error },
        'the audit log cannot be written: its lines wait in memory, as many as fit there',
      );
    }
    this.#retryMs = Math.min(Math.max(this.#retryMs * 2, RETRY_MS_MIN), RETRY_MS_MAX);
  }

  #succeeded(): void {
    if (this.#retryMs > 0)
      this.#log.info(
        { [logKeys.file]: this.#path, lost: this.counters.lost },
        'the audit log is written again',
      );
    this.#retryMs = 0;
  }

  #count({ event, reason, times = 1 }: AuditEvent): void {
    const reasons = this.#counts.get(event) ?? new Map<string, number>();
    this.#counts.set(event, reasons);
    const name = reasons.has(reason) || reasons.size < REASONS_MAX ? reason : 'other';
    reasons.set(name, (reasons.get(name) ?? 0) + times);
  }
}

function lineOf(event: AuditEvent, { times, firstMs, lastMs }: LineTimes): string {
  return jsonLine({
    time: new Date(lastMs).toISOString(),
    ...event,
    times: times === 1 ? undefined : times,
    first: firstMs === lastMs ? undefined : new Date(firstMs).toISOString(),
  });
}

/** Its values come from devices, and may be long. */
function shortened({ event, reason, client, user, address, object, detail, times }: AuditEvent): AuditEvent {
  return {
    event,
    reason: cut(reason, NAME_LENGTH_MAX),
    ...(client === undefined ? {} : { client: cut(client, NAME_LENGTH_MAX) }),
    ...(user === undefined ? {} : { user: cut(user, NAME_LENGTH_MAX) }),
    ...(address === undefined ? {} : { address: cut(address, NAME_LENGTH_MAX) }),
    ...(object === undefined ? {} : { object: cut(object, NAME_LENGTH_MAX) }),
    ...(detail === undefined ? {} : { detail: cut(detail, DETAIL_LENGTH_MAX) }),
    ...(times === undefined ? {} : { times }),
  };
}

function lostLine(nowMs: number, times: number): string {
  return jsonLine({ time: new Date(nowMs).toISOString(), event: 'audit-lost', times });
}

/** Also escapes what JSON leaves and a terminal obeys: DEL, C1 controls, changes of direction, line separators. */
function jsonLine(values: Record<string, string | number | undefined>): string {
  const text = JSON.stringify(values).replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `${text}\n`;
}

function cut(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax)}...`;
}
