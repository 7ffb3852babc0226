// Daily use across restarts, and of devices that the table has forgotten: whoever comes back, whenever on
// that day, finds of its budget what it left. Written every `usageWriteMs` if something was added, and at the
// end; after a crash at most that much is forgotten. Nothing is written while nothing has a daily budget.
//
// Invariants: at most `entriesMax` entries; a damaged file is put aside, never overwritten; nothing here runs
// per message, and a disk that cannot be written stops nothing but the remembering.

import { mkdir, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setImmediate as otherWork } from 'node:timers/promises';
import type { Clock, Timer } from '../../../config/clock.ts';
import { messageOf } from '../../../config/errors.ts';
import { type Logger, logKeys } from '../../../config/logger.ts';
import { DAMAGED_DIRECTORY } from '../../../storage/open/store-files.ts';
import { quotaBounds } from './quota-bounds.ts';
import { readUsage, type UsageEntry, writeUsage } from './usage-file.ts';
import type { UtcDay } from './utc-day.ts';

export interface DailyUsageOptions {
  file: string;
  /** Most entries kept of those that are not in use. */
  entriesMax: number;
  clock: Clock;
  log: Logger;
}

/** What is in use. */
export interface UsageSource {
  readonly today: UtcDay;
  /** Grows with everything that is used. */
  readonly usageVersion: number;
  /** Of today; only what has a daily budget. */
  dailyUse(): Iterable<UsageEntry>;
}

export class DailyUsage {
  readonly #options: DailyUsageOptions;
  /** Of `#day`; whatever is in use again is no longer here. */
  #kept = new Map<string, number>();
  #day = 0;
  #source: UsageSource | null = null;
  #writtenVersion = 0;
  #hasFile = false;
  #timer: Timer | null = null;
  #writing: Promise<void> = Promise.resolve();
  #isFailing = false;
  /** Entries that found no place. */
  forgotten = 0;

  constructor(options: DailyUsageOptions) {
    this.#options = options;
  }

  /** Reads what there is; `take` knows nothing before. Never throws. */
  async start(source: UsageSource): Promise<void> {
    this.#source = source;
    this.#day = source.today.number;
    await this.#read();
    this.#schedule();
  }

  /** Writes what has not been written. */
  async stop(): Promise<void> {
    this.#timer?.clear();
    this.#timer = null;
    await this.flush();
    this.#source = null;
  }

  /** What `key` has used today; from now on it is in use. */
  take(key: string): number {
    this.#rollDay();
    const bytes = this.#kept.get(key) ?? 0;
    this.#kept.delete(key);
    return bytes;
  }

  /** It is no longer in use. */
  keep(key: string, bytes: number): void {
    if (bytes === 0) return;
    this.#rollDay();
    if (this.#kept.size >= this.#options.entriesMax && !this.#kept.has(key)) this.forgotten++;
    else this.#kept.set(key, bytes);
  }

  /** Resolves when what there is now is on disk, or has failed to get there. Never throws. */
  flush(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  #schedule(): void {
    this.#timer = this.#options.clock.after(quotaBounds.usageWriteMs, () => {
      void this.flush();
      this.#schedule();
    });
  }

  async #write(): Promise<void> {
    const source = this.#source;
    if (source === null || source.usageVersion === this.#writtenVersion) return;
    this.#rollDay();
    const { usageVersion: version, today } = source;
    const day = today.number;
    const { file, log } = this.#options;
    const entries = await this.#gather(source);
    // Of two days, if midnight was meanwhile: then the next time.
    if (today.number !== day || (entries.length === 0 && !this.#hasFile)) return;
    try {
      await writeUsage(file, day, entries);
      this.#writtenVersion = version;
      this.#hasFile = true;
      if (this.#isFailing) log.info({ [logKeys.file]: file }, 'daily use is written again');
      this.#isFailing = false;
    } catch (error) {
      if (this.#isFailing) return;
      this.#isFailing = true;
      log.warn({ [logKeys.file]: file, [logKeys.error]: error }, 'daily use cannot be written');
    }
  }

  /** Not all in one go: there can be many devices, and messages come in meanwhile. */
  async #gather(source: UsageSource): Promise<UsageEntry[]> {
    const entries: UsageEntry[] = [];
    for (const from of [source.dailyUse(), this.#kept]) {
      for (const entry of from) {
        entries.push(entry as UsageEntry);
        if (entries.length % ENTRIES_AT_A_TIME === 0) await otherWork();
      }
    }
    return entries;
  }

  #rollDay(): void {
    const number = this.#source?.today.number ?? this.#day;
    if (number === this.#day) return;
    this.#day = number;
    this.#kept = new Map();
  }

  async #read(): Promise<void> {
    const { file, entriesMax, log } = this.#options;
    try {
      const read = await readUsage(file, 2 * entriesMax);
      this.#hasFile = read.kind === 'read';
      if (read.kind === 'read' && read.day === this.#day) this.#kept = read.entries;
      if (read.kind === 'damaged') await this.#putAside(read.why);
    } catch (error) {
      log.error(
        { [logKeys.file]: file, [logKeys.error]: error },
        'daily use cannot be read; it starts from zero',
      );
    }
  }

  async #putAside(why: string): Promise<void> {
    const { file, clock, log } = this.#options;
    const stamp = new Date(clock.nowMs()).toISOString().replace(/[-:.]/g, '');
    const place = join(dirname(file), DAMAGED_DIRECTORY);
    const aside = join(place, `${stamp}-${why}-${basename(file)}`);
    try {
      await mkdir(place, { recursive: true, mode: 0o700 });
      await rename(file, aside);
      log.error(
        { [logKeys.file]: aside, [logKeys.reason]: why },
        'daily use was damaged; it starts from zero',
      );
    } catch (error) {
      const detail = messageOf(error);
      log.error(
        { [logKeys.file]: file, [logKeys.reason]: why, detail },
        'daily use is damaged, and stays there',
      );
    }
  }
}

const ENTRIES_AT_A_TIME = 2000;
