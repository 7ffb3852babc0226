// How much disk the store takes, and when it must take no more. The bound is hard: SQLite refuses pages beyond
// max_page_count (free pages inside the file are used again first), and the WAL has its share set aside.

import { statfsSync, statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';

/** A disk with less room than this is why something could not be written, rather than the buffer's limit. */
const FULL_DISK_BYTES = 1024 * 1024;

export type StallReason = 'buffer-full' | 'disk-full';

export interface SpaceOptions {
  file: string;
  /** Database and WAL together. */
  bytesMax: number;
  /** The WAL is checkpointed from here on; twice this is set aside for it. */
  checkpointBytes: number;
  diskFreeBytesMin: number;
}

export class Space {
  readonly #options: SpaceOptions;
  readonly #pageBytes: number;
  readonly #db: Database;
  readonly #pagesMax: number;

  constructor(db: Database, options: SpaceOptions) {
    this.#db = db;
    this.#options = options;
    this.#pageBytes = db.pragma('page_size', { simple: true }) as number;
    const pages = Math.floor((options.bytesMax - 2 * options.checkpointBytes) / this.#pageBytes);
    this.#pagesMax = Math.max(pages, 16);
    db.pragma(`max_page_count = ${this.#pagesMax}`);
  }

  /** Bytes of the WAL file on disk (its high-water mark, not what is live in it). */
  walBytes(): number {
    return statSync(`${this.#options.file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  }

  usedBytes(): number {
    return (statSync(this.#options.file, { throwIfNoEntry: false })?.size ?? 0) + this.walBytes();
  }

  /**
   * How full the database is, 0 to 1, where 1 is the bound; pages of which no use is made are free. `spareBytes`: what
   * could be deleted at once.
   */
  fill(spareBytes: number): number {
    const pages = this.#db.pragma('page_count', { simple: true }) as number;
    const freePages = this.#db.pragma('freelist_count', { simple: true }) as number;
    const used = pages - freePages - spareBytes / this.#pageBytes;
    return Math.min(Math.max(used / this.#pagesMax, 0), 1);
  }

  /**
   * Whether the file system has less room than must stay free. A store on a full disk could not even record that
   * something was delivered, so appending stops before.
   */
  diskLow(): boolean {
    return this.#diskFreeBytes() < this.#options.diskFreeBytesMin;
  }

  /**
   * As `stallReasonOf`; SQLite says the same of a full disk and of a full buffer, the disk tells them apart.
   */
  stallReasonOf(error: unknown): StallReason | undefined {
    const reason = stallReasonOf(error);
    if (reason !== 'buffer-full') return reason;
    return this.#diskFreeBytes() < Math.max(this.#options.diskFreeBytesMin, FULL_DISK_BYTES)
      ? 'disk-full'
      : reason;
  }

  #diskFreeBytes(): number {
    const stat = statfsSync(this.#options.file);
    return stat.bavail * stat.bsize;
  }
}

/** Why SQLite could not write, when it is for want of room; undefined for any other fault. */
export function stallReasonOf(error: unknown): StallReason | undefined {
  const code = (error as { code?: unknown }).code;
  if (code === 'SQLITE_FULL') return 'buffer-full';
  return typeof code === 'string' && /^SQLITE_IOERR_(WRITE|TRUNCATE|FSYNC|SHMSIZE)$/.test(code)
    ? 'disk-full'
    : undefined;
}
